/** A call that reached us over SIP as a leg: the dialog is the channel. Nobody else has it, so letting go of it hangs up. */
import { randomUUID } from 'node:crypto';
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { SipCall, SipEnd } from '../../sip/sip-call.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { CallLeg, LegListener } from '../switch-adapter.ts';
import { DigitPause } from './digit-pause.ts';
import { openSipMedia } from './sip-media.ts';
import type { SipMedia, SipMediaOptions } from './sip-media.ts';

/** How the calls of an adapter are answered. */
export type SipAnswering = Omit<SipMediaOptions, 'onDigit' | 'onEnded' | 'signal'>;

/** What a leg is made of. */
export interface SipLegParts {
  readonly call: SipCall;
  readonly switchName: string;
  readonly media: SipAnswering;
  /** The dialog is over, or about to be: the leg is not to be found any more. Called once. */
  onOver(): void;
}

const NORMAL_CLEARING = 16;
const SERVICE_UNAVAILABLE = 503;

/** A leg on a SIP call; made by the adapter. */
export class SipLeg implements CallLeg {
  /** Our own: a Call-ID is the far end's to choose. */
  readonly id: string = randomUUID();
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly #parts: SipLegParts;
  readonly #pause: DigitPause;
  #listener: LegListener | null = null;
  #opening: Promise<SipMedia> | null = null;
  #media: SipMedia | null = null;
  /** Somebody let go of it: nothing more is told. */
  #letGo = false;
  readonly #lifeline = new AbortController();
  #ending: Promise<void> | null = null;
  #gone = false;
  #over = false;
  /** It hung up before anybody listened: told at once when somebody does. */
  #unheardHangup: number | null = null;
  /** Digits that wait to be sent, and the last of them. */
  #digits = 0;
  #dialled: Promise<void> = Promise.resolve();

  constructor(parts: SipLegParts) {
    const { call, switchName, media } = parts;
    this.#parts = parts;
    this.#pause = new DigitPause(media.clock);
    this.switchName = switchName;
    this.from = call.from.user;
    this.to = call.to.user === '' ? call.requestUser : call.to.user;
    this.variables = variablesOf(call);
    // Until it is answered; then the media listens. No offer comes before.
    call.listen({
      onEnded: (end) => this.#onEnded(end),
      onReinvite: () => {
        throw this.#goneError();
      },
      onDigit: (digit, durationMs) => this.#onDigit(digit, durationMs),
    });
  }

