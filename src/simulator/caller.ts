/**
 * A caller by script: speaks recordings in real time, waits for the agent, cuts in, presses digits, hangs up; and records
 * what was said and what was heard on one time line. It has no timer: the switch's media clock drives it frame by frame.
 */
import { LIMITS } from '../limits.ts';
import { CallerEar } from './caller-ear.ts';
import type { SpeechSpan } from './caller-ear.ts';
import { SampleTrack } from './sample-track.ts';
import type { CallerStep } from './caller-script.ts';
import type { SimulatedPhone } from './phone.ts';
import { resampleSinc } from './sinc-resample.ts';

export type { CallerStep } from './caller-script.ts';

/** What the caller did or noticed, at a time on its own time line (ms since its first frame). */
export type CallerEvent =
  | { readonly type: 'saying'; readonly atMs: number; readonly text: string }
  | { readonly type: 'said'; readonly atMs: number; readonly text: string }
  | { readonly type: 'agent-heard'; readonly atMs: number }
  | { readonly type: 'agent-silent'; readonly atMs: number }
  | { readonly type: 'timed-out'; readonly atMs: number; readonly waitedFor: 'starts' | 'stops' | 'interrupt' }
  | { readonly type: 'pressed'; readonly atMs: number; readonly digits: string }
  | { readonly type: 'hung-up'; readonly atMs: number };

/** Both directions, sample-aligned on the time line and of one length. */
export interface CallerRecording {
  readonly sampleRateHz: number;
  readonly said: Int16Array;
  readonly heard: Int16Array;
}

/** What a caller is made of. */
export interface SimulatedCallerOptions {
  readonly script: readonly CallerStep[];
  /** Told from within the media clock: not to take long. */
  readonly onEvent?: (event: CallerEvent) => void;
  /** The leg's rate, for which the recordings are made ready beforehand. Default 8000. */
  readonly sampleRateHz?: number;
}

/** A recording at the leg's rate. */
interface Line {
  readonly samples: Int16Array;
  readonly sampleRateHz: number;
  /** Where its last word ends, ms from its beginning. */
  readonly wordsMs: number;
}

const DEFAULT_QUIET_MS = 700;
/** Below this a recording's end is silence, in full-scale units of 16 bits. */
const WORDS_FLOOR = 300;

/** One call, from the first frame that the switch asks for to the hang-up; a second call needs a second caller. */
export class SimulatedCaller implements SimulatedPhone {
  readonly #steps: readonly CallerStep[];
  readonly #tell: (event: CallerEvent) => void;
  readonly #lines = new Map<CallerStep, Line>();
  readonly #ear = new CallerEar();
  readonly #said = new SampleTrack();
  readonly #heard = new SampleTrack();
  #step = 0;
  #stepMs = 0;
  #begun = false;
  #playing: Int16Array | null = null;
  #playedSamples = 0;
  #pressed = '';
  #hungUp = false;
  #hangupCause: number | null = null;
  #atMs = 0;
  #rateHz: number;
  #frameSamples = 0;
  /** When the caller last began to speak, and when those words end. */
  #spokeFromMs = 0;
  #spokeToMs = 0;

  constructor(options: SimulatedCallerOptions) {
    this.#steps = options.script;
    this.#tell = options.onEvent ?? ((): void => undefined);
    this.#rateHz = options.sampleRateHz ?? 8000;
    for (const step of options.script) if ('say' in step) this.#lines.set(step, lineOf(step, this.#rateHz));
  }

  /** True once the script has hung up. */
  get hungUp(): boolean {
    return this.#hungUp;
  }

  /** Q.850 cause with which the switch ended the call, or null while it is up. */
  get hangupCause(): number | null {
    return this.#hangupCause;
  }

  /** Time since the first frame, ms. */
  get atMs(): number {
    return this.#atMs;
  }

  /** Whether every step is done. */
  get finished(): boolean {
    return this.#step >= this.#steps.length;
  }

  /** When the agent was heard, by level. */
  get agentSpans(): readonly SpeechSpan[] {
    return this.#ear.spans;
  }

