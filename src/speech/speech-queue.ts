/**
 * The sentences of a call on their way to the caller: in order, the next one made while the present one plays, and not more
 * than that, because a caller may cut in. Bounded; what is aborted is heard no more from that moment on.
 */
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { bytesPerMs } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { SentenceReport, SentenceVoice } from './sentence-voice.ts';

/** One sentence to be said. */
export interface QueuedSentence {
  /** Its own, among all of the call. */
  readonly itemId: string;
  readonly text: string;
}

/** How a sentence ended. `cut`: the caller did not want the rest; `dropped`: the queue was full. */
export type SentenceOutcome = 'spoken' | 'failed' | 'cut' | 'dropped';

/** What is told of a sentence that is over. */
export interface SentenceEnd extends Readonly<SentenceReport> {
  readonly outcome: SentenceOutcome;
  /** Audio that was delivered, ms. */
  readonly audioMs: number;
  /** From its turn to its first audio, ms; NaN: there was none. */
  readonly firstAudioMs: number;
  /** Why it failed or was dropped. */
  readonly error: TalkspurtError | null;
}

/** Where its audio goes; nothing here may throw. */
export interface SpeechQueueSink {
  /** Whole samples in the voice's format; borrowed. `words` false: a tone that stands for what nobody can speak. */
  onSentenceAudio(sentence: QueuedSentence, audio: Uint8Array, words: boolean): void;
  /** It is over: nothing of it comes any more. In order, once for each sentence that was pushed. */
  onSentenceEnd(sentence: QueuedSentence, end: SentenceEnd): void;
}

/** What it is made of. */
export interface SpeechQueueOptions {
  readonly clock: Clock;
  readonly voice: SentenceVoice;
  readonly sink: SpeechQueueSink;
}

interface Job {
  readonly sentence: QueuedSentence;
  readonly stop: AbortController;
  readonly sinceMs: number;
  readonly report: SentenceReport;
  /** Made, and not delivered: another one is being delivered. */
  readonly held: Uint8Array[];
  bytes: number;
  /** When it was last heard of: its turn came, or audio. */
  stirredMs: number;
  /** Stands for what nobody can speak; null: nothing does. */
  tone: Uint8Array | null;
  firstAudioMs: number;
  over: boolean;
  error: TalkspurtError | null;
}

/** One call's; see the top of the file. */
export class SpeechQueue {
  readonly #clock: Clock;
  readonly #voice: SentenceVoice;
  readonly #sink: SpeechQueueSink;
  readonly #bytesPerMs: number;
  readonly #waiting: QueuedSentence[] = [];
  #waitingCharacters = 0;
  /** Being made, in order; the first one is being delivered. */
  #jobs: Job[] = [];
  /** When what was delivered last began to be heard, and when all of it will have been, as far as can be told from here. */
  #startMs = 0;
  #endMs = 0;
  #wake: Timer | null = null;
  /** A tone has stood for an answer that nobody can speak. */
  #toned = false;
  #pumping = false;

  constructor({ clock, voice, sink }: SpeechQueueOptions) {
    this.#clock = clock;
    this.#voice = voice;
    this.#sink = sink;
    this.#bytesPerMs = bytesPerMs(voice.format);
  }

  /** Sentences that have not been delivered. */
  get length(): number {
    return this.#waiting.length + this.#jobs.length;
  }

  /** When all that was delivered will have been heard, in the clock's ms, if nothing holds it up. */
  get heardByMs(): number {
    return this.#endMs;
  }

