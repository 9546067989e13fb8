/** One channel's side of a bridge: called by `bridge`, joined by `uuid_bridge`, left by a hang-up or a transfer. */
import type { ChannelLife } from './channel-life.ts';
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
  sampleRateHz(): number;
  /** Calls somebody; null when the dial string says nothing. */
  dial(text: string, watcher: DialWatcher): ChannelBridge | null;
  /** Begins to exchange media with the channel that has called this one. */
  exchange(): void;
  /** Whether the channel is about to go elsewhere. */
  leaving(): boolean;
  hangup(cause: number): void;
  park(): void;
  transfer(destination: string, dialplan: string): void;
  hear(samples: Int16Array, sampleRateHz: number): void;
  sendDigits(digits: string): void;
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

/** At most one bridge at a time; the side that asked for it announces it. */
export class ChannelBridge {
  readonly #host: BridgeHost;
  #peer: ChannelBridge | null = null;
  #peerUuid = '';
  #announces = false;
  #state: 'none' | 'dialling' | 'joined' = 'none';
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

  /** The channel on the other side, or null. */
  get peerUuid(): string | null {
    return this.#peer === null ? null : this.#peerUuid;
  }

  /** `uuid_bridge`: each remembers whom it is to join. */
  pair(other: ChannelBridge): void {
    this.#meet(other, true);
    other.#meet(this, false);
    this.#nameEachOther(other);
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

  /** The applications `uuid_bridge` and, for a channel that was called, the exchange of media. */
  join(): boolean {
    if (this.#peer === null) return false;
    this.#state = 'joined';
    this.#host.life.mark('bridgedMs');
    this.#host.life.variables.set('signal_bond', this.#peerUuid);
    this.#host.life.variables.set('bridge_uuid', this.#peerUuid);
    this.#host.life.variables.set('bridge_to', this.#peerUuid);
    if (this.#announces) this.#announce('CHANNEL_BRIDGE');
    else this.#host.signals.setState('CS_EXCHANGE_MEDIA');
    return true;
  }

  /** One ptime; false: the bridge is over. */
  tick(samples: Int16Array | null): boolean {
    if (this.#state === 'dialling') return this.#tickDialling();
    if (this.#peer === null) return this.#host.leaving();
    if (samples !== null) this.#peer.#host.hear(samples, this.#host.sampleRateHz());
    return true;
  }

  /** Digits of this party go to the other one. */
  passDigits(digits: string): void {
    if (this.joined) this.#peer!.#host.sendDigits(digits);
  }

  /** The application is over, whoever ended it. */
  leave(cause: number | null): void {
    const peer = this.#peer;
    const was = this.#state;
    this.#state = 'none';
    this.#peer = null;
    // The others stay on the channel.
    this.#host.life.variables.delete('bridge_to');
    if (peer !== null && peer.#peer === this) {
      peer.#peer = null;
      peer.#peerCause = cause ?? 16;
      if (was === 'dialling') peer.#host.hangup(487);
      else if (this.#announces && was === 'joined') peer.#leftAlone();
    }
    if (was === 'joined' && this.#announces) this.#announce('CHANNEL_UNBRIDGE');
    else if (was === 'dialling' && cause === null && this.#answered) this.#host.signals.setCallState('ACTIVE');
  }

  /** After `uuid_bridge` a channel that goes nowhere looks once more for a dialplan. */
  resume(): void {
    this.#host.signals.setState('CS_EXECUTE');
  }

  /** What the channel does after a bridge that ended with the other side: true, it goes somewhere. */
  after(): boolean {
    const yes = (name: string): boolean => /^(true|yes|on|1|t)$/i.test(this.#host.life.variables.get(name) ?? '');
    if (yes('park_after_bridge')) this.#host.park();
    else if (this.#transferAfter()) return true;
    else if (yes('hangup_after_bridge')) this.#host.hangup(this.#peerCause);
    else return false;
    return true;
  }

  #transferAfter(): boolean {
    const where = this.#host.life.variables.get('transfer_after_bridge');
    if (where === undefined || where === '') return false;
    const [destination = '', dialplan = 'XML'] = where.split(':');
    this.#host.transfer(destination, dialplan);
    return true;
  }

  /** The announcing side has gone: without anything else to do this one goes, too. */
  #leftAlone(): void {
    if (this.#host.leaving()) return;
    if (!this.after()) this.#host.hangup(16);
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
    if (/^(true|yes|on|1|t)$/i.test(wanted)) return true;
    return wanted.split(',').some((each) => /^[A-Z\d]/i.test(each) && causeNumber(each.trim()) === cause);
  }

  #meet(peer: ChannelBridge, announces: boolean): void {
    this.#peer = peer;
    this.#peerUuid = peer.#host.uuid;
    this.#announces = announces;
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
