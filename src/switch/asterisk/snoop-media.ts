/** A snoop that is listened to as a call's path, with a voice that comes and goes: what is sent goes through the voice alone. */
import type { MediaFormat } from '../../core/media.ts';
import type { MediaSink, MediaTransport, MediaTransportStats, PathQuality } from '../../transport/media-transport.ts';

/** Listens by one path and speaks by another, or by none. It owns the ear, and the voice while it has one. */
export class SnoopMedia implements MediaTransport {
  readonly kind: string;
  readonly format: MediaFormat;
  readonly stats: MediaTransportStats;
  readonly #ear: MediaTransport;
  #voice: MediaTransport | null = null;
  /** By voices that are no more. */
  #sentBefore = 0;

  constructor(ear: MediaTransport) {
    this.kind = ear.kind;
    this.format = ear.format;
    this.#ear = ear;
    const sentFrames = (): number => this.#sent();
    const voice = (): MediaTransport | null => this.#voice;
    this.stats = {
      get receivedFrames() {
        return ear.stats.receivedFrames;
      },
      get rejectedPackets() {
        return ear.stats.rejectedPackets;
      },
      get sentFrames() {
        return sentFrames();
      },
      get unsentFrames() {
        return voice()?.stats.unsentFrames ?? 0;
      },
    };
  }

  /** A call in which nobody sends anything, and one on hold, are still there: Asterisk tells when they end, while it can. */
  get expectsFrames(): boolean {
    return this.#ear.expectsFrames ?? false;
  }

  get rtpStats(): PathQuality {
    return this.#ear.rtpStats ?? NOT_TOLD;
  }

  /** From now on what is said goes through `voice`, or is heard by nobody. The one before is the caller's to close. */
  speakThrough(voice: MediaTransport | null): void {
    this.#sentBefore = this.#sent();
    this.#voice = voice;
  }

  start(sink: MediaSink): void {
    this.#ear.start(sink);
  }

  send(payload: Uint8Array, startsTalkspurt: boolean): void {
    this.#voice?.send(payload, startsTalkspurt);
  }

  playedFrames(): number | null {
    const played = this.#voice?.playedFrames() ?? null;
    return played === null ? null : this.#sentBefore + played;
  }

  flush(): void {
    this.#voice?.flush();
  }

  async close(): Promise<void> {
    await Promise.all([this.#ear.close(), this.#voice?.close()]);
  }

  #sent(): number {
    return this.#sentBefore + (this.#voice?.stats.sentFrames ?? 0);
  }
}

const NOT_TOLD: PathQuality = { rttMs: null, remoteLost: null, lastHeardMs: Number.NaN };
