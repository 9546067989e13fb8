/**
 * The dialogue with Gemini Live, once it is set up: decoded messages in, sink calls and messages out. It knows no socket and no
 * audio bytes; time is handed to it.
 *
 * Gemini names neither answers nor phrases, so both are made here: one answer is one item, from its first audio to
 * `generationComplete`. A turn of the model's goes on until `turnComplete`, for it reckons with the time that its audio takes:
 *
 *              content              generationComplete             turnComplete
 *     idle ──────────────▶ answering ─────────────────▶ playing ──────────────────▶ idle
 *                              └──── interrupted ──▶ broken-off ──── turnComplete ────┘
 *
 * Whatever is said to it interrupts it, so that what we have to say waits until it is idle. There is no order to stop an answer:
 * what was called off by us is thrown away as it comes.
 */
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { AnswerDue } from './answer-due.ts';
import type { BackendCall, BackendSink } from './backend.ts';
import type { GeminiContent, GeminiEvent, GeminiTranscription } from './gemini-event.ts';
import type { GeminiClientMessage } from './gemini-message.ts';
import { GeminiToolCalls } from './gemini-tool-calls.ts';
import { GeminiTranscripts } from './gemini-transcripts.ts';
import { peerText } from './peer-text.ts';

/** What a conversation is made of. */
export interface GeminiConversationOptions {
  readonly backend: string;
  readonly secrets: readonly string[];
  readonly responseTimeoutMs: number;
  /** Gemini ends the caller's turns. */
  readonly detectsTurns: boolean;
  readonly sink: BackendSink;
  /** Sends a message; without effect once the stream is over. */
  readonly send: (message: GeminiClientMessage) => void;
  /** Sends a text as the caller's turn. */
  readonly sendText: (text: string) => void;
  /** The session cannot go on. */
  readonly end: (error: TalkspurtError) => void;
}

/** Counters of one conversation. */
export interface GeminiConversationStats {
  responses: number;
  inputTokens: number;
  outputTokens: number;
  /** Agent audio that came for an answer which was called off or broken off, in bytes. */
  lateAudioBytes: number;
  /** Results of function calls that were called off meanwhile. */
  droppedResults: number;
  /** Texts of ours that waited too long for their turn. */
  droppedTexts: number;
}

type Phase = 'idle' | 'answering' | 'playing' | 'broken-off';

/** One answer of the model's that has begun. */
interface Answer {
  readonly id: string;
  /** The sink knows of it. */
  readonly told: boolean;
  /** We called it off: what still comes of it is not wanted. */
  calledOff: boolean;
}

/** One conversation; see the top of the file. */
export class GeminiConversation {
  readonly stats: GeminiConversationStats = {
    responses: 0,
    inputTokens: 0,
    outputTokens: 0,
    lateAudioBytes: 0,
    droppedResults: 0,
    droppedTexts: 0,
  };
  readonly #options: GeminiConversationOptions;
  readonly #sink: BackendSink;
  readonly #tools = new GeminiToolCalls();
  readonly #transcripts: GeminiTranscripts;
  #phase: Phase = 'idle';
  #phaseMs = 0;
  #answer: Answer | null = null;
  /** The answer that words which come late are of. */
  #lastId: string | null = null;
  #callerSpeaks = false;
  /** The answer that is due was called off before it began. */
  #calledOffEarly = false;
  readonly #due: AnswerDue;
  /** Words that came while no answer was under way: of the one to come, or late of the last. */
  #early: { text: string; readonly atMs: number } | null = null;
  /** Texts that wait until the model is idle. */
  readonly #waiting: string[] = [];

  constructor(options: GeminiConversationOptions) {
    this.#options = options;
    this.#sink = options.sink;
    this.#due = new AnswerDue(options.backend, options.responseTimeoutMs);
    this.#transcripts = new GeminiTranscripts(options.sink);
  }

  /** Whether Gemini answers, or should. */
  get answerDue(): boolean {
    return this.#due.isDue;
  }

  /** Nothing is under way, due, or waits to be said by either side. */
  get quiet(): boolean {
    return (
      this.#phase === 'idle' &&
      !this.#due.isDue &&
      this.#waiting.length === 0 &&
      this.#tools.open === 0 &&
      !this.#callerSpeaks
    );
  }

  /** Its own turn is under way: there is nothing that could go on elsewhere. */
  get answering(): boolean {
    return this.#phase === 'answering' || this.#tools.open > 0;
  }

