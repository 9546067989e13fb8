/**
 * Unicast, sent at the wrong moment, ends the whole FreeSWITCH: on a channel without a read codec (segmentation fault),
 * or twice in one park (assertion). This state machine is the only way to it: a link starts unicast for a
 * {@link UnicastPermit} only, only a guard makes one, and only for the park that it has watched from its beginning.
 *
 *     unanswered ─answer→ answered ─repark→ parking ─park→ parked ─codec→ ready ─permit→ permitted ─redeem→ activating
 *                            ▲                                │             │               │                 │ done
 *                            └──────────── disturb ───────────┴─────────────┴───────────────┘                 ▼
 *     parking ◀─────repark───── spent ◀────────disturb──────── active ◀────────────flow──────────────── activated
 *
 * One guard is one channel, for as long as we hold it.
 */
import { randomUUID } from 'node:crypto';
import { TalkspurtError } from '../../core/errors.ts';

/** Where the channel stands. */
export type UnicastState =
  | 'unanswered'
  | 'answered'
  /** We have sent the channel to park, and wait for the CHANNEL_PARK of exactly that. */
  | 'parking'
  | 'parked'
  /** Parked, and the read codec is known. */
  | 'ready'
  /** A permit is out. */
  | 'permitted'
  /**
   * Unicast was written to the switch, which keeps it until the channel's thread takes it. Another park now could end up
   * with two of them: nothing is allowed before it is known to be carried out.
   */
  | 'activating'
  /** Carried out, with success or without; no datagram came yet. */
  | 'activated'
  | 'active'
  /** Unicast was had in this park: only another park allows another one. */
  | 'spent'
  | 'gone';

/** What happens to it: steps of ours, and what the switch reports. */
export type UnicastInput =
  'answer' | 'repark' | 'park' | 'codec' | 'permit' | 'redeem' | 'done' | 'flow' | 'disturb' | 'hangup';

/** What is not in the table is refused (our own steps) or changes nothing (what the switch reports). */
export const UNICAST_TABLE: Readonly<Record<UnicastState, Readonly<Partial<Record<UnicastInput, UnicastState>>>>> = {
  unanswered: { answer: 'answered', hangup: 'gone' },
  answered: { repark: 'parking', hangup: 'gone' },
  parking: { repark: 'parking', park: 'parked', hangup: 'gone' },
  parked: { repark: 'parking', codec: 'ready', disturb: 'answered', hangup: 'gone' },
  ready: { repark: 'parking', permit: 'permitted', disturb: 'answered', hangup: 'gone' },
  permitted: { repark: 'parking', redeem: 'activating', disturb: 'answered', hangup: 'gone' },
  activating: { done: 'activated', flow: 'active', hangup: 'gone' },
  activated: { repark: 'parking', flow: 'active', disturb: 'spent', hangup: 'gone' },
  active: { repark: 'parking', disturb: 'spent', hangup: 'gone' },
  spent: { repark: 'parking', hangup: 'gone' },
  gone: {},
};

/** Leave for one unicast on one channel. Only {@link UnicastGuard.permit} makes one that is worth anything. */
export class UnicastPermit {
  readonly uuid: string;

  constructor(uuid: string) {
    this.uuid = uuid;
  }
}

/** Permits that a guard made, and the guard's own step that uses one up. Not exported: what is not in it is a forgery. */
const REDEEM = new WeakMap<UnicastPermit, () => void>();

/**
 * Uses a permit up, at the moment when unicast is written to the switch; returns the channel that it is for.
 * @throws ERR_TALKSPURT_UNICAST_GUARD when no guard made it, it was used, or the channel has left that park
 */
export function redeemPermit(permit: UnicastPermit): string {
  const redeem = REDEEM.get(permit);
  if (redeem === undefined) throw refusal('the permit is not one, or was used before');
  REDEEM.delete(permit);
  redeem();
  return permit.uuid;
}

