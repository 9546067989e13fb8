/**
 * A channel's unicast, with the failure modes of the real one. FreeSWITCH keeps three things that can disagree: a flag and a
 * connection on the channel (the latest `sendmsg`), and the connection that the running park loop took when it first saw the
 * flag. Each fatal misuse is a way to make them disagree.
 */
import type { ChannelAudio } from './channel-audio.ts';
import { UnicastMedia } from './unicast-media.ts';
import type { UnicastRequest } from './unicast-media.ts';

/** What the switch around a channel is told. */
export interface UnicastHost {
  channelGone(): boolean;
  crash(reason: string): void;
  onUnicastFailure(request: UnicastRequest): void;
}

/** What one run of the park application holds on to: never replaced while it runs, hence "once per park". */
export interface ParkLoop {
  unicast: UnicastMedia | null;
  /** Silence is written to the phone in every ptime. */
  readonly writesSilence: boolean;
}

/** Unicast of one channel, its fatal mistakes included. */
export class ChannelUnicast {
  readonly #audio: ChannelAudio;
  readonly #host: UnicastHost;
  /** The connection that the channel knows; closed by {@link deactivate}. */
  #latest: UnicastMedia | null = null;
  #flag = false;
  /** Connections whose reading thread nobody will end: they live on with their ports. */
  readonly #orphans = new Set<UnicastMedia>();

  constructor(audio: ChannelAudio, host: UnicastHost) {
    this.#audio = audio;
    this.#host = host;
  }

  /** Whether frames flow to a peer at present. */
  get active(): boolean {
    return this.#flag && (this.#latest?.launched ?? false);
  }

  get orphans(): number {
    return this.#orphans.size;
  }

  /** `sendmsg unicast`. `park` is the running park loop, if one runs. */
  activate(request: UnicastRequest, mediaUp: boolean, park: ParkLoop | null): void {
    if (!mediaUp) {
      this.#host.crash('SIGSEGV in switch_ivr_activate_unicast: the channel has no read codec');
      return;
    }
    const media = new UnicastMedia(request, {
      onInjected: (payload) => this.#onInjected(payload, request.native),
      onFailure: () => {
        if (this.#latest === media) this.#flag = false;
        this.#host.onUnicastFailure(request);
      },
    });
    const before = this.#latest;
    if (park !== null && park.unicast !== null) {
      // The loop keeps the connection it has. Whichever of the two is not the channel's own is nobody's from now on.
      if (before !== null && before === park.unicast && this.#flag) this.#orphans.add(before);
      else {
        media.launch();
        this.#orphans.add(media);
        // One that was asked for and never launched keeps its port, too.
        if (before !== null && this.#flag) this.#orphans.add(before);
      }
    } else if (before !== null && this.#flag) before.close();
    this.#latest = media;
    this.#flag = true;
  }

  /** What ends unicast for the rest of this park: a playback, a bridge, a transfer, the hang-up. */
  deactivate(): void {
    if (!this.#flag) return;
    this.#flag = false;
    if (this.#latest !== null && !this.#orphans.has(this.#latest)) this.#latest.close();
  }

  /** One turn of the park loop: `samples` is what the phone said, null when it sent no RTP. */
  onParkTick(park: ParkLoop, samples: Int16Array | null): void {
    if (!this.#flag) return;
    if (park.unicast === null && this.#latest !== null) {
      park.unicast = this.#latest;
      park.unicast.launch();
    }
    const peer = park.unicast;
    if (peer !== null) peer.send(this.#audio.unicastFrame(samples, peer.request.native));
  }

  /** The process is gone, or being closed: frees every port. */
  dispose(): void {
    this.#latest?.close();
    for (const orphan of this.#orphans) orphan.close();
    this.#orphans.clear();
  }

  #onInjected(payload: Buffer, native: boolean): void {
    if (this.#host.channelGone())
      this.#host.crash('SIGABRT: Assertion `session != NULL` failed in an orphaned unicast thread');
    else this.#audio.inject(payload, native);
  }
}
