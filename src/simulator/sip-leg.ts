/** A leg of the simulated switch that is a SIP call to somebody: what the dialog says becomes the channel's life. */
import { randomInt } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { RtpPhone } from './rtp-phone.ts';
import { readSdp, writeSdp } from './sdp-text.ts';
import type { SdpAnswer, WantedCodec } from './sdp-text.ts';
import type { SipEndpoint } from './sip-endpoint.ts';
import { SipCall } from './sip-uac.ts';
import type { SipCallOptions } from './sip-uac.ts';

/** What a leg does to its channel. */
export interface SipLegHost {
  onRinging(): void;
  /** Media are agreed on: early, or because the call is answered. */
  onMedia(codec: WantedCodec, answered: boolean): void;
  /** The other side holds the call, or takes it up again. */
  onHold(held: boolean): void;
  /** The call will never be, or is over. */
  onEnd(cause: number): void;
}

const INCOMPATIBLE = 88;

/** Owns its phone and its dialog. */
export class SipLeg {
  readonly phone: RtpPhone;
  readonly #options: SipCallOptions;
  readonly #codecs: readonly WantedCodec[];
  readonly #endpoint: SipEndpoint;
  readonly #clock: Clock;
  readonly #host: SipLegHost;
  readonly #sessionId = randomInt(1_000_000_000, 2_000_000_000);
  #version: number;
  #call: SipCall | null = null;
  #port = 0;
  #agreed: WantedCodec | null = null;
  #ended = false;
  #heldByUs = false;

  constructor(
    options: SipCallOptions & { readonly codecs: readonly WantedCodec[]; readonly endpoint: SipEndpoint },
    clock: Clock,
    host: SipLegHost,
  ) {
    this.#options = options;
    this.#codecs = options.codecs;
    this.#endpoint = options.endpoint;
    this.#clock = clock;
    this.#host = host;
    this.#version = this.#sessionId + 1;
    this.phone = new RtpPhone((cause) => this.end(cause));
    this.phone.onHold = (held) => this.#hold(held);
  }

  get callId(): string {
    return this.#call?.callId ?? '';
  }

  /** Binds a port and sends the INVITE; what comes of it is told to the host. */
  async start(): Promise<void> {
    try {
      await this.#endpoint.open();
      this.#port = await this.phone.open(this.#endpoint.address);
    } catch {
      // No port is left: the call fails as one that the network refuses.
      if (!this.#ended) this.#host.onEnd(41);
      return;
    }
    if (this.#ended) return;
    this.#call = new SipCall(this.#options, this.#endpoint, {
      clock: this.#clock,
      onRinging: () => this.#host.onRinging(),
      onAnswer: (sdp, kind) => this.#onAnswer(sdp, kind),
      onOffer: (sdp) => this.#onOffer(sdp),
      onFailed: (cause) => this.#onEnd(cause),
      onBye: () => {
        this.#ended = true;
        this.phone.hungUp = true;
      },
    });
    this.#call.invite(this.#describe(this.#codecs, undefined, true));
  }

  /** The channel is gone: BYE or CANCEL. */
  end(cause: number): void {
    if (!this.#ended) this.#call?.end(cause);
    this.#ended = true;
    this.phone.close();
  }

  #onEnd(cause: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.onEnd(cause);
    this.phone.close();
  }

  #onAnswer(sdp: string, kind: 'early' | 'final' | 'changed'): void {
    const answer = sdp === '' ? null : readSdp(sdp);
    if (answer === null && this.#agreed !== null && kind === 'final') {
      this.#host.onMedia(this.#agreed, true);
      return;
    }
    const codec = answer === null ? null : this.#agree(answer);
    if (answer === null || codec === null) {
      // The dialog is up already: it has to be ended with BYE.
      if (kind === 'changed') return;
      this.#host.onEnd(INCOMPATIBLE);
      return;
    }
    this.#agreed = codec;
    if (kind !== 'changed') this.#host.onMedia(codec, kind === 'final');
  }

  /** The first of the answer's formats that we offered; connects the phone to it. */
  #agree(answer: SdpAnswer): WantedCodec | null {
    if (answer.port === 0) return null;
    for (const format of answer.formats) {
      const name = format.name.toUpperCase();
      const codec = this.#codecs.find((each) => each.name === name && each.sampleRateHz === format.rateHz);
      if (codec === undefined) continue;
      const events = answer.formats.filter((each) => each.name.toLowerCase() === 'telephone-event');
      const event = events.find((each) => each.rateHz === codec.sampleRateHz) ?? events[0];
      const theySend = answer.direction === 'sendrecv' || answer.direction === 'sendonly';
      const theyListen = answer.direction === 'sendrecv' || answer.direction === 'recvonly';
      this.phone.connect({
        address: answer.address,
        port: answer.port,
        codec: codec.name,
        payloadType: format.payloadType,
        eventPayloadType: event?.payloadType ?? null,
        sends: theyListen && !this.#heldByUs,
        listens: theySend && !this.#heldByUs,
      });
      return codec;
    }
    return null;
  }

  /** The other side changes the session: the same codec goes on, its direction is mirrored. */
  #onOffer(sdp: string): string | null {
    // An offer of nothing asks for ours.
    if (sdp === '') return this.#describe(this.#codecs, undefined, false);
    const offer = readSdp(sdp);
    const codec = offer === null ? null : this.#agree(offer);
    if (offer === null || codec === null) return null;
    this.#agreed = codec;
    this.#host.onHold(offer.direction === 'sendonly' || offer.direction === 'inactive');
    const mirrored = { sendrecv: undefined, sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' } as const;
    return this.#describe([codec], mirrored[offer.direction], false);
  }

  /** `uuid_hold`: the phone is told to listen only, or to talk again. */
  #hold(held: boolean): void {
    if (held === this.#heldByUs || this.#agreed === null) return;
    this.#heldByUs = held;
    this.#call?.reinvite(this.#describe([this.#agreed], held ? 'sendonly' : undefined, false));
  }

  #describe(
    codecs: readonly WantedCodec[],
    direction: 'sendonly' | 'recvonly' | 'inactive' | undefined,
    comfortNoise: boolean,
  ): string {
    const version = this.#version;
    this.#version += 1;
    return writeSdp({
      sessionId: this.#sessionId,
      version,
      address: this.#endpoint.address,
      port: this.#port,
      codecs,
      comfortNoise,
      ...(direction === undefined ? {} : { direction }),
    });
  }
}
