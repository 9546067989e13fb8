/**
 * A caller by script: speaks recordings in real time, waits for the agent, cuts in, presses digits, hangs up; and records
 * what was said and what was heard on one time line. It has no timer: the switch's media clock drives it frame by frame.
 */
import { LIMITS } from '../limits.ts';
import type { SimulatedPhone } from './phone.ts';
import { resampleSinc } from './sinc-resample.ts';

/** One thing that the caller does; the next one begins when it is done. */
export type CallerStep =
  /** Plays a recording. `text` is what it says, for those who watch. */
  | { readonly say: Int16Array; readonly sampleRateHz: number; readonly text: string }
  /** Waits until the agent is heard (100 ms of it), or has been silent for `quietMs` after being heard. */
  | { readonly waitForAgent: 'starts'; readonly timeoutMs: number }
  | { readonly waitForAgent: 'stops'; readonly quietMs: number; readonly timeoutMs: number }
  | { readonly silenceMs: number }
  | { readonly press: string }
  | { readonly hangup: true };

/** What the caller did, at a time on its own time line (ms since its first frame). */
export type CallerEvent =
  | { readonly type: 'saying'; readonly atMs: number; readonly text: string }
  | { readonly type: 'said'; readonly atMs: number; readonly text: string }
  | { readonly type: 'agent-heard'; readonly atMs: number }
  | { readonly type: 'agent-silent'; readonly atMs: number }
  | { readonly type: 'timed-out'; readonly atMs: number; readonly waitedFor: 'starts' | 'stops' }
  | { readonly type: 'pressed'; readonly atMs: number; readonly digits: string }
  | { readonly type: 'hung-up'; readonly atMs: number };

/** Both directions, sample-aligned on the time line. */
export interface CallerRecording {
  readonly sampleRateHz: number;
  readonly said: Int16Array;
  readonly heard: Int16Array;
}

/** A frame at or above this is the agent, dBov. */
const HEARD_DBOV = -45;
const HEARD_MS = 100;
/** Quiet that ends the agent's speech for {@link CallerEvent}s, ms. */
const SILENT_MS = 500;

/** One caller. Its time begins with the first frame that it is asked for. */
export class SimulatedCaller implements SimulatedPhone {
  readonly #steps: readonly CallerStep[];
  readonly #onEvent: (event: CallerEvent) => void;
  #step = 0;
  #stepMs = 0;
  #begun = false;
  #playing: Int16Array = new Int16Array(0);
  #playedSamples = 0;
  #pressed = '';
  #hungUp = false;
  #hangupCause: number | null = null;
  #atMs = 0;
  #rateHz = 8000;
  #loudMs = 0;
  #quietMs = 0;
  #agentHeard = false;
  /** Since the caller last began to speak. */
  #heardSinceSpeaking = false;
  readonly #said = new Recording();
  readonly #heard = new Recording();

  constructor(options: { script: readonly CallerStep[]; onEvent?: (event: CallerEvent) => void }) {
    this.#steps = options.script;
    this.#onEvent = options.onEvent ?? ((): void => undefined);
  }

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

