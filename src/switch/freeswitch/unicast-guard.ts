/**
 * What stands between us and a dead FreeSWITCH. Its `unicast` message crashes the whole process when it is sent to a channel
 * without a read codec, or twice while a channel is parked; beside a playback or a bridge it is lost without a word. So:
 * a permit to send it exists only in one state of this machine, is good for one use, and is void when that state is left.
 *
 *   idle ──answered──▶ answered ──parked──▶ parked ──codec──▶ ready ──permit()──▶ sent ──disturbed──▶ spent
 *                          ▲                  │                │                   │                  │
 *                          └──── disturbed ───┴────────────────┘                   └──── parked ◀─────┘ (after our re-park)
 */
import { TalkspurtError } from '../../core/errors.ts';

/** How near a channel is to taking unicast. */
export type UnicastState = 'idle' | 'answered' | 'parked' | 'ready' | 'sent' | 'spent' | 'gone';

/** What may happen to it. */
export type UnicastHappening =
  /** The channel is answered. */
  | 'answered'
  /** CHANNEL_PARK after a re-park of ours: a fresh park loop. */
  | 'parked'
  /** The read codec is known. */
  | 'codec'
  /** The message is being sent. */
  | 'sent'
  /** A playback, bridge or transfer took the channel out of the park loop. */
  | 'disturbed'
  | 'hangup';

/** State × happening → next state; null: means nothing in this state. Every pair is written down. */
export const UNICAST_TABLE: Readonly<Record<UnicastState, Readonly<Record<UnicastHappening, UnicastState | null>>>> = {
  idle: { answered: 'answered', parked: null, codec: null, sent: null, disturbed: null, hangup: 'gone' },
  answered: { answered: null, parked: 'parked', codec: null, sent: null, disturbed: null, hangup: 'gone' },
  parked: { answered: null, parked: null, codec: 'ready', sent: null, disturbed: 'answered', hangup: 'gone' },
  ready: { answered: null, parked: null, codec: null, sent: 'sent', disturbed: 'answered', hangup: 'gone' },
  sent: { answered: null, parked: null, codec: null, sent: null, disturbed: 'spent', hangup: 'gone' },
  spent: { answered: null, parked: 'parked', codec: null, sent: null, disturbed: null, hangup: 'gone' },
  gone: { answered: null, parked: null, codec: null, sent: null, disturbed: null, hangup: null },
};

/** Leave to send one `unicast` message to one channel. Opaque: only a guard makes one, and only `redeem` uses it. */
export interface UnicastPermit {
  readonly uuid: string;
}

/** Permits that are good, and whose they are. Not exported: what is not in here is no permit. */
const minted = new WeakMap<UnicastPermit, UnicastGuard>();

/** Uses a permit up, right before the message is written. @throws ERR_TALKSPURT_UNICAST_GUARD */
export function redeemPermit(permit: UnicastPermit): string {
  const guard = minted.get(permit);
  minted.delete(permit);
  if (guard === undefined) throw refusal('this permit was not made by a guard, or was used before');
  guard.happen('sent');
  if (guard.state !== 'sent') throw refusal(`the channel is no longer ready but ${guard.state}`);
  return guard.uuid;
}

/** Values of `read_codec` that mean: none. */
const NO_CODEC = new Set(['', '_undef_', 'undefined', 'none']);

/** One channel's guard. */
export class UnicastGuard {
  readonly uuid: string;
  #state: UnicastState = 'idle';
  /** A park loop that is our own re-park's: other CHANNEL_PARK events may belong to an older one. */
  #reparking = false;
  #playing = false;

  constructor(uuid: string) {
    this.uuid = uuid;
  }

  get state(): UnicastState {
    return this.#state;
  }

  /** Takes in what the switch reported; what means nothing in this state is left out. */
  happen(happening: UnicastHappening): void {
    this.#state = UNICAST_TABLE[this.#state][happening] ?? this.#state;
  }

  /** We are about to re-park the channel: the next CHANNEL_PARK is a fresh loop, and whatever was sent before is over. */
  reparking(): void {
    if (this.#state === 'gone') throw refusal('the channel is gone');
    if (this.#state === 'idle') throw refusal('the channel is not answered');
    this.happen('disturbed');
    this.#reparking = true;
    this.#playing = false;
  }

  /** CHANNEL_PARK came. */
  onPark(): void {
    if (!this.#reparking) return;
    this.#reparking = false;
    this.happen('parked');
  }

  /** A playback began or ended, or the channel was bridged or left the park loop. */
  onDisturbed(kind: 'playback' | 'bridge' | 'unpark'): void {
    // Our own re-park ends an earlier park loop first.
    if (kind === 'unpark' && this.#reparking) return;
    if (kind !== 'unpark') this.#playing = true;
    this.happen('disturbed');
  }

  /** The read codec as `uuid_getvar` answers it. Returns whether there is one. */
  onCodec(codec: string): boolean {
    if (NO_CODEC.has(codec.trim().toLowerCase()) || codec.startsWith('-')) return false;
    this.happen('codec');
    return true;
  }

  /** @throws ERR_TALKSPURT_UNICAST_GUARD naming what is missing */
  permit(): UnicastPermit {
    if (this.#state !== 'ready' || this.#playing)
      throw refusal(this.#playing ? 'something is played to it' : MISSING[this.#state]);
    const permit = Object.freeze({ uuid: this.uuid });
    minted.set(permit, this);
    return permit;
  }
}

const MISSING: Readonly<Record<UnicastState, string>> = {
  idle: 'the channel is not answered: answer it first',
  answered: 'the channel is not parked: park it first',
  parked: 'the channel has no read codec yet: wait for its media',
  ready: 'something is played to the channel',
  sent: 'unicast was sent in this park: park the channel anew first',
  spent: 'unicast was ended in this park: park the channel anew first',
  gone: 'the channel is gone',
};

function refusal(fault: string): TalkspurtError {
  return new TalkspurtError(
    'ERR_TALKSPURT_UNICAST_GUARD',
    `unicast is not sent, because it could end the whole switch: ${fault}`,
  );
}
