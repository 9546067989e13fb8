/** One conversation of a provider that fails as it is told: JSON in, JSON out, on the clock of the run. */
import type { BackendSocketListener } from '../../src/backend/backend-socket.ts';
import type { Timer } from '../../src/core/clock.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import type { FakeClock } from './fake-clock.ts';
import type { ReplyKind } from './fault-plan.ts';
import { callerNumber, callerSpeaks, FRAME_BYTES } from './marked-audio.ts';
import type { AgentVoice } from './marked-voice.ts';
import { WrittenAnswers, sentenceOf } from './written-answers.ts';

/** What it is made with. */
export interface ProviderSessionOptions {
  readonly backend: string;
  readonly callId: string;
  readonly clock: FakeClock;
  readonly detectsTurns: boolean;
  readonly nextReply: () => ReplyKind;
  /** Numbers the answers of a run. */
  readonly nextAnswer: () => number;
  readonly voice: AgentVoice;
  readonly history: readonly string[];
  /** It writes, and somebody else speaks. */
  readonly writes: boolean;
}

interface Answer {
  readonly id: string;
  readonly reply: ReplyKind;
  readonly items: { readonly id: string; readonly ms: number; saidMs: number }[];
  at: number;
  cancelled: boolean;
  /** What still goes out after it was called off. */
  stragglers: number;
}

type ClientMessage = Readonly<Record<string, unknown>> & { readonly type: string };

const DELTA_MS = 120;
const DELTA_EVERY_MS = 30;
const LATENCY_MS = 120;
const SPEECH_FRAMES = 4;
const SILENT_FRAMES = 20;
/** Of one sentence of who writes. */
const SENTENCE_MS = 600;

/** See the top of the file. */
export class ProviderSession {
  readonly callId: string;
  /** Numbers of the caller's frames that were heard, in order. */
  readonly heard: number[] = [];
  readonly toolResults: string[] = [];
  /** What the client did that the interface does not allow. */
  readonly offences: string[] = [];
  /** What was heard before and it was not told of; null: nothing. */
  unknown: string | null = null;
  readonly socket = {
    bufferedBytes: 0,
    send: (text: string): void => this.#send(text),
    sendDroppable: (message: Buffer): boolean => this.#sendDroppable(message),
    fail: (error: TalkspurtError): void => this.#end(error),
    close: (): Promise<void> => this.#close(),
    cut: (): void => this.#end(undefined),
    watchClosely: (silentMs: number, due: () => boolean): void => this.#beWatched(silentMs, due),
  };
  isOpen = true;
  /** Our side closed it. */
  endedByUs = false;
  readonly #options: ProviderSessionOptions;
  readonly #timers = new Set<Timer>();
  readonly #unread: string[] = [];
  // `i` is of the chatter: it came, without audio.
  readonly #ms = new Map([['i', 0]]);
  #listener: BackendSocketListener | null = null;
  #early: string[] = [];
  #closed: TalkspurtError | null | undefined;
  #halfOpen = false;
  #reading = true;
  #deafSinceMs = Number.NaN;
  #answer: Answer | null = null;
  #owed = false;
  #speechFrames = 0;
  #silentFrames = 0;
  #speaking = false;

  readonly #written: WrittenAnswers;

  constructor(options: ProviderSessionOptions) {
    this.#options = options;
    this.#written = new WrittenAnswers(options.voice);
    this.callId = options.callId;
  }

  /** What the agent has written and nobody has heard; null: nothing. */
  get unheard(): string | null {
    // What it has not read yet may put that right.
    return this.#halfOpen || this.#unread.length > 0 ? null : this.#written.unheard;
  }