/** One channel's guard. */
export class UnicastGuard {
  readonly uuid: string;
  #state: UnicastState = 'unanswered';
  /** Marks the park that we asked for last. */
  #parkToken = '';
  /** The only permit that counts. */
  #permit: UnicastPermit | null = null;

  constructor(uuid: string) {
    this.uuid = uuid;
  }

  get state(): UnicastState {
    return this.#state;
  }

  /** The mark of the park that was asked for last, or empty: a channel variable, so that its events carry it. */
  get parkToken(): string {
    return this.#parkToken;
  }

  /** The channel is answered. */
  answered(): void {
    this.#report('answer');
  }

  /**
   * We are about to send the channel to park, which also ends any unicast that it has; returns the new park's mark.
   * @throws ERR_TALKSPURT_UNICAST_GUARD before the channel is answered, while unicast is on its way, and after the end
   */
  repark(): string {
    this.#step('repark');
    this.#parkToken = randomUUID();
    return this.#parkToken;
  }

  /** CHANNEL_PARK came with this mark; one of an earlier or of somebody else's park is not the one waited for. */
  parked(token: string): void {
    if (token === this.#parkToken && token !== '') this.#report('park');
  }

  /**
   * The value of the channel's `read_codec`.
   * @throws ERR_TALKSPURT_UNICAST_GUARD when there is none, or the channel is not in our park
   */
  codecKnown(readCodec: string): void {
    const codec = readCodec.trim();
    if (codec === '' || codec === '_undef_' || codec.startsWith('-')) {
      throw refusal('the channel has no read codec yet', { state: this.#state });
    }
    this.#step('codec');
  }

  /** Leave to start unicast now. @throws ERR_TALKSPURT_UNICAST_GUARD unless parked with a codec, once per park */
  permit(): UnicastPermit {
    this.#step('permit');
    const permit = new UnicastPermit(this.uuid);
    this.#permit = permit;
    REDEEM.set(permit, () => this.#redeem(permit));
    return permit;
  }

  /** Whether a unicast that was written may still wait in the switch. */
  get pending(): boolean {
    return this.#state === 'activating';
  }

  /** The switch has carried the unicast out (PRIVATE_COMMAND), or has refused it. */
  carriedOut(): void {
    this.#report('done');
  }

  /** The first datagram came. */
  flowing(): void {
    this.#report('flow');
  }

  /** A playback, a bridge, a transfer, an end of the park, or a time in which we could not see. */
  disturbed(): void {
    this.#report('disturb');
  }

  /** The channel is gone. */
  hungUp(): void {
    this.#report('hangup');
  }

  #redeem(permit: UnicastPermit): void {
    if (permit !== this.#permit) throw refusal('the permit is of an earlier park', { state: this.#state });
    this.#step('redeem');
  }

  /** Our own step: has to be allowed. */
  #step(input: UnicastInput): void {
    const next = UNICAST_TABLE[this.#state][input];
    if (next === undefined) throw refusal(REASONS[this.#state] ?? 'it is not its turn', { state: this.#state, input });
    this.#enter(next);
  }

  /** What the switch reports: counts where the table knows it. */
  #report(input: UnicastInput): void {
    const next = UNICAST_TABLE[this.#state][input];
    if (next !== undefined) this.#enter(next);
  }

  #enter(next: UnicastState): void {
    this.#state = next;
    if (next !== 'permitted') this.#permit = null;
  }
}

const REASONS: Readonly<Partial<Record<UnicastState, string>>> = {
  unanswered: 'the channel is not answered',
  answered: 'the channel is not in a park of ours',
  parking: 'the channel is not parked yet',
  parked: 'the read codec of the channel is not known',
  activating: 'one is on its way to this channel',
  activated: 'this park has had its unicast',
  active: 'this park has had its unicast',
  spent: 'this park has had its unicast',
  gone: 'the channel is gone',
};

function refusal(reason: string, details: { state?: UnicastState; input?: UnicastInput } = {}): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_UNICAST_GUARD', `no unicast: ${reason}`, { details });
}
