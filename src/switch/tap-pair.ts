/**
 * Both parties of a tapped call, apart: two paths that began at different moments, as one that begins once.
 *
 * How does it work? Frames are dropped until both paths flow, a ptime after a ptime: what comes in a heap has waited somewhere, and
 *   is old. Then both are numbered from one, so that frames of one number arrived within half a ptime of each other. From there on each path's own numbers go on: what is lost of one is a gap of
 *   that one, and moves nothing.
 */
import type { MediaFormat } from '../core/media.ts';
import { frameSamples } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { MediaSink, MediaTransport, MediaTransportStats, PathQuality } from '../transport/media-transport.ts';

/** Both parties, apart: the caller's path, with the other party's as its `other`. It owns both. */
export function hearApart(caller: MediaTransport, other: MediaTransport): TapTransport {
  const gate = new PairGate(caller.format.ptimeMs);
  const second = new GatedTransport(other, gate);
  const first = new TapTransport(caller, gate, second);
  gate.sides = [first, second];
  first.speakThrough(other);
  return first;
}

/** The caller alone. It owns the path. */
export function hearCaller(caller: MediaTransport): TapTransport {
  return new TapTransport(caller, new PairGate(caller.format.ptimeMs));
}

/** Opens for both at once. */
class PairGate {
  readonly #ptimeMs: number;
  /** The caller's, and the other party's. */
  sides: readonly GatedTransport[] = [];
  open = false;

  constructor(ptimeMs: number) {
    this.#ptimeMs = ptimeMs;
  }

  /** A frame of `side` has come; whether it is one to be handed on. Hot path. */
  passes(side: GatedTransport, nowMs: number): boolean {
    if (this.open) return true;
    const [first, second] = this.sides;
    const other = first === side ? second : first;
    if (other === undefined) return (this.open = true);
    side.note(nowMs);
    const age = nowMs - other.frameMs;
    if (side.flows && other.flows && age < 2 * this.#ptimeMs) {
      this.open = true;
      // The other's frame of a moment ago was the pair of this one: the next two are the first pair.
      return age > this.#ptimeMs / 2;
    }
    // A party that does not come must not keep the caller from being heard.
    this.open = side === first && side.heldBack >= LIMITS.tapHeldFrames;
    return this.open;
  }
}

/** One of the two paths, from the opening of the gate on. */
class GatedTransport implements MediaTransport {
  readonly kind: string;
  readonly format: MediaFormat;
  readonly #inner: MediaTransport;
  readonly #gate: PairGate;
  readonly #frameSamples: number;
  #offset: number | null = null;
  #timestampOffset = 0;
  /** When the last frame came before the gate opened; NaN: none. */
  frameMs = Number.NaN;
  /** It came about a ptime after the one before it. */
  flows = false;
  /** Frames before the gate opened. */
  heldBack = 0;

  constructor(inner: MediaTransport, gate: PairGate) {
    this.kind = inner.kind;
    this.format = inner.format;
    this.#inner = inner;
    this.#gate = gate;
    this.#frameSamples = frameSamples(inner.format);
  }

  get stats(): MediaTransportStats {
    return this.#inner.stats;
  }

  get expectsFrames(): boolean {
    return this.#inner.expectsFrames ?? true;
  }

  get rtpStats(): PathQuality {
    return this.#inner.rtpStats ?? NOT_TOLD;
  }

  start(sink: MediaSink): void {
    this.#inner.start({
      onFrame: (payload, sequenceNumber, timestamp, nowMs) => {
        if (!this.#gate.passes(this, nowMs)) {
          this.heldBack += 1;
          return;
        }
        if (this.#offset === null) {
          this.#offset = 1 - sequenceNumber;
          this.#timestampOffset = this.#frameSamples - timestamp;
        }
        const number = (sequenceNumber + this.#offset) & 0xffff;
        sink.onFrame(payload, number, (timestamp + this.#timestampOffset) >>> 0, nowMs);
      },
      onLost: (error) => sink.onLost(error),
    });
  }

  /** A frame has come while the gate is shut. Hot path. */
  note(nowMs: number): void {
    const gapMs = nowMs - this.frameMs;
    const { ptimeMs } = this.format;
    this.flows = gapMs > ptimeMs / 2 && gapMs < 1.5 * ptimeMs;
    this.frameMs = nowMs;
  }

  send(payload: Uint8Array, startsTalkspurt: boolean): void {
    this.#inner.send(payload, startsTalkspurt);
  }

  playedFrames(): number | null {
    return this.#inner.playedFrames();
  }

  flush(): void {
    this.#inner.flush();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}

/** The caller's path. What is said goes through every eavesdropper, and is heard where the switch lets that one whisper. */
export class TapTransport extends GatedTransport {
  readonly other?: MediaTransport;
  readonly #voices: MediaTransport[] = [];

  constructor(inner: MediaTransport, gate: PairGate, other?: MediaTransport) {
    super(inner, gate);
    if (other !== undefined) this.other = other;
  }

  /** From now on what is said goes through `voice` too; it is closed with this one. */
  speakThrough(voice: MediaTransport): void {
    this.#voices.push(voice);
  }

  override send(payload: Uint8Array, startsTalkspurt: boolean): void {
    super.send(payload, startsTalkspurt);
    for (let at = 0; at < this.#voices.length; at += 1) this.#voices[at]!.send(payload, startsTalkspurt);
  }

  override async close(): Promise<void> {
    await Promise.all([super.close(), ...this.#voices.map((voice) => voice.close())]);
  }
}

const NOT_TOLD: PathQuality = { rttMs: null, remoteLost: null, lastHeardMs: Number.NaN };
