/** A simulated phone that calls by real SIP and RTP; none of it is the SIP that talkspurt itself speaks. */
import type { Clock } from '../../core/clock.ts';
import { MediaClock } from '../../simulator/media-clock.ts';
import type { SimulatedPhone } from '../../simulator/phone.ts';
import { SipEndpoint } from '../../simulator/sip-endpoint.ts';
import { SipLeg } from '../../simulator/sip-leg.ts';

/** Who calls whom. */
export interface SipCallerOptions {
  readonly clock: Clock;
  readonly phone: SimulatedPhone;
  /** Number that is shown. */
  readonly from: string;
  /** `sip:<user>@127.0.0.1:<port>` by UDP. */
  readonly to: { readonly user: string; readonly port: number };
  /** The other side has ended the call, or it never came about: Q.850. Not told after a hang-up of our own. */
  onEnd(hangupCause: number): void;
}

const HOST = '127.0.0.1';
const RATE_HZ = 8000;
const PTIME_MS = 20;
/** Packets that are waited for before the first is heard, and again after the flow has stopped: a phone's jitter buffer. */
const PREFILL_PACKETS = 3;
const NORMAL_CLEARING = 16;

/** One call, PCMU. Owns its sockets from {@link SipCaller.dial} until {@link SipCaller.close}. */
export class SipCaller {
  readonly #options: SipCallerOptions;
  readonly #endpoint = new SipEndpoint(HOST, () => false);
  readonly #leg: SipLeg;
  readonly #media: MediaClock;
  readonly #frame = new Int16Array((RATE_HZ / 1000) * PTIME_MS);
  #leave: (() => void) | null = null;
  #over = false;
  #flowing = false;
  /** Packets that had come when the flow stopped. */
  #stoppedAt = 0;

  constructor(options: SipCallerOptions) {
    const { clock, from, to } = options;
    this.#options = options;
    this.#media = new MediaClock(clock);
    const call = {
      user: to.user,
      peer: { transport: 'udp', address: HOST, port: to.port },
      from,
      name: from,
      maxForwards: 70,
      headers: [],
      credentials: null,
      codecs: [{ name: 'PCMU', sampleRateHz: RATE_HZ, ptimeMs: PTIME_MS }],
      endpoint: this.#endpoint,
    } as const;
    this.#leg = new SipLeg(call, clock, {
      onRinging: () => undefined,
      onMedia: (_codec, answered) => {
        if (answered) this.#leave ??= this.#media.join(PTIME_MS, () => this.#onPtime());
      },
      onHold: () => undefined,
      onEnd: (cause) => this.#onEnd(cause),
    });
  }

  /** Packets of audio that came so far. */
  get receivedPackets(): number {
    return this.#leg.phone.stats.receivedPackets;
  }

  /** Sends the INVITE; what becomes of it is seen and heard. */
  dial(): Promise<void> {
    return this.#leg.start();
  }

  /** BYE, or CANCEL. */
  hangup(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave?.();
    this.#leg.end(NORMAL_CLEARING);
  }

  /** Frees everything; a call that is up gets its BYE. Twice is harmless. */
  close(): void {
    this.hangup();
    this.#endpoint.close();
  }

  #onEnd(cause: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave?.();
    this.#options.phone.onHangup(cause);
    this.#options.onEnd(cause);
  }

  #onPtime(): void {
    const { phone } = this.#options;
    const line = this.#leg.phone;
    if (line.hungUp) {
      // A BYE has come: the leg leaves it to its owner's next turn to be freed.
      this.#leg.end(NORMAL_CLEARING);
      this.#onEnd(NORMAL_CLEARING);
      return;
    }
    const frame = this.#frame.fill(0);
    const speaks = phone.speak(frame, RATE_HZ);
    line.hear(speaks ? frame : null, RATE_HZ);
    const digits = phone.takeDigits();
    if (digits !== '') line.playDigits(digits);
    phone.hear(this.#listen(frame.fill(0)) ? frame : null, RATE_HZ);
    if (phone.hungUp) this.hangup();
  }

  /** One packet of what the other side says, if it is its time. */
  #listen(frame: Int16Array): boolean {
    const line = this.#leg.phone;
    if (!this.#flowing && line.stats.receivedPackets - this.#stoppedAt < PREFILL_PACKETS) return false;
    this.#flowing = line.speak(frame);
    if (!this.#flowing) this.#stoppedAt = line.stats.receivedPackets;
    return this.#flowing;
  }
}
