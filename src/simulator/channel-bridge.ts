/** One channel's side of a bridge: called by `bridge`, joined by `uuid_bridge`, left by a hang-up or a transfer. */
import type { ChannelAudio } from './channel-audio.ts';
import type { ChannelHold } from './channel-hold.ts';
import type { ChannelKeypad } from './channel-keypad.ts';
import type { ChannelLife } from './channel-life.ts';
import type { ChannelRoute } from './channel-route.ts';
import type { ChannelSignals } from './channel-signals.ts';
import { causeNumber } from './hangup-cause.ts';

/** Told once which of the two it became. */
export interface DialWatcher {
  /** Answered, or with early media. */
  onReady(): void;
  onFailed(cause: number): void;
}

/** What a bridge does to its channel. */
export interface BridgeHost {
  readonly uuid: string;
  readonly life: ChannelLife;
  readonly signals: ChannelSignals;
  readonly audio: ChannelAudio;
  readonly hold: ChannelHold;
  readonly route: ChannelRoute;
  readonly keypad: ChannelKeypad;
  gone(): boolean;
  /** Calls somebody; null when the dial string says nothing. */
  dial(text: string, watcher: DialWatcher): ChannelBridge | null;
  /** Begins to exchange media with the channel that has called this one. */
  exchange(): void;
  hangup(cause: number): void;
}

/** Tells a watcher once: the first word counts. */
export class DialOutcome {
  #watcher: DialWatcher | null;

  constructor(watcher: DialWatcher) {
    this.#watcher = watcher;
  }

  ready(): void {
    const watcher = this.#watcher;
    this.#watcher = null;
    watcher?.onReady();
  }

  failed(cause: number): void {
    const watcher = this.#watcher;
    this.#watcher = null;
    watcher?.onFailed(cause);
  }
}

/** Causes after which the dialplan goes on by itself: nobody was there. */
const NOBODY = new Set([18, 19, 487]);

const ORIGINATOR_CANCEL = 487;
const OUT_OF_ORDER = 27;
/** Turns that one side waits for the other to come, and that the announcing side still reads before it sees that the other has gone. */
const MEETING_TURNS = 1000;
const TURNS_ALONE = 2;

/** At most one bridge at a time; the side that asked for it announces it. */
export class ChannelBridge {
  readonly #host: BridgeHost;
  #peer: ChannelBridge | null = null;
  #peerUuid = '';
  #announces = false;
  #state: 'none' | 'dialling' | 'meeting' | 'joined' = 'none';
  /** Whom `uuid_bridge` wants this one to meet, until both have left what they did. */
  #next: { readonly peer: ChannelBridge; readonly announces: boolean } | null = null;
  #turns = 0;
  /** What is left of a hang-up of this side, once the other has left the bridge. */
  #then: (() => void) | null = null;
  #ready = false;
  #failed: number | null = null;
  #peerCause = 16;

  constructor(host: BridgeHost) {
    this.#host = host;
  }

  /** Whether media go to another channel. */
  get joined(): boolean {
    return this.#state === 'joined' && this.#peer !== null;
  }

  /** Whether there was a bridge that the other side may have ended, as opposed to a call that came to nothing. */
  get wasJoined(): boolean {
    return this.#state === 'joined';
  }

  /** Whether it has come to meet another channel: until they are joined, or for ever, nothing runs here. */
  get waits(): boolean {
    return this.#state === 'meeting';
  }

  /** Whether this side announces the bridge that there is. */
  get announces(): boolean {
    return this.joined && this.#announces;
  }

  /** The channel on the other side, or null. */
  get peerUuid(): string | null {
    return this.#peer === null ? null : this.#peerUuid;
  }

  /** `uuid_bridge`: each remembers whom it is to join. One that is to join itself waits for ever. */
  pair(other: ChannelBridge): void {
    if (other === this) {
      this.#host.life.otherLeg = { type: 'originatee', uuid: this.#host.uuid, name: this.#host.life.name };
      return;
    }
    this.#next = { peer: other, announces: true };
    other.#next = { peer: this, announces: false };
    for (const [one, another] of [
      [this, other],
      [other, this],
    ] as const) {
      one.#host.hold.release(false);
      one.#nameBond(another);
    }
    this.#nameEachOther(other);
  }