  /** For how long the sentence whose turn it is has come no further and nothing is heard, ms; 0: nothing is waited for. */
  get waitMs(): number {
    const [present] = this.#jobs;
    return present === undefined ? 0 : Math.max(0, this.#clock.nowMs() - Math.max(present.stirredMs, this.#endMs));
  }

  /** Puts it behind the others; one that does not fit is over at once. */
  push(sentence: QueuedSentence): void {
    const full =
      this.#waiting.length >= LIMITS.ttsQueueSentences ||
      this.#waitingCharacters + sentence.text.length > LIMITS.ttsQueueCharacters;
    if (full) {
      this.#sink.onSentenceEnd(sentence, { ...NOTHING, outcome: 'dropped', error: ttsOverflow() });
      return;
    }
    this.#waiting.push(sentence);
    this.#waitingCharacters += sentence.text.length;
    this.#pump();
  }

  /** Drops everything: what is being made is ended, nothing more is delivered. */
  abort(): void {
    const jobs = this.#jobs;
    const waiting = this.#waiting.splice(0);
    this.#jobs = [];
    this.#waitingCharacters = 0;
    this.#wake?.cancel();
    this.#wake = null;
    this.#startMs = this.#endMs = 0;
    for (const job of jobs) job.stop.abort(cutShort());
    for (const job of jobs) this.#sink.onSentenceEnd(job.sentence, this.#endOf(job, 'cut'));
    for (const sentence of waiting) this.#sink.onSentenceEnd(sentence, { ...NOTHING, outcome: 'cut' });
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#deliver());
      this.#wake?.cancel();
      this.#wake = null;
      while (this.#waiting.length > 0 && this.#jobs.length < 2) {
        const waitMs = this.#waitMs();
        if (waitMs > 0) {
          if (waitMs < Number.POSITIVE_INFINITY) this.#wake = this.#clock.after(waitMs, () => this.#pump());
          break;
        }
        const sentence = this.#waiting.shift()!;
        this.#waitingCharacters -= sentence.text.length;
        this.#start(sentence);
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** How long until the next one may be begun: when the one before it is heard, or nearly all has been. */
  #waitMs(): number {
    const nowMs = this.#clock.nowMs();
    const [present] = this.#jobs;
    if (present !== undefined && Number.isNaN(present.firstAudioMs)) return Number.POSITIVE_INFINITY;
    const leadMs = this.#endMs - LIMITS.ttsLeadMs - nowMs;
    const begunMs = this.#startMs - nowMs;
    return Math.max(0, present === undefined ? Math.min(begunMs, leadMs) : begunMs);
  }

  #start(sentence: QueuedSentence): void {
    const job: Job = {
      sentence,
      stop: new AbortController(),
      sinceMs: this.#clock.nowMs(),
      report: { engine: '', cached: false, attempts: 0 },
      held: [],
      bytes: 0,
      stirredMs: this.#clock.nowMs(),
      tone: null,
      firstAudioMs: Number.NaN,
      over: false,
      error: null,
    };
    this.#jobs.push(job);
    void this.#make(job);
  }

  /** Never rejects. */
  async #make(job: Job): Promise<void> {
    const { signal } = job.stop;
    try {
      for await (const audio of this.#voice.say(job.sentence.text, signal, job.report)) {
        if (signal.aborted) return;
        job.held.push(audio);
        this.#pump();
      }
      this.#toned = false;
    } catch (error) {
      if (signal.aborted) return;
      job.error = asTalkspurtError(error, 'ERR_TALKSPURT_TTS_FAILED');
      await this.#tone(job);
    }
    if (signal.aborted) return;
    job.over = true;
    this.#pump();
  }

  /** What nobody can speak is heard as a tone, once until somebody speaks again. */
  async #tone(job: Job): Promise<void> {
    if (!this.#voice.off || this.#toned) return;
    this.#toned = true;
    try {
      job.tone = await this.#voice.errorTone();
      job.held.push(job.tone);
    } catch (error) {
      job.error = asTalkspurtError(error);
    }
  }

  /** Hands out what there is of the first one; true when it is over and the next one may be heard. */
  #deliver(): boolean {
    const [job] = this.#jobs;
    if (job === undefined) return false;
    // Whoever hears it may drop the rest.
    while (this.#jobs[0] === job) {
      const audio = job.held.shift();
      if (audio === undefined) break;
      this.#hear(job, audio);
    }
    if (!job.over || this.#jobs[0] !== job) return false;
    this.#jobs.shift();
    // It was not waited for until now.
    const [next] = this.#jobs;
    if (next !== undefined) next.stirredMs = this.#clock.nowMs();
    this.#sink.onSentenceEnd(job.sentence, this.#endOf(job, job.error === null ? 'spoken' : 'failed'));
    return true;
  }

  #hear(job: Job, audio: Uint8Array): void {
    const nowMs = this.#clock.nowMs();
    job.stirredMs = nowMs;
    if (Number.isNaN(job.firstAudioMs)) {
      job.firstAudioMs = nowMs - job.sinceMs;
      this.#startMs = Math.max(nowMs, this.#endMs);
    }
    this.#endMs = Math.max(nowMs, this.#endMs) + audio.length / this.#bytesPerMs;
    const words = audio !== job.tone;
    if (words) job.bytes += audio.length;
    this.#sink.onSentenceAudio(job.sentence, audio, words);
  }

  #endOf(job: Job, outcome: SentenceOutcome): SentenceEnd {
    const { report, error, firstAudioMs, bytes } = job;
    // Of one that the caller did not want, it does not matter any more.
    const why = outcome === 'cut' ? null : error;
    return { ...report, outcome, error: why, firstAudioMs, audioMs: bytes / this.#bytesPerMs };
  }
}

const NOTHING: SentenceEnd = {
  outcome: 'cut',
  audioMs: 0,
  firstAudioMs: Number.NaN,
  error: null,
  engine: '',
  cached: false,
  attempts: 0,
};

/** More text than a call may have waits to be spoken. */
export function ttsOverflow(): TalkspurtError {
  return new TalkspurtError(
    'ERR_TALKSPURT_TTS_OVERFLOW',
    'a sentence was dropped: more text waits to be spoken than a call may have',
    { details: { sentences: LIMITS.ttsQueueSentences, characters: LIMITS.ttsQueueCharacters } },
  );
}

function cutShort(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_TTS_FAILED', 'the sentence was cut short');
}