  /** A copy of what was recorded so far; at most LIMITS.recordingMs. */
  recording(): CallerRecording {
    return { sampleRateHz: this.#rateHz, said: this.#said.samples(), heard: this.#heard.samples() };
  }

  speak(frame: Int16Array, sampleRateHz: number): boolean {
    this.#rateHz = sampleRateHz;
    const frameMs = (frame.length / sampleRateHz) * 1000;
    // A step that takes no time makes room for the next in the same frame.
    while (this.#step < this.#steps.length && this.#done(frameMs)) this.#next();
    this.#fill(frame);
    this.#said.add(frame, this.#limit());
    this.#stepMs += frameMs;
    this.#atMs += frameMs;
    return true;
  }

  hear(frame: Int16Array | null, sampleRateHz: number): void {
    // What was not sent is heard as silence for as long as the frame that was said beside it.
    const heard = frame ?? new Int16Array(Math.max(0, this.#said.length - this.#heard.length));
    this.#heard.add(heard, this.#limit());
    const frameMs = (heard.length / sampleRateHz) * 1000;
    if (levelOf(heard) >= HEARD_DBOV) {
      this.#loudMs += frameMs;
      this.#quietMs = 0;
      if (!this.#agentHeard && this.#loudMs >= HEARD_MS) {
        this.#agentHeard = true;
        this.#tell({ type: 'agent-heard', atMs: this.#atMs - this.#loudMs });
      }
    } else {
      this.#quietMs += frameMs;
      if (this.#quietMs < SILENT_MS) return;
      this.#loudMs = 0;
      if (this.#agentHeard) this.#tell({ type: 'agent-silent', atMs: this.#atMs - this.#quietMs });
      this.#agentHeard = false;
    }
  }

  takeDigits(): string {
    const digits = this.#pressed;
    this.#pressed = '';
    return digits;
  }

  onHangup(hangupCause: number): void {
    this.#hangupCause = hangupCause;
  }

  /** Whether the step at hand is over; begins it first. */
  #done(frameMs: number): boolean {
    const step = this.#steps[this.#step];
    if (step === undefined) return false;
    if (!this.#begun) this.#begin(step);
    if ('say' in step) return this.#playedSamples >= this.#playing.length;
    if ('silenceMs' in step) return this.#stepMs + frameMs / 2 >= step.silenceMs;
    if (!('waitForAgent' in step)) return true;
    const met = step.waitForAgent === 'starts' ? this.#agentHeard : this.#stoppedFor(step.quietMs);
    if (met) return true;
    if (this.#stepMs < step.timeoutMs) return false;
    this.#tell({ type: 'timed-out', atMs: this.#atMs, waitedFor: step.waitForAgent });
    return true;
  }

  /** The agent had been heard, since this step began or before it, and has been quiet for so long. */
  #stoppedFor(quietMs: number): boolean {
    return this.#quietMs >= quietMs && this.#quietMs < this.#atMs && this.#heardSinceSpeaking;
  }

  #begin(step: CallerStep): void {
    this.#begun = true;
    if ('say' in step) {
      this.#playing = resampleSinc(step.say, step.sampleRateHz, this.#rateHz);
      this.#playedSamples = 0;
      this.#heardSinceSpeaking = false;
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
    if (step !== undefined && 'say' in step) this.#tell({ type: 'said', atMs: this.#atMs, text: step.text });
    this.#step += 1;
    this.#stepMs = 0;
    this.#begun = false;
  }

  #fill(frame: Int16Array): void {
    if (this.#agentHeard) this.#heardSinceSpeaking = true;
    const step = this.#steps[this.#step];
    if (step === undefined || !('say' in step)) return;
    const rest = this.#playing.subarray(this.#playedSamples, this.#playedSamples + frame.length);
    frame.set(rest);
    this.#playedSamples += frame.length;
  }

  #tell(event: CallerEvent): void {
    this.#onEvent(event);
  }

  #limit(): number {
    return (LIMITS.recordingMs / 1000) * this.#rateHz;
  }
}

/** Samples that grow in large steps. */
class Recording {
  #store = new Int16Array(16_000);
  length = 0;

  /** What goes beyond `limit` samples is left out. */
  add(frame: Int16Array, limit: number): void {
    if (this.length + frame.length > limit) return;
    if (this.length + frame.length > this.#store.length) {
      const bigger = new Int16Array(Math.max(this.#store.length * 2, this.length + frame.length));
      bigger.set(this.#store.subarray(0, this.length));
      this.#store = bigger;
    }
    this.#store.set(frame, this.length);
    this.length += frame.length;
  }

  samples(): Int16Array {
    return this.#store.slice(0, this.length);
  }
}

/** RFC 6464 level of a frame, dBov. */
function levelOf(frame: Int16Array): number {
  if (frame.length === 0) return -127;
  let sum = 0;
  for (const sample of frame) sum += sample * sample;
  return sum === 0 ? -127 : 10 * Math.log10(sum / frame.length / 32768 ** 2);
}
