/**
 * Between a backend that writes and a session that wants to hear: text in, sentences out to the voice, audio on to the
 * session, with the answers in their order. An answer is over for the session when its last sentence has been delivered.
 */
import type { BackendSink, BackendStream, HeardPhrase, UnsaidText } from '../backend/backend.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { EventSink, Speaker } from '../core/events.ts';
import { bytesPerMs } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import { SentenceSplitter } from './sentence-splitter.ts';
import type { SentenceSplitterOptions } from './sentence-splitter.ts';
import type { SentenceVoice } from './sentence-voice.ts';
import { SpeechQueue, ttsOverflow } from './speech-queue.ts';
import type { QueuedSentence, SentenceEnd, SpeechQueueSink } from './speech-queue.ts';
import { SpokenAnswer, unsaidOf } from './spoken-answer.ts';
import type { AnswerStatus, Unsaid } from './spoken-answer.ts';
import { SpokenTally } from './spoken-tally.ts';
import type { SpokenStats } from './spoken-tally.ts';

/** What it is made of. */
export interface SpokenConversationOptions {
  readonly callId: string;
  readonly backend: string;
  readonly clock: Clock;
  readonly voice: SentenceVoice;
  readonly sink: BackendSink;
  readonly events: EventSink | null;
  readonly splitter: SentenceSplitterOptions;
}

/** The sink of the backend that writes, and the half of the stream that the session talks to. */
export class SpokenConversation implements BackendSink, SpeechQueueSink {
  readonly #options: SpokenConversationOptions;
  readonly #sink: BackendSink;
  readonly #splitter: SentenceSplitter;
  readonly #queue: SpeechQueue;
  readonly #bytesPerMs: number;
  #inner: BackendStream | null = null;
  /** Not over yet, in order: the first one is what the session is told of. */
  #answers: SpokenAnswer[] = [];
  /** Over, and perhaps not heard to their end yet. */
  #delivered: SpokenAnswer[] = [];
  /** The one that text belongs to. */
  #writing: SpokenAnswer | null = null;
  /** Text of the item that is being written. */
  #item = '';
  /** The backend's name of the item that was whole last. */
  #wholeItemId = '';
  /** Until the next answer begins, text is not for the caller. */
  #muted = false;
  /** Cancelled, and the session waits to hear that it is over. */
  #unfinished = new Set<string>();
  /** To be said when what is being written is complete. */
  #toSay: UnsaidText[] = [];
  /** An answer is due that has not begun. */
  #asked = false;
  /** The phrase that has had audio and is not told to be done. */
  #openItem: string | null = null;
  #itemNumber = 0;
  #ownNumber = 0;
  readonly #tally: SpokenTally;
  /** Left when it was over. */
  #unsaid: Unsaid = { texts: [], alone: false };
  #refused = false;
  /** The backend says when its responses begin: text outside of one is none to be spoken. */
  #announces = false;
  #over = false;

  constructor(options: SpokenConversationOptions) {
    this.#options = options;
    this.#sink = options.sink;
    this.#splitter = new SentenceSplitter(options.splitter);
    this.#queue = new SpeechQueue({ clock: options.clock, voice: options.voice, sink: this });
    this.#bytesPerMs = bytesPerMs(options.voice.format);
    this.#tally = new SpokenTally(options);
    // What a sink does not have must not be seen to be there.
    if (options.sink.onMessage !== undefined) this.onMessage = (text) => options.sink.onMessage?.(text);
    if (options.sink.onExpiring !== undefined) this.onExpiring = (inMs) => options.sink.onExpiring?.(inMs);
  }

  onMessage?: (text: string) => void;
  onExpiring?: (inMs: number) => void;

  get stats(): Readonly<SpokenStats> {
    return this.#tally.stats;
  }

  /** What was to be said, as far as nothing of it was delivered. */
  get unsaid(): Unsaid {
    return this.#over ? this.#unsaid : unsaidOf(this.#answers, this.#toSay, this.#asked);
  }