  /** Everything of a message but its content. */
  handle({ speech, usage, calls, cancelledCalls }: GeminiEvent, nowMs: number): void {
    this.stats.inputTokens += usage?.inputTokens ?? 0;
    this.stats.outputTokens += usage?.outputTokens ?? 0;
    if (this.#options.detectsTurns && speech === 'started') this.#callerStarted();
    if (speech === 'stopped') this.#callerStopped(nowMs);
    this.#tools.cancel(cancelledCalls);
    if (calls.length > 0) this.#called(calls, nowMs);
  }

  /** What of `content` comes before its audio. */
  beforeAudio({ input, interrupted }: GeminiContent, nowMs: number): void {
    if (input !== null) {
      // A turn of its own: what comes from here on answers it.
      if (input.text !== '') this.#calledOffEarly = false;
      this.#transcripts.callerSays(input);
      if (input.finished && this.#phase === 'idle' && !this.#due.isAsked) this.#due.expect(nowMs);
    }
    if (interrupted) this.#interrupted(nowMs);
  }

  /** Agent audio arrived: the item that it belongs to, or null when it is not to be heard. */
  admitAudio(bytes: number, nowMs: number): string | null {
    const answer = this.#answering(nowMs);
    if (answer !== null && !answer.calledOff) return answer.id;
    this.stats.lateAudioBytes += bytes;
    return null;
  }

  /** What of `content` comes behind its audio. */
  afterAudio(content: GeminiContent, nowMs: number): void {
    const { output, generationComplete, turnComplete, waitingForInput, fault } = content;
    if (output !== null) this.#agentSays(output, nowMs);
    if (fault !== undefined) this.#ended(fault);
    if (generationComplete) this.#generated(nowMs);
    if (waitingForInput && this.#phase === 'idle') this.#due.stop();
    if (turnComplete) this.#turnOver(nowMs);
  }

  /** The caller cut in: nothing more of the answer under way, of one that was asked for, and of what waits. */
  cancel(): void {
    this.#waiting.length = 0;
    if (this.#answer !== null) this.#answer.calledOff = true;
    else if (this.#due.isAsked) this.#calledOffEarly = true;
    else return;
    this.#due.stop();
  }

  /** The caller's turn was ended by us: an answer is due. */
  turnEnded(nowMs: number): void {
    this.#calledOffEarly = false;
    this.#due.ask(nowMs);
  }

  /** The only way to have the model find words without the caller having spoken: to tell it what a caller might. */
  say(text: string, nowMs: number): void {
    if (this.#free) return this.#put(text, nowMs);
    this.#waiting.push(text);
    if (this.#waiting.length <= LIMITS.geminiWaitingTexts) return;
    this.#waiting.shift();
    this.stats.droppedTexts += 1;
  }

  /** Functions of a session before this one. */
  restore(toolCalls: NonNullable<BackendCall['toolCalls']>): void {
    this.#tools.restore(toolCalls);
  }

  sendToolResult(toolCallId: string, outputJson: string, nowMs: number): void {
    const result = this.#tools.result(toolCallId, outputJson);
    if (result.kind === 'unwanted') this.stats.droppedResults += 1;
    else if (result.kind === 'words') this.say(result.text, nowMs);
    else {
      this.#options.send({ toolResponse: { functionResponses: [result.response] } });
      if (this.#tools.open === 0) this.#due.ask(nowMs);
    }
  }

  /**
   * To be called about once a second: an answer that was asked for, or that had begun, and shows no sign of life ends the session,
   * so that another one is asked. One that only the caller's words let us expect is complained of.
   */
  watch(nowMs: number): void {
    const { responseTimeoutMs: limitMs } = this.#options;
    if (this.#early !== null && nowMs - this.#early.atMs >= LIMITS.geminiStragglerMs) this.#lateWords();
    // Its own reckoning of the time that its audio takes has gone wrong, or the word of it was lost with a connection: what waits
    // goes now.
    const overdue = this.#phase !== 'answering' && this.#phase !== 'idle' && nowMs - this.#phaseMs >= limitMs;
    if (this.#waiting.length > 0 && (overdue || this.#free)) this.#turnOver(nowMs);
    const missed = this.#due.missed(nowMs, this.#answer);
    if (missed === null) return;
    const { error, awaited } = missed;
    if (awaited) return this.#options.end(error);
    this.#sink.onError(error);
    this.#finish('failed');
    this.#enter('idle', nowMs);
  }

  /** Nothing of ours would interrupt anything. */
  get #free(): boolean {
    return this.#phase === 'idle' && !this.#due.isAsked && this.#tools.open === 0;
  }

  /** The answer that content belongs to; null: it is a straggler of one that was broken off. */
  #answering(nowMs: number): Answer | null {
    if (this.#phase === 'broken-off' && nowMs - this.#phaseMs < LIMITS.geminiStragglerMs) return null;
    this.#callerDone();
    this.#due.expect(nowMs);
    this.#answer ??= this.#begin(nowMs);
    this.#enter('answering', nowMs);
    return this.#answer;
  }

  /** Words may come before their audio, and behind all of it. */
  #agentSays(output: GeminiTranscription, nowMs: number): void {
    const answer = this.#answer;
    if (this.#phase === 'broken-off' || answer?.told === false || answer?.calledOff === true) return;
    if (answer !== null) this.#transcripts.agentSays(output, answer.id);
    else if (this.#phase === 'playing' || output.text === '') {
      if (this.#lastId !== null) this.#transcripts.agentSays(output, this.#lastId);
    } else {
      const text = (this.#early?.text ?? '') + output.text;
      this.#early = { text: text.slice(0, LIMITS.geminiTranscriptCharacters), atMs: this.#early?.atMs ?? nowMs };
      if (this.#due.isDue) this.#due.expect(nowMs);
    }
  }

  /** No answer has followed them: they are of the one before. */
  #lateWords(): void {
    const text = this.#early?.text ?? '';
    this.#early = null;
    if (text !== '' && this.#lastId !== null) this.#transcripts.agentSays({ text, finished: true }, this.#lastId);
  }

  /** Gemini hears the caller, and has stopped what it was saying. */
  #interrupted(nowMs: number): void {
    if (this.#options.detectsTurns) this.#callerStarted();
    this.#due.stop();
    this.#calledOffEarly = false;
    this.#transcripts.agentDone();
    this.#finish('cancelled');
    this.#enter('broken-off', nowMs);
  }

  #callerStarted(): void {
    if (this.#callerSpeaks) return;
    this.#callerSpeaks = true;
    // First, so that a session knows what it was that was being said when it was cut off.
    this.#sink.onSpeech('started');
  }

  #callerStopped(nowMs: number): void {
    if (this.#callerSpeaks && this.#phase !== 'answering') this.#due.expect(nowMs);
    this.#callerDone();
  }

  /** The end of the caller's speech seldom has a message of its own: it is what Gemini does next. */
  #callerDone(): void {
    this.#transcripts.callerDone();
    if (!this.#callerSpeaks) return;
    this.#callerSpeaks = false;
    this.#sink.onSpeech('stopped');
  }

  #generated(nowMs: number): void {
    if (this.#phase === 'broken-off') return;
    // Words of the turn that it answers may come late.
    this.#transcripts.callerDone();
    this.#due.stop();
    this.#calledOffEarly = false;
    this.#finish(this.#answer?.calledOff === true ? 'cancelled' : 'completed');
    this.#enter('playing', nowMs);
  }

  #turnOver(nowMs: number): void {
    const empty = this.#answer === null && this.#phase === 'idle' && this.#due.isAsked && this.#tools.open === 0;
    const own = this.#phase === 'idle' || this.#phase === 'answering';
    // Where it was broken off the caller goes on.
    if (own) this.#callerDone();
    this.#transcripts.agentDone();
    // There was nothing to say: whoever waits for it must know.
    if (empty) this.#answer = this.#begin(nowMs);
    // What was asked for since its last word is of another turn.
    if (own) this.#due.stop();
    this.#calledOffEarly = false;
    this.#finish(this.#answer?.calledOff === true ? 'cancelled' : 'completed');
    this.#enter('idle', nowMs);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#put(next, nowMs);
  }

  #ended(fault: string): void {
    const { backend, secrets } = this.#options;
    const details = { place: 'response', apiCode: peerText(fault, secrets) };
    const message = `backend '${backend}' ended an answer that it should have given: see apiCode`;
    this.#sink.onError(new TalkspurtError('ERR_TALKSPURT_BACKEND_API', message, { details }));
    this.#finish('failed');
  }

  #called(calls: GeminiEvent['calls'], nowMs: number): void {
    this.#callerDone();
    // What was said until now is whole; what follows the results is another answer.
    this.#finish(this.#answer?.calledOff === true ? 'cancelled' : 'completed');
    this.#transcripts.agentDone();
    this.#enter('idle', nowMs);
    // The next word is ours, however long that takes.
    this.#due.stop();
    for (const call of calls) {
      const toolCallId = this.#tools.add(call);
      if (toolCallId !== null) this.#sink.onToolCall(toolCallId, call.name, call.argumentsJson);
    }
  }

  #put(text: string, nowMs: number): void {
    this.#options.sendText(text);
    this.#calledOffEarly = false;
    this.#due.ask(nowMs);
  }

  #enter(phase: Phase, nowMs: number): void {
    this.#phase = phase;
    this.#phaseMs = nowMs;
  }

  #begin(nowMs: number): Answer {
    const early = this.#early;
    if (early !== null && nowMs - early.atMs >= LIMITS.geminiStragglerMs) this.#lateWords();
    this.#early = null;
    this.stats.responses += 1;
    const id = `${this.#options.backend}-${this.stats.responses}`;
    // Called off before it began: the sink never hears of it.
    const calledOff = this.#calledOffEarly;
    this.#calledOffEarly = false;
    if (!calledOff) {
      this.#lastId = id;
      this.#sink.onResponseStarted(id);
      if (early !== null && nowMs - early.atMs < LIMITS.geminiStragglerMs) {
        this.#transcripts.agentSays({ text: early.text, finished: false }, id);
      }
    }
    return { id, told: !calledOff, calledOff };
  }

  /** Tells the sink once, and only of an answer that it has seen begin. */
  #finish(status: 'completed' | 'cancelled' | 'failed'): void {
    const answer = this.#answer;
    this.#answer = null;
    if (answer?.told !== true) return;
    if (!answer.calledOff) this.#sink.onAudioDone(answer.id);
    this.#sink.onResponseDone(answer.id, status);
  }
}
