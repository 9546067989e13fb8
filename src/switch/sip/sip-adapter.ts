/** Any PBX that can call a SIP address, as a switch: its calls come to us one by one, and there is no link to it. */
import { TalkspurtError } from '../../core/errors.ts';
import type { SipCall } from '../../sip/sip-call.ts';
import type { CallLeg, SwitchAdapter, SwitchSink } from '../switch-adapter.ts';
import { SipLeg } from './sip-leg.ts';
import type { SipAnswering } from './sip-leg.ts';

/** What calls are made of, and which profiles there are. */
export interface SipAdapterOptions {
  readonly name: string;
  readonly media: SipAnswering;
  /** Names of the profiles there are now: a caller dials one. */
  readonly profiles: () => readonly string[];
  /** Profile of calls to anybody else; absent: they are refused with 404. */
  readonly defaultProfile?: string;
}

const NOT_FOUND = 404;
const SERVICE_UNAVAILABLE = 503;

/** Makes legs of calls. The endpoint that they come in by belongs to whoever offers them. */
export class SipAdapter implements SwitchAdapter {
  readonly kind = 'sip';
  readonly name: string;
  /** There is none that could be down. */
  readonly linkUp = true;
  readonly #options: SipAdapterOptions;
  readonly #legs = new Map<string, SipLeg>();
  #sink: SwitchSink | null = null;

  constructor(options: SipAdapterOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Legs whose call is up or coming up. */
  get legCount(): number {
    return this.#legs.size;
  }

  start(sink: SwitchSink): Promise<void> {
    this.#sink = sink;
    return Promise.resolve();
  }

  /** Takes a call that came in. False: it was refused, because nobody of that name is here, or because we are closed. */
  offer(call: SipCall): boolean {
    const profile = this.#profileOf(call);
    if (this.#sink === null || profile === null) {
      call.reject(this.#sink === null ? SERVICE_UNAVAILABLE : NOT_FOUND);
      return false;
    }
    const leg: SipLeg = new SipLeg({
      call,
      switchName: this.name,
      media: this.#options.media,
      onOver: () => void this.#legs.delete(leg.id),
    });
    this.#legs.set(leg.id, leg);
    this.#sink.onCall(leg, profile);
    return true;
  }

  /** A call of ours has had its voice from the start. @throws ERR_TALKSPURT_ALREADY_RUNNING, ERR_TALKSPURT_UNKNOWN_CALL */
  attach(channelId: string): Promise<CallLeg> {
    const held = this.#legs.has(channelId);
    const error = held
      ? new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this call already has a voice: stop hangs it up')
      : new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', `there is no such call on ${this.name}: calls come in by SIP`);
    return Promise.reject(error);
  }

  /** @throws ERR_TALKSPURT_NOT_SUPPORTED */
  command(): Promise<string> {
    const message = `${this.name} is reached by SIP, which takes no commands: ask the PBX itself`;
    return Promise.reject(new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message));
  }

  /** Hangs up every call; new ones are refused. */
  async stop(): Promise<void> {
    this.#sink = null;
    await Promise.allSettled([...this.#legs.values()].map((leg) => leg.release()));
    this.#legs.clear();
  }

  #profileOf(call: SipCall): string | null {
    const { profiles, defaultProfile = null } = this.#options;
    return profiles().includes(call.requestUser) ? call.requestUser : defaultProfile;
  }
}