  /** Sentences that have not been delivered, and texts that wait for the end of an answer. */
  get waiting(): number {
    return this.#queue.length + this.#toSay.length;
  }

  /** For how long a text has been due and nothing of it came, ms. */
  get waitMs(): number {
    return this.#queue.waitMs;
  }

  /** The stream of the backend that writes, once there is one. */
  attach(inner: BackendStream): void {
    this.#inner = inner;
  }

  /** The backend was asked for an answer. */
  asked(): void {
    this.#asked = true;
  }

  onResponseStarted(responseId: string): void {
    if (this.#over) return;
    this.#endWriting('incomplete');
    this.#announces = true;
    this.#muted = false;
    this.#begin(new SpokenAnswer(responseId));
  }

  onResponseDone(responseId: string, status: AnswerStatus): void {
    if (this.#unfinished.delete(responseId)) this.#sink.onResponseDone(responseId, status);
    if (this.#writing?.id === responseId) this.#endWriting(status);
  }

  onTranscript(by: Speaker, text: string, final: boolean, itemId = ''): void {
    // The agent's words are passed on with their sound: what nobody hears was not said.
    if (by === 'caller') this.#sink.onTranscript(by, text, final);
    if (by === 'caller' || this.#over) return;
    if (this.#muted) {
      // Of a server that says of no response that it begins, what was cut ends with its item.
      if (final && !this.#announces) this.#muted = false;
      return;
    }
    // Some servers begin to write without saying so; there, an item is an answer.
    if (this.#writing === null && this.#announces) return;
    if (this.#writing === null && final && itemId !== '' && itemId === this.#wholeItemId) return;
    if (this.#writing === null && !this.#begin(new SpokenAnswer(this.#ownId('text')))) {
      this.#muted = !final;
      return;
    }
    // Who is told twice that an item is whole does not say it twice.
    const again = final && itemId !== '' && itemId === this.#wholeItemId;
    if (final) this.#wholeItemId = itemId;
    const rest = final && !again && text.startsWith(this.#item) ? text.slice(this.#item.length) : '';
    const addition = final ? rest : text;
    if (this.#fits(addition)) {
      this.#item += addition;
      this.#write(addition, this.#splitter.push(addition));
    }
    if (!final) return;
    this.#write('\n', this.#splitter.flush());
    this.#item = '';
    if (this.#writing?.ours === false && this.#writing.id.startsWith(OWN)) this.#endWriting('completed');
  }

  /** The backend's own audio: it should have none. */
  onAudio(): void {
    if (this.#refused) return;
    this.#refused = true;
    const message = `backend '${this.#options.backend}' speaks itself: leave out its speech settings, or have it write`;
    this.#sink.onError(new TalkspurtError('ERR_TALKSPURT_BACKEND_PROTOCOL', message));
  }

  onSentenceAudio({ itemId, text }: QueuedSentence, audio: Uint8Array, words: boolean): void {
    if (this.#openItem !== itemId) {
      // Only now: between two sentences of an answer its end would be the end of the agent's turn.
      this.#closeItem();
      this.#openItem = itemId;
      if (words) this.#sink.onTranscript('agent', text, true, itemId);
    }
    const answer = this.#answers.find((each) => each.has(itemId));
    answer?.delivered(itemId, words ? audio.length / this.#bytesPerMs : 0, this.#queue.heardByMs);
    this.#sink.onAudio(audio, itemId);
  }

  onAudioDone(): void {
    // Of the backend's own audio, too.
  }

  /** A sentence is over, well or not. */
  onSentenceEnd(sentence: QueuedSentence, end: SentenceEnd): void {
    const answer = this.#answers.find((each) => each.has(sentence.itemId));
    answer?.ended(sentence.itemId, end);
    this.#tally.count(sentence, end);
    // Its phrase stays open until another one is heard: until then, only this says that it is whole, or never will be.
    if (sentence.itemId === this.#openItem && end.outcome !== 'cut' && end.audioMs > 0) {
      this.#sink.onPhraseSpoken?.(sentence.itemId, answer?.wordsOf(sentence.itemId, this.#tally.msPerCharacter));
    }
    if (end.outcome === 'dropped' && answer !== undefined) this.#tellOverflow(answer);
    else if (end.error !== null) this.#sink.onError(end.error);
    // Not while it is being cut: the answers are told one by one then.
    if (end.outcome !== 'cut') this.#settle();
  }

  onSpeech(edge: 'started' | 'stopped'): void {
    // It answers by itself.
    if (edge === 'stopped') this.asked();
    this.#sink.onSpeech(edge);
  }

  onToolCall(toolCallId: string, name: string, argumentsJson: string): void {
    this.#sink.onToolCall(toolCallId, name, argumentsJson);
  }

  onFlush(): void {
    this.#drop();
    this.#sink.onFlush?.();
  }

  onError(error: TalkspurtError): void {
    this.#sink.onError(error);
  }

  onClosed(error: TalkspurtError | null): void {
    this.close();
    this.#sink.onClosed(error);
  }

  /**
   * The caller cut in: nothing more is delivered, and the backend is told what was heard. `lastHeard`: the phrase that was heard last;
   * null: none was; undefined: nobody knows, and it is reckoned by the clock.
   */
  cancel(lastHeard: HeardPhrase | null | undefined): void {
    const nowMs = this.#options.clock.nowMs();
    const all = [...this.#delivered, ...this.#answers];
    // One that is not there is of an answer that was heard to its end: these come after it.
    const present = lastHeard ? all.findIndex((answer) => answer.has(lastHeard.itemId)) : -1;
    const heard = all.map((answer, index) => {
      if (lastHeard === undefined) return answer.heardBy(nowMs, this.#tally.msPerCharacter);
      if (index < present) return answer.heardAtLast;
      if (lastHeard === null || index > present) return '';
      return answer.heardUntil(lastHeard.itemId, lastHeard.playedMs, this.#tally.msPerCharacter);
    });
    this.#drop();
    this.#inner?.cancelResponse(null, 0);
    for (const [index, answer] of all.entries()) this.#tellHeard(answer, heard[index] ?? null);
  }

  /** A phrase was heard to its end. */
  played(itemId: string, whole: boolean): void {
    const index = this.#delivered.findIndex((answer) => answer.lastItemId === itemId);
    if (!whole || index < 0) return;
    for (const answer of this.#delivered.splice(0, index + 1)) this.#tellHeard(answer, answer.heardAtLast);
  }

  /** Says `text` word for word, behind what is being said. `written`: see {@link BackendStream.say}. */
  say(text: string, written = false): void {
    if (this.#over) return;
    if (this.#writing !== null && !this.#muted) {
      if (this.#toSay.length < LIMITS.ttsAnswers) this.#toSay.push({ text, written });
      else this.#sink.onError(ttsOverflow());
      return;
    }
    const answer = new SpokenAnswer(this.#ownId('say'), true, written);
    if (!this.#begin(answer)) return;
    if (this.#fits(text)) {
      const splitter = new SentenceSplitter(this.#options.splitter);
      this.#write(text, [...splitter.push(text), ...splitter.flush()]);
    }
    this.#endWriting('completed');
  }

  /** Nothing more is delivered. */
  close(): void {
    if (this.#over) return;
    this.#unsaid = this.unsaid;
    this.#over = true;
    this.#drop();
    this.#delivered = [];
  }

  /** False: more of them wait than may, and it is not heard. */
  #begin(answer: SpokenAnswer): boolean {
    this.#item = '';
    if (!answer.ours) this.#asked = false;
    if (this.#answers.length >= LIMITS.ttsAnswers) {
      this.#tellOverflow(answer);
      if (!answer.ours) {
        this.#muted = true;
        this.#tellHeard(answer, '');
      }
      return false;
    }
    this.#answers.push(answer);
    this.#writing = answer;
    this.#settle();
    return true;
  }

  /** Whether what is being written may go on with `text`; told once when it may not. */
  #fits(text: string): boolean {
    const answer = this.#writing;
    if (answer === null || answer.takes(text)) return answer !== null;
    this.#tellOverflow(answer);
    return false;
  }

  #tellOverflow(answer: SpokenAnswer): void {
    if (!answer.overflowTold) this.#sink.onError(ttsOverflow());
    answer.overflowTold = true;
  }

  #write(text: string, sentences: readonly string[]): void {
    const answer = this.#writing;
    if (answer === null) return;
    answer.wrote(text);
    for (const sentence of sentences) {
      this.#itemNumber += 1;
      this.#queue.push(answer.add(`speech-${this.#itemNumber}`, sentence));
    }
  }

  /** No more text belongs to the answer that is being written. */
  #endWriting(status: AnswerStatus): void {
    const answer = this.#writing;
    if (answer === null) return;
    // Half a sentence of an answer that failed means nothing.
    if (status === 'completed' || status === 'incomplete') this.#write('', this.#splitter.flush());
    else this.#splitter.clear();
    answer.status = status;
    this.#writing = null;
    this.#item = '';
    this.#settle();
    for (const { text, written } of this.#toSay.splice(0)) this.say(text, written);
  }

  /** Tells the session of the answers that have begun and ended meanwhile, in order. */
  #settle(): void {
    for (let [answer] = this.#answers; answer !== undefined; [answer] = this.#answers) {
      if (!answer.announced) {
        answer.announced = true;
        this.#sink.onResponseStarted(answer.id);
      }
      if (!answer.over || answer.status === null || this.#answers[0] !== answer) return;
      this.#answers.shift();
      this.#delivered.push(answer);
      if (this.#delivered.length > LIMITS.ttsAnswers) this.#delivered.shift();
      this.#closeItem();
      this.#sink.onResponseDone(answer.id, answer.status);
      // Nothing of it will ever be heard to its end.
      if (answer.lossy && answer.lastItemId === null && this.#delivered.at(-1) === answer) {
        this.#delivered.pop();
        this.#tellHeard(answer, '');
      }
    }
  }

  #closeItem(): void {
    const itemId = this.#openItem;
    this.#openItem = null;
    if (itemId !== null) this.#sink.onAudioDone(itemId);
  }

  /** Everything that has not been delivered. */
  #drop(): void {
    const answers = this.#answers;
    this.#splitter.clear();
    this.#toSay = [];
    // A server that says of no response that it begins has no other sign of the next one than its text.
    this.#muted = this.#announces || this.#writing !== null;
    this.#writing = null;
    this.#item = '';
    this.#queue.abort();
    this.#openItem = null;
    this.#answers = [];
    this.#delivered = [];
    for (const { id, announced, status } of answers) {
      if (!announced) continue;
      if (status === null && !this.#over) this.#unfinished.add(id);
      else if (!this.#over) this.#sink.onResponseDone(id, 'cancelled');
    }
    for (const id of this.#unfinished) {
      if (this.#unfinished.size <= LIMITS.ttsAnswers) break;
      this.#unfinished.delete(id);
    }
  }

  /** `heard` null: all of it. */
  #tellHeard(answer: SpokenAnswer, heard: string | null): void {
    if (this.#over) return;
    if (answer.ours) this.#inner?.noteHeard?.(null, heard ?? answer.text);
    else if (heard !== null && !answer.isAll(heard)) this.#inner?.noteHeard?.(answer.id, heard);
  }

  #ownId(kind: 'say' | 'text'): string {
    this.#ownNumber += 1;
    return `${OWN}${kind}-${this.#ownNumber}`;
  }
}

/** Answers that no response of the backend's stands for. */
const OWN = 'speech:';