  /** The application `uuid_bridge`: who is told to meet another waits here; the announcing side makes them meet. */
  meet(): boolean {
    const next = this.#next;
    this.#next = null;
    this.#state = 'meeting';
    this.#turns = 0;
    // A channel that is to meet itself: nobody will ever come.
    this.#announces = false;
    if (next === null) return true;
    this.#meet(next.peer, next.announces);
    if (!next.announces) return true;
    if (!next.peer.#host.gone()) return this.#tickMeeting();
    if (!this.#goesAfter()) this.#host.hangup(OUT_OF_ORDER);
    return true;
  }

  /** The application `bridge`; false: there is nobody to call. */
  dial(text: string): boolean {
    this.#ready = false;
    this.#failed = null;
    if (this.#answered) this.#host.signals.setCallState('RING_WAIT');
    const peer = this.#host.dial(text, {
      onReady: () => {
        this.#ready = true;
      },
      onFailed: (cause) => {
        this.#failed = cause;
      },
    });
    // A call that fails at once does so at the channel's next turn, as every other.
    if (peer === null && this.#failed !== null) this.#state = 'dialling';
    else if (peer === null) {
      if (this.#answered) this.#host.signals.setCallState('ACTIVE');
      return false;
    }
    this.#state = 'dialling';
    if (peer !== null) {
      this.#meet(peer, true);
      peer.#meet(this, false);
    }
    return true;
  }

  /** The application `bridge` once somebody has answered, and the exchange of media of the one who did. */
  join(): boolean {
    if (this.#peer === null) return false;
    this.#state = 'joined';
    this.#turns = 0;
    this.#host.life.mark('bridgedMs');
    this.#nameBond(this.#peer);
    this.#host.life.variables.set('bridge_to', this.#peerUuid).set('last_bridge_to', this.#peerUuid);
    if (this.#announces) this.#announce('CHANNEL_BRIDGE');
    else this.#host.signals.setState('CS_EXCHANGE_MEDIA');
    return true;
  }

  /** One ptime; false: the bridge is over. */
  tick(samples: Int16Array | null): boolean {
    if (this.#state === 'dialling') return this.#tickDialling();
    if (this.#state === 'meeting') return !this.#announces || this.#tickMeeting();
    const peer = this.#peer;
    if (peer === null || peer.#then !== null) return this.#tickAlone();
    if (samples !== null) peer.#host.audio.writeFrom(samples, this.#host.audio.sampleRateHz);
    else if (peer.#host.audio.tapped) {
      const { frameSamples, sampleRateHz } = this.#host.audio;
      peer.#host.audio.writeFrom(new Int16Array(frameSamples), sampleRateHz);
    }
    return true;
  }

  /** This side hangs up. True: the other one, whose end `then` follows, has yet to leave the bridge. */
  endsLater(then: () => void): boolean {
    if (!this.announces) return false;
    this.#then = then;
    return true;
  }

  /** Digits of this party go to the other one. */
  passDigits(digits: string): void {
    if (this.joined) this.#peer!.#host.keypad.send(digits);
  }

  /** The application is over, whoever ended it. */
  leave(cause: number | null): void {
    const peer = this.#peer;
    const was = this.#state;
    if (was === 'none') return;
    if (was === 'joined') this.#host.hold.release(true);
    this.#state = 'none';
    this.#peer = null;
    // The others stay on the channel.
    this.#host.life.variables.delete('bridge_to');
    // Who waits for this one to come goes on waiting.
    if (was !== 'meeting' && peer !== null && peer.#peer === this) {
      peer.#peer = null;
      peer.#peerCause = cause ?? 16;
      if (was === 'dialling') peer.#host.hangup(ORIGINATOR_CANCEL);
      // Who announces a bridge tells its end when the other side has left it.
      else if (this.#announces) peer.#tickAlone();
      const then = peer.#then;
      peer.#then = null;
      then?.();
    }
    if (was === 'joined' && this.#announces) this.#announce('CHANNEL_UNBRIDGE');
    else if (was === 'dialling' && cause === null && this.#answered) this.#host.signals.setCallState('ACTIVE');
  }

  /** After `uuid_bridge` a channel that goes nowhere looks once more for a dialplan. */
  resume(): void {
    this.#host.signals.setState('CS_EXECUTE');
  }

  /** What the announcing side does after a bridge that ended with the other side: true, it goes somewhere. */
  after(): boolean {
    const hangup = this.#host.life.variables.get('hangup_after_bridge') ?? '';
    if (hangup.toLowerCase() === 'explicit') this.#host.hangup(this.#peerCause);
    else if (this.#goesAfter()) return true;
    else if (isTrue(hangup)) this.#host.hangup(this.#peerCause);
    else return false;
    return true;
  }

  /** `park_after_bridge`, `transfer_after_bridge`. */
  #goesAfter(): boolean {
    const { variables } = this.#host.life;
    if (isTrue(variables.get('park_after_bridge') ?? '')) {
      this.#host.route.park();
      return true;
    }
    const where = variables.get('transfer_after_bridge');
    if (where === undefined || where === '') return false;
    const [destination = '', dialplan = 'XML'] = where.split(':');
    this.#host.life.otherLeg = null;
    this.#host.route.transfer(destination, dialplan);
    return true;
  }

  /** The announcing side looks whether the other has come, wakes it, and a turn later joins it. */
  #tickMeeting(): boolean {
    const peer = this.#peer;
    if (peer === null || peer.#host.gone()) return this.#cancelled();
    this.#turns += 1;
    if (this.#turns > MEETING_TURNS) {
      peer.#host.hangup(OUT_OF_ORDER);
      this.#host.hangup(OUT_OF_ORDER);
    } else if (peer.#state === 'meeting' && peer.#peer === this) {
      if (peer.#host.life.state === 'CS_RESET') peer.#host.signals.setState('CS_SOFT_EXECUTE');
      else this.#joinMet(peer);
    }
    return true;
  }

  #joinMet(peer: ChannelBridge): void {
    for (const [one, another] of [
      [this, peer],
      [peer, this],
    ] as const) {
      one.#host.signals.fire('CHANNEL_EXECUTE', [
        ['Application', 'uuid_bridge'],
        ['Application-Data', another.#host.uuid],
      ]);
    }
    this.join();
    peer.join();
  }

  /** The other side hung up before they met; false: the dialplan goes on. */
  #cancelled(): boolean {
    const yes = (name: string): boolean => isTrue(this.#host.life.variables.get(name) ?? '');
    if (yes('uuid_bridge_continue_on_cancel')) return false;
    if (yes('uuid_bridge_park_on_cancel')) this.#host.route.park();
    else if (!this.#host.route.waits) this.#host.hangup(ORIGINATOR_CANCEL);
    return true;
  }

  /** The other side has gone. The announcing side sees it after its next frame; the other one then and there. */
  #tickAlone(): boolean {
    if (this.#host.route.waits) return true;
    this.#turns += 1;
    if (this.#announces) return this.#turns < TURNS_ALONE;
    if (!this.#goesAfter()) this.#host.hangup(16);
    return true;
  }

  #tickDialling(): boolean {
    if (this.#failed !== null) {
      const cause = this.#failed;
      if (this.#answered) this.#host.signals.setCallState('ACTIVE');
      this.#peer = null;
      this.#state = 'none';
      if (!this.#goesOn(cause)) this.#host.hangup(cause);
      return false;
    }
    const peer = this.#peer;
    if (!this.#ready || peer === null) return true;
    this.#nameEachOther(peer);
    if (this.#answered) this.#host.signals.setCallState('ACTIVE');
    this.join();
    peer.#host.exchange();
    this.#host.signals.fire('CALL_UPDATE');
    peer.#host.signals.fire('CALL_UPDATE');
    return true;
  }

  /** Whether the dialplan goes on after a call that came to nothing. */
  #goesOn(cause: number): boolean {
    const wanted = this.#host.life.variables.get('continue_on_fail');
    if (wanted === undefined || wanted === '') return NOBODY.has(cause);
    if (isTrue(wanted)) return true;
    return wanted.split(',').some((each) => /^[A-Z\d]/i.test(each) && causeNumber(each.trim()) === cause);
  }

  #meet(peer: ChannelBridge, announces: boolean): void {
    this.#peer = peer;
    this.#peerUuid = peer.#host.uuid;
    this.#announces = announces;
  }

  #nameBond(peer: ChannelBridge): void {
    const { uuid, life } = peer.#host;
    const { variables } = this.#host.life;
    variables.set('signal_bond', uuid).set('bridge_uuid', uuid).set('bridge_channel', life.name);
  }

  #nameEachOther(peer: ChannelBridge): void {
    this.#host.life.otherLeg = { type: 'originatee', uuid: peer.#host.uuid, name: peer.#host.life.name };
    peer.#host.life.variables.set('call_uuid', this.#host.uuid);
    peer.#host.life.otherLeg = { type: 'originator', uuid: this.#host.uuid, name: this.#host.life.name };
  }

  get #answered(): boolean {
    return this.#host.life.answerState === 'answered';
  }

  #announce(name: string): void {
    this.#host.signals.fire(
      name,
      [],
      [
        ['Bridge-A-Unique-ID', this.#host.uuid],
        ['Bridge-B-Unique-ID', this.#peerUuid],
      ],
    );
  }
}

function isTrue(text: string): boolean {
  return /^(true|yes|on|1|t)$/i.test(text);
}
