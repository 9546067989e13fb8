/** Signal chains that hand every byte through, and take from the caller's frames whether somebody speaks. */
import { TalkspurtError } from '../../src/core/errors.ts';
import type { Dsp, DspOptions, DspPool } from '../../src/dsp/dsp.ts';
import { FakeDsp } from './fake-peers.ts';
import { callerSpeaks, FRAME_BYTES, SILENCE } from './marked-audio.ts';

const PTIME_MS = 20;

/** See the top of the file. What is ducked to nothing is silence on the wire: it comes again. */
export class MarkedDsp extends FakeDsp {
  readonly #held: (Uint8Array | null)[] = [];
  readonly #silence = new Uint8Array(FRAME_BYTES).fill(SILENCE);

  override configure(options: DspOptions): void {
    super.configure(options);
    this.#held.splice(0);
  }

  override feed(payload: Uint8Array | null): void {
    this.#held.push(payload === null ? null : payload.slice());
    this.heldMs = this.#held.length * PTIME_MS;
  }

  override capture(payload: Uint8Array | null = null, adjustMs = 0): Uint8Array {
    if (payload !== null) this.#held.push(payload);
    if (adjustMs >= PTIME_MS && this.#held.length >= 2) this.#held.shift();
    const frame = this.#held.shift() ?? null;
    this.heldMs = this.#held.length * PTIME_MS;
    // What is lost sounds like what was before it.
    if (frame === null) return this.#silence;
    this.speechProbability = callerSpeaks(frame) ? 0.9 : 0;
    return frame;
  }

  override render(said: Uint8Array | null): Uint8Array {
    return super.render(this.gain === 0 ? null : said);
  }
}

/** Room for `size` calls. */
export class MarkedDspPool implements DspPool {
  readonly size: number;
  readonly #unsettled: boolean;
  readonly #busy = new Set<Dsp>();
  /** Chains that were given back twice, or were never taken. */
  strangers = 0;

  constructor(size: number, unsettled: boolean) {
    this.size = size;
    this.#unsettled = unsettled;
  }

  get inUse(): number {
    return this.#busy.size;
  }

  acquire(options: DspOptions): Dsp {
    if (this.#busy.size >= this.size) throw new TalkspurtError('ERR_TALKSPURT_DSP_POOL_EMPTY', 'none is left');
    const dsp = new MarkedDsp();
    dsp.configure(options);
    dsp.echoSettled = !this.#unsettled;
    this.#busy.add(dsp);
    return dsp;
  }

  release(dsp: Dsp): void {
    if (!this.#busy.delete(dsp)) this.strangers += 1;
  }
}