  handOver(listener: BackendSocketListener): void {
    this.#listener = listener;
    for (const text of this.#early.splice(0)) listener.onMessage(Buffer.from(text));
    if (this.#closed !== undefined) listener.onClosed(this.#closed);
  }

  /** The connection is gone; `1000`: in good order. */
  cut(code: number): void {
    const closed = (): TalkspurtError =>
      new TalkspurtError('ERR_TALKSPURT_BACKEND_CLOSED', `closed (${code})`, { details: { closeCode: code } });
    this.#end(code === 1000 ? null : closed());
  }

  /** Nothing comes through any more, either way, and nobody is told. */
  halve(): void {
    this.#halfOpen = true;
    this.#deafSinceMs = this.#options.clock.nowMs();
  }

  /** Nothing is read for a while. */
  dawdle(forMs: number): void {
    this.#reading = false;
    this.#after(forMs, () => this.#readOn());
  }

  heal(): void {
    if (this.#halfOpen) this.cut(1006);
    else this.#readOn();
  }

  /** A message as it is. */
  say(text: string): void {
    if (this.isOpen) this.#tell(text);
  }

  #send(text: string): void {
    if (!this.isOpen || this.#halfOpen) return;
    if (this.#reading) this.#receive(text);
    else this.#wait(text);
  }

  #sendDroppable(message: Buffer): boolean {
    if (!this.isOpen || this.socket.bufferedBytes > LIMITS.backendBufferedBytes) return false;
    if (this.#halfOpen) this.socket.bufferedBytes += message.length;
    else if (this.#reading) this.#receive(message.toString('latin1'));
    else this.#wait(message.toString('latin1'));
    return true;
  }

  #wait(text: string): void {
    this.socket.bufferedBytes += text.length;
    this.#unread.push(text);
  }

  #readOn(): void {
    this.#reading = true;
    this.socket.bufferedBytes = 0;
    for (const text of this.#unread.splice(0)) if (this.isOpen) this.#receive(text);
  }

  #close(): Promise<void> {
    this.#end(undefined);
    return Promise.resolve();
  }

  /** `undefined`: our side did, and is told nothing. */
  #end(error: TalkspurtError | null | undefined): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.endedByUs = error === undefined;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    // Nobody listens yet: it is told then.
    if (this.#listener === null) this.#closed = error;
    else if (error !== undefined) this.#listener.onClosed(error);
    // What was in the air arrives at a stream that is over.
    const answer = this.#answer;
    if (answer !== null) this.#listener?.onMessage(Buffer.from(this.#delta(answer, 40, true)));
  }

  #beWatched(silentMs: number, due: () => boolean): void {
    if (!this.isOpen) return;
    this.#every(silentMs / 4, () => {
      const deafMs = this.#options.clock.nowMs() - this.#deafSinceMs;
      if (!this.#halfOpen || deafMs < silentMs * (due() ? 1 : 3)) return;
      this.#end(new TalkspurtError('ERR_TALKSPURT_BACKEND_TIMEOUT', 'no message and no pong'));
    });
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as ClientMessage;
    switch (message.type) {
      case 'input_audio_buffer.append':
        return this.#listen(Buffer.from(message['audio'] as string, 'base64'));
      case 'response.create':
        if (this.#answer === null) return this.#begin();
        return this.#tell({
          type: 'error',
          error: { code: 'conversation_already_has_active_response', event_id: message['event_id'] },
        });
      case 'response.cancel':
        return this.#cancel();
      case 'conversation.item.truncate':
        return this.#truncate(message['item_id'] as string, message['audio_end_ms'] as number);
      case 'conversation.item.delete':
        return this.#object(this.#written.forget(message['item_id'] as string));
      case 'conversation.item.create': {
        const item = message['item'] as { type: string; call_id?: string; content?: [{ text: string }] };
        // What was said before is no correction.
        if (String(message['event_id']).startsWith('heard')) {
          return this.#object(this.#written.claim(item.content?.[0].text ?? ''));
        }
        if (item.type === 'function_call_output') this.toolResults.push(item.call_id ?? '');
        return;
      }
      default:
    }
  }