  listen(listener: LegListener): void {
    this.#listener = listener;
    if (this.#unheardHangup !== null) listener.onHangup(this.#unheardHangup);
    this.#unheardHangup = null;
  }

  /**
   * Answers with our media: SIP knows no answer without.
   * @throws ERR_TALKSPURT_CALL_GONE, ERR_TALKSPURT_MEDIA_FORMAT (the far end is told 488), ERR_TALKSPURT_PORTS_EXHAUSTED
   *   (503)
   */
  async answer(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#gone || this.#letGo) throw this.#goneError();
    this.#opening ??= this.#open();
    await this.#opening;
  }

  async openMedia(signal: AbortSignal): Promise<MediaTransport> {
    await this.answer(signal);
    if (this.#media === null || this.#gone || this.#letGo) throw this.#goneError();
    return this.#media.transport;
  }

  /** Digits as RFC 4733, `w` and `W` for half a second and a whole one between them; resolves when the last one is out. */
  async sendDtmf(digits: string): Promise<void> {
    if (!/^[0-9*#A-Da-dwW]{1,64}$/.test(digits)) {
      const message = 'digits are 0-9, A-D, * and #, with w for a pause; at most 64';
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
    }
    if (this.#digits + digits.length > LIMITS.rtpDigits) {
      const message = `more than ${LIMITS.rtpDigits} digits wait to be sent: try again later`;
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_LIMIT', message);
    }
    this.#digits += digits.length;
    const turn = this.#dialled.then(async () => {
      try {
        await this.#dial(digits);
      } finally {
        this.#digits -= digits.length;
      }
    });
    // The next ones have their turn whatever became of these, which is told to whoever sent them.
    this.#dialled = turn.catch(() => undefined);
    await turn;
  }

  /**
   * The far end is asked to connect its party with `destination`: one of its own extensions, `user@host`, or a SIP or tel URI.
   * @throws ERR_TALKSPURT_SWITCH_COMMAND when refused, ERR_TALKSPURT_CALL_GONE
   */
  async transfer(destination: string): Promise<void> {
    if (this.#gone || this.#letGo) throw this.#goneError();
    const address = /^[^\s:@]+@[^\s:@]+$/.test(destination);
    await this.#parts.call.refer(address ? `sip:${destination}` : destination);
  }

  async hangup(hangupCause: number): Promise<void> {
    const { call } = this.#parts;
    await this.#end(hangupCause, () => call.hangup(hangupCause));
  }

  /** Hangs up: there is nobody to leave the call to. One that nobody began to answer is refused for now. */
  async release(): Promise<void> {
    const { call } = this.#parts;
    const refuse = async (): Promise<void> => call.reject(SERVICE_UNAVAILABLE);
    await this.#end(NORMAL_CLEARING, this.#opening === null ? refuse : () => call.hangup(NORMAL_CLEARING));
  }

  async #open(): Promise<SipMedia> {
    const { call, media } = this.#parts;
    try {
      this.#media = await openSipMedia(call, {
        ...media,
        signal: this.#lifeline.signal,
        onDigit: (digit, durationMs) => this.#onDigit(digit, durationMs),
        onEnded: (end) => this.#onEnded(end),
      });
      return this.#media;
    } catch (error) {
      // Refused: there is no call any more, whether or not somebody lets go of it.
      this.#gone = true;
      this.#left();
      throw error;
    }
  }

  async #dial(digits: string): Promise<void> {
    for (const part of digits.match(/[wW]|[^wW]+/g) ?? []) {
      if (this.#media === null || this.#gone || this.#letGo) throw this.#goneError();
      if (part === 'w' || part === 'W') await this.#pause.wait(part);
      else await this.#media.sendDigits(part);
    }
  }

  #onDigit(digit: string, durationMs: number): void {
    if (!this.#letGo && !this.#gone) this.#listener?.onDigit(digit, durationMs);
  }

  #onEnded(end: SipEnd): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#left();
    if (this.#letGo) return;
    if (this.#listener === null) this.#unheardHangup = end.hangupCause;
    else this.#listener.onHangup(end.hangupCause);
  }

  /** `giveUp` is for a call without media. */
  async #end(hangupCause: number, giveUp: () => Promise<void>): Promise<void> {
    this.#letGo = true;
    this.#ending ??= this.#runEnd(hangupCause, giveUp);
    await this.#ending;
  }

  async #runEnd(hangupCause: number, giveUp: () => Promise<void>): Promise<void> {
    this.#left();
    if (this.#media === null) {
      // Answered, and not acknowledged: a goodbye may have to wait for half a minute, and we do not.
      void giveUp();
      this.#lifeline.abort(this.#goneError());
    }
    try {
      const media = await this.#opening;
      await media?.close(hangupCause);
    } catch (error) {
      // What could not be answered has left nothing, as whoever answered it has been told.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  #left(): void {
    if (this.#over) return;
    this.#over = true;
    this.#pause.end(this.#goneError());
    this.#parts.onOver();
  }

  #goneError(): TalkspurtError {
    return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', `the SIP call of ${this.switchName} is over`);
  }
}

const HEADER_PREFIX = 'sip_h_';

/** The INVITE's own headers, under the names that a FreeSWITCH gives them, and the Call-ID for whoever looks for it elsewhere. */
function variablesOf(call: SipCall): ReadonlyMap<string, string> {
  const variables = new Map([['sip_call_id', call.id]]);
  for (const [name, values] of call.headers) {
    if (!name.startsWith('x-')) continue;
    variables.set(HEADER_PREFIX + name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()), values.join(', '));
  }
  return variables;
}
