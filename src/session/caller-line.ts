/**
 * From the jitter buffer to the chain: as many packets a tick as it takes, one frame out.
 *
 * While nothing is scaled that is a packet a tick, byte for byte. When more waits than the network needs, the chain is given what
 * it needs to cut a little out, and in some later tick no packet at all; when too little waits, the same the other way round.
 */
import type { MediaFormat } from '../core/media.ts';
import type { Dsp } from '../dsp/dsp.ts';
import type { JitterBuffer } from '../transport/jitter-buffer.ts';

/** What the chain wants to see beyond the frame it is to make, to find a seam, ms. */
const SEAM_MS = 15;
/** The rates and packets that the chain's line has room for: two frames and that. */
const LINE_SAMPLES = 4_096;

/** One direction of one call. Hot path: allocates nothing. */
export class CallerLine {
  readonly #jitter: JitterBuffer;
  readonly #dsp: Dsp;
  readonly #ptimeMs: number;
  readonly #scales: boolean;
  #came = false;

  constructor(jitter: JitterBuffer, dsp: Dsp, leg: MediaFormat) {
    this.#jitter = jitter;
    this.#dsp = dsp;
    this.#ptimeMs = leg.ptimeMs;
    this.#scales = ((2 * leg.ptimeMs + SEAM_MS) * leg.sampleRateHz) / 1000 <= LINE_SAMPLES;
  }

  /** Whether anything of the last frame came from the far end. */
  get came(): boolean {
    return this.#came;
  }

  /** One ptime in the backend's input format; borrowed. Once a tick. */
  take(nowMs: number): Uint8Array {
    const { heldMs } = this.#dsp;
    const surplusMs = this.#jitter.surplusMs(nowMs, heldMs);
    if (heldMs === 0 && (surplusMs === 0 || !this.#scales)) {
      // Where it cannot be scaled a whole frame that is too much is one too many.
      if (surplusMs >= this.#ptimeMs) this.#jitter.leaveOut();
      const packet = this.#jitter.pop();
      this.#came = packet !== null;
      return this.#dsp.capture(packet);
    }
    this.#came = heldMs > 0;
    this.#fill(heldMs, surplusMs === 0 ? this.#ptimeMs : this.#ptimeMs + SEAM_MS);
    return this.#dsp.capture(null, surplusMs);
  }

  /** The far end has said what its silence sounds like: behind the frames that wait. */
  describeSilence(payload: Uint8Array): void {
    this.#dsp.describeSilence(payload, this.#jitter.depthFrames);
  }

  /** Puts packets into the line until it holds `wantedMs`, or there are no more. */
  #fill(heldMs: number, wantedMs: number): void {
    const jitter = this.#jitter;
    for (let waitingMs = heldMs; waitingMs < wantedMs; waitingMs += this.#ptimeMs) {
      if (waitingMs >= this.#ptimeMs && jitter.depthFrames === 0) return;
      const packet = jitter.pop();
      // What is only late may still come: no more is made up for it than this frame lacks.
      if (packet === null && jitter.waiting) return;
      this.#dsp.feed(packet);
      if (packet !== null) this.#came = true;
    }
  }
}