  #object(wrong: string | null): void {
    if (wrong !== null) this.offences.push(wrong);
  }

  #truncate(itemId: string, endMs: number): void {
    const saidMs = this.#ms.get(itemId);
    if (saidMs === undefined) this.offences.push(`truncates ${itemId}, which is none of ours`);
    else if (!(endMs >= 0 && endMs <= saidMs)) this.offences.push(`truncates ${itemId} (${saidMs} ms) at ${endMs} ms`);
  }

  #listen(audio: Buffer): void {
    for (let at = 0; at < audio.length; at += FRAME_BYTES) {
      const number = callerNumber(audio, at);
      if (number !== null) this.heard.push(number);
      if (this.#options.detectsTurns) this.#detect(callerSpeaks(audio, at));
    }
  }

  #detect(speaks: boolean): void {
    this.#speechFrames = speaks ? this.#speechFrames + 1 : this.#speaking ? this.#speechFrames : 0;
    this.#silentFrames = speaks ? 0 : this.#silentFrames + 1;
    if (!this.#speaking && this.#speechFrames >= SPEECH_FRAMES) {
      this.#speaking = true;
      this.#tell({ type: 'input_audio_buffer.speech_started', audio_start_ms: 0, item_id: 'c' });
    } else if (this.#speaking && this.#silentFrames >= SILENT_FRAMES) {
      this.#speaking = false;
      this.#speechFrames = 0;
      this.#tell({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: 0, item_id: 'c' });
      this.#transcribe();
      if (this.#answer === null) this.#begin();
      else this.#owed = true;
    }
  }

  #transcribe(): void {
    const type = 'conversation.item.input_audio_transcription.completed';
    this.#tell({ type, item_id: 'c', content_index: 0, transcript: 'the caller spoke' });
  }

  #begin(): void {
    const reply = this.#options.nextReply();
    if (reply === 'silent') return;
    const answer = this.#make(reply);
    this.#answer = answer;
    this.#after(LATENCY_MS, () => this.#start(answer));
  }

  #make(reply: ReplyKind): Answer {
    const number = this.#options.nextAnswer();
    const lengths: Partial<Record<ReplyKind, number[]>> = {
      flood: [4_000, 4_000],
      crowd: Array.from({ length: 40 }, () => 60),
      endless: [6_000],
      normal: [400 + (number % 5) * 500, 300],
    };
    const items = (lengths[reply] ?? [900, 700]).map((ms, n) => ({ id: `i${number}-${n}`, ms, saidMs: 0 }));
    return { id: `r${number}`, reply, items, at: 0, cancelled: false, stragglers: reply === 'late' ? 5 : 1 };
  }

  #start(answer: Answer): void {
    this.#tell({ type: 'response.created', response: { id: answer.id, status: 'in_progress' } });
    // Called off before it began: nothing of it is said.
    if (answer.cancelled) return this.#done(answer, 'cancelled');
    if (answer.reply === 'two') {
      this.#tell({ type: 'response.created', response: { id: `${answer.id}b`, status: 'in_progress' } });
      this.#tell({ type: 'response.done', response: { id: `${answer.id}b`, status: 'completed' } });
    }
    if (answer.reply === 'tool') {
      const item = { type: 'function_call', id: `f${answer.id}`, call_id: `t${answer.id}`, name: 'f', arguments: '{}' };
      this.#tell({ type: 'response.output_item.done', response_id: answer.id, item });
    }
    if (answer.reply === 'stall') return;
    if (answer.reply !== 'flood' && answer.reply !== 'crowd') return this.#go(answer);
    // All at once, unless it is called off on the way.
    while (this.isOpen && this.#answer === answer && !answer.cancelled) if (this.#step(answer)) return;
    this.#go(answer);
  }

  #go(answer: Answer): void {
    if (this.#step(answer)) return;
    this.#after(DELTA_EVERY_MS, () => this.#go(answer));
  }

  /** One message more of it. True: that was its last. */
  #step(answer: Answer): boolean {
    if (!this.isOpen || this.#answer !== answer) return true;
    const item = answer.items[answer.at];
    if (answer.cancelled && answer.stragglers-- <= 0) {
      this.#done(answer, 'cancelled');
      return true;
    }
    if (item === undefined) {
      if (answer.reply !== 'endless') this.#done(answer, this.#statusOf(answer));
      else if (this.#answer === answer) this.#answer = null;
      return true;
    }
    const mostMs = this.#options.writes ? SENTENCE_MS : DELTA_MS;
    this.#tell(this.#delta(answer, Math.min(mostMs, item.ms - item.saidMs), answer.cancelled));
    const half = item.saidMs * 2 >= item.ms && answer.at === 0;
    if (half && answer.reply === 'cut') this.cut(1006);
    else if (half && answer.reply === 'goodbye') this.cut(1000);
    else if (half && answer.reply === 'malformed') for (let n = 0; n < 3; n += 1) this.#tell('{"type":"response.');
    else if (half && answer.reply === 'early-done') this.#itemDone(answer, item);
    if (item.saidMs < item.ms) return false;
    answer.at += 1;
    if (answer.reply !== 'endless') this.#itemDone(answer, item);
    return false;
  }

  #statusOf({ reply, cancelled }: Answer): string {
    if (cancelled) return 'cancelled';
    return reply === 'failed' || reply === 'incomplete' ? reply : 'completed';
  }

  #delta(answer: Answer, ms: number, forbidden: boolean): string {
    const item = answer.items[Math.min(answer.at, answer.items.length - 1)]!;
    item.saidMs += ms;
    this.#ms.set(item.id, item.saidMs);
    if (this.#options.writes) return this.#text(answer.id, item.id, ms, forbidden);
    const delta = Buffer.from(this.#options.voice.say(ms, forbidden)).toString('base64');
    const names = `"response_id":"${answer.id}","item_id":"${item.id}","output_index":0,"content_index":0`;
    return `{"type":"response.output_audio.delta","event_id":"e${item.saidMs}",${names},"delta":"${delta}"}`;
  }

  /** A sentence, in two pieces. */
  #text(responseId: string, itemId: string, ms: number, forbidden: boolean): string {
    const text = ` ${sentenceOf({ first: this.#options.voice.write(ms, forbidden), ms })}`;
    this.#written.write(itemId, text);
    const names = { response_id: responseId, item_id: itemId, output_index: 0, content_index: 0 };
    const type = 'response.output_text.delta';
    this.#tell({ type, event_id: 'e', ...names, delta: text.slice(0, 9) });
    return JSON.stringify({ type, event_id: 'e', ...names, delta: text.slice(9) });
  }

  #itemDone(answer: Answer, item: { readonly id: string }): void {
    const names = { response_id: answer.id, item_id: item.id, output_index: 0, content_index: 0 };
    const done = this.#options.writes
      ? { type: 'response.output_text.done', ...names, text: this.#written.write(item.id, '') }
      : { type: 'response.output_audio.done', ...names };
    this.#tell(done);
    if (answer.reply === 'duplicated') this.#tell(done);
    if (this.#options.writes) return;
    this.#tell({ type: 'response.output_audio_transcript.done', ...names, transcript: `sentence ${item.id}` });
  }

  #done(answer: Answer, status: string): void {
    this.#answer = null;
    if (status === 'completed') for (const { id } of answer.items) this.#written.complete(id);
    const done = { type: 'response.done', response: { id: answer.id, status } };
    this.#tell(done);
    if (answer.reply === 'duplicated') this.#tell(done);
    if (!this.#owed || this.#answer !== null) return;
    this.#owed = false;
    this.#begin();
  }

  #cancel(): void {
    const answer = this.#answer;
    if (answer === null) {
      this.#tell({ type: 'error', error: { code: 'response_cancel_not_active', message: 'x' } });
      return;
    }
    answer.cancelled = true;
    if (answer.reply === 'stall' || answer.reply === 'endless') this.#done(answer, 'cancelled');
  }

  #tell(message: string | object): void {
    if (!this.isOpen || this.#halfOpen) return;
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    if (this.#listener === null) this.#early.push(text);
    else this.#listener.onMessage(Buffer.from(text));
  }

  #after(ms: number, run: () => void): void {
    const timer = this.#options.clock.after(ms, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }

  #every(ms: number, run: () => void): void {
    this.#timers.add(this.#options.clock.every(ms, run));
  }
}
