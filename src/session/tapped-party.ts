/** The other party of a tapped call: a second path whose frames are taken in the same ticks as the caller's. */
import type { AudioFormat } from '../core/media.ts';
import { frameBytes, frameSamples } from '../core/media.ts';
import type { Dsp } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import { JitterBuffer } from '../transport/jitter-buffer.ts';
import type { MediaTransport } from '../transport/media-transport.ts';
import { CallerLine } from './caller-line.ts';
import type { OtherParty } from './media-loop.ts';

/** One party that is only listened to. It owns neither the transport nor the chain. */
export class TappedParty implements OtherParty {
  readonly transport: MediaTransport;
  readonly dsp: Dsp;
  readonly #jitter: JitterBuffer;
  readonly #line: CallerLine;

  constructor(transport: MediaTransport, dsp: Dsp) {
    const { format } = transport;
    this.transport = transport;
    this.dsp = dsp;
    this.#jitter = new JitterBuffer({
      frameBytes: frameBytes(format),
      frameSamples: frameSamples(format),
      ptimeMs: format.ptimeMs,
      capacityFrames: LIMITS.jitterFrames,
      minimumFrames: LIMITS.jitterStartFrames,
    });
    this.#line = new CallerLine(this.#jitter, dsp, format);
  }

  /** Frames begin to gather. What is lost of this path for good leaves silence; the call ends with the caller's path. */
  start(): void {
    this.transport.start({
      onFrame: (payload, sequenceNumber, timestamp, nowMs) =>
        this.#jitter.push(payload, sequenceNumber, timestamp, nowMs),
      onSilence: (payload) => this.#line.describeSilence(payload),
      onLost: () => undefined,
    });
  }

  /** What the backend hears. @throws ERR_TALKSPURT_DSP_OPTIONS */
  configure(backendInput: AudioFormat): void {
    this.dsp.configure({ leg: this.transport.format, backendInput, backendOutput: backendInput });
  }

  capture(nowMs: number): Uint8Array {
    return this.#line.take(nowMs);
  }
}