  /** A copy of what was recorded so far; at most LIMITS.recordingMs. */
  recording(): CallerRecording {
    // What has been said in a ptime is there before what is heard in it.
    this.#heard.add(NOTHING, this.#said.length, this.#limit);
    const heard = new Int16Array(this.#said.length);
    heard.set(this.#heard.samples().subarray(0, heard.length));
    return { sampleRateHz: this.#rateHz, said: this.#said.samples(), heard };
  }

  speak(frame: Int16Array, sampleRateHz: number): boolean {
    this.#rateHz = sampleRateHz;
    this.#frameSamples = frame.length;
    const frameMs = (frame.length / sampleRateHz) * 1000;
    // A step that takes no time makes room for the next in the same frame.
    while (this.#isDone(frameMs)) this.#next();
    if (this.#playing !== null) {
      frame.set(this.#playing.subarray(this.#playedSamples, this.#playedSamples + frame.length));
      this.#playedSamples += frame.length;
    }
    this.#said.add(frame, 0, this.#limit);
    this.#stepMs += frameMs;
    this.#atMs += frameMs;
    return true;
  }

  hear(frame: Int16Array | null, sampleRateHz: number): void {
    // It belongs to the ptime that was last spoken in; where nothing was sent there is silence of the same length.
    const heard = frame ?? NOTHING;
    this.#heard.add(heard, this.#said.length - (frame?.length ?? 0), this.#limit);
    const frameMs = ((frame?.length ?? this.#frameSamples) / sampleRateHz) * 1000;
    const edge = this.#ear.hear(heard, this.#atMs, frameMs);
    if (edge === null) return;
    const span = this.#ear.last;
    if (edge === 'starts') this.#tell({ type: 'agent-heard', atMs: span?.fromMs ?? this.#atMs });
    else this.#tell({ type: 'agent-silent', atMs: span?.toMs ?? this.#atMs });
  }

  takeDigits(): string {
    const digits = this.#pressed;
    this.#pressed = '';
    return digits;
  }

  onHangup(hangupCause: number): void {
    this.#hangupCause = hangupCause;
  }

  get #limit(): number {
    return (LIMITS.recordingMs / 1000) * this.#rateHz;
  }

  /** Whether the step at hand is over; begins it first. */
  #isDone(frameMs: number): boolean {
    const step = this.#steps[this.#step];
    if (step === undefined) return false;
    if (!this.#begun) this.#begin(step);
    if ('say' in step) return this.#playedSamples >= (this.#playing?.length ?? 0);
    if ('silenceMs' in step) return this.#stepMs + frameMs / 2 >= step.silenceMs;
    if (!('timeoutMs' in step)) return true;
    if (this.#isMet(step)) return true;
    if (this.#stepMs < step.timeoutMs) return false;
    const waitedFor = 'waitForAgent' in step ? step.waitForAgent : 'interrupt';
    this.#tell({ type: 'timed-out', atMs: this.#atMs, waitedFor });
    return true;
  }

  #isMet(wait: Extract<CallerStep, { timeoutMs: number }>): boolean {
    const span = this.#ear.last;
    if (span === null) return false;
    if ('interruptAfterMs' in wait) return span.open && this.#atMs - span.fromMs >= wait.interruptAfterMs;
    if (wait.waitForAgent === 'starts') return span.fromMs >= this.#spokeToMs;
    return span.toMs > this.#spokeFromMs && this.#atMs - span.toMs >= (wait.quietMs ?? DEFAULT_QUIET_MS);
  }

  #begin(step: CallerStep): void {
    this.#begun = true;
    if ('say' in step) {
      let line = this.#lines.get(step);
      // A leg of another rate than was announced: made anew, once.
      if (line?.sampleRateHz !== this.#rateHz) line = lineOf(step, this.#rateHz);
      this.#lines.set(step, line);
      this.#playing = line.samples;
      this.#playedSamples = 0;
      this.#spokeFromMs = this.#atMs;
      this.#spokeToMs = this.#atMs + line.wordsMs;
      this.#tell({ type: 'saying', atMs: this.#atMs, text: step.text });
    } else if ('press' in step) {
      this.#pressed += step.press;
      this.#tell({ type: 'pressed', atMs: this.#atMs, digits: step.press });
    } else if ('hangup' in step) {
      this.#hungUp = true;
      this.#tell({ type: 'hung-up', atMs: this.#atMs });
    }
  }

  #next(): void {
    const step = this.#steps[this.#step];
    if (step !== undefined && 'say' in step) {
      this.#playing = null;
      this.#tell({ type: 'said', atMs: this.#atMs, text: step.text });
    }
    this.#step += 1;
    this.#stepMs = 0;
    this.#begun = false;
  }
}

const NOTHING = new Int16Array(0);

function lineOf(step: Extract<CallerStep, { say: Int16Array }>, sampleRateHz: number): Line {
  const samples = resampleSinc(step.say, step.sampleRateHz, sampleRateHz);
  const last = samples.findLastIndex((sample) => Math.abs(sample) > WORDS_FLOOR);
  return { samples, sampleRateHz, wordsMs: ((last + 1) / sampleRateHz) * 1000 };
}
