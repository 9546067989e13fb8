/** What a simulated channel announces of its life: states, and the events that go with them, in FreeSWITCH's order. */
import type { CallState, ChannelState } from './channel-headers.ts';
import type { ChannelLife } from './channel-life.ts';

type Headers = readonly (readonly [string, string])[];

/** Fires an event about the channel; `leading` go in front of what describes it. */
export type FireEvent = (name: string, headers?: Headers, leading?: Headers) => void;

/** Changes the life of a channel, and says so. */
export class ChannelSignals {
  readonly fire: FireEvent;
  readonly #life: ChannelLife;

  constructor(life: ChannelLife, fire: FireEvent) {
    this.#life = life;
    this.fire = fire;
  }

  setState(state: ChannelState): void {
    this.#life.state = state;
    this.fire('CHANNEL_STATE');
    if (this.#life.callState === 'UNHELD' && this.#life.hangupCause === null) this.setCallState('ACTIVE');
  }

  setCallState(state: CallState): void {
    const before = this.#life.callState;
    this.#life.callState = state;
    this.fire('CHANNEL_CALLSTATE', [['Original-Channel-Call-State', before]]);
  }

  /** A call comes in. */
  enter(): void {
    this.#life.mark('createdMs');
    // A loopback leg is there at once.
    if (!this.#life.name.startsWith('loopback/')) this.setState('CS_NEW');
    this.setState('CS_INIT');
    this.fire('CHANNEL_CREATE');
    this.#life.state = 'CS_ROUTING';
    this.setCallState('RINGING');
    this.setState('CS_ROUTING');
    this.setState('CS_EXECUTE');
  }

  /** The switch calls somebody. */
  dialled(): void {
    this.#life.mark('createdMs');
    this.#life.state = 'CS_NONE';
    this.fire('CHANNEL_OUTGOING');
    this.setState('CS_INIT');
    this.fire('CHANNEL_CREATE');
    this.fire('CHANNEL_ORIGINATE');
    this.setState('CS_ROUTING');
    this.setState('CS_CONSUME_MEDIA');
  }

  ring(): void {
    if (this.#life.callState === 'RINGING') return;
    this.fire('CHANNEL_PROGRESS');
    this.setCallState('RINGING');
  }

  earlyMedia(): void {
    this.#life.setCodecs();
    this.#life.answerState = 'early';
    this.#life.mark('earlyMediaMs');
    this.fire('CHANNEL_PROGRESS_MEDIA');
    this.setCallState('EARLY');
  }

  answered(): void {
    this.#life.answerState = 'answered';
    this.#life.mark('answeredMs');
    this.#life.variables.set('endpoint_disposition', 'ANSWER');
    this.fire('CHANNEL_ANSWER');
    this.setCallState('ACTIVE');
  }

  held(held: boolean): void {
    this.setCallState(held ? 'HELD' : 'UNHELD');
    this.fire(held ? 'CHANNEL_HOLD' : 'CHANNEL_UNHOLD');
    if (!held) this.setCallState('ACTIVE');
  }

  /** A digit that somebody on the channel takes. */
  digit(digit: string, source: string): void {
    this.fire('DTMF', [
      ['DTMF-Digit', digit],
      ['DTMF-Duration', '2000'],
      ['DTMF-Source', source],
    ]);
  }

  /** Held no more because the call goes elsewhere: active in the next state only. */
  released(): void {
    this.setCallState('UNHELD');
    this.fire('CHANNEL_UNHOLD');
  }

  /** The end begins: what runs is ended after this. */
  hungUp(cause: number): void {
    this.#life.answerState = 'hangup';
    this.#life.hangupCause = cause;
    this.#life.mark('hangupMs');
    this.fire('CHANNEL_HANGUP');
  }

  /** The end: nothing runs any more; `detach` takes off what still listens. */
  ended(cause: number, detach: () => void): void {
    this.setState('CS_HANGUP');
    detach();
    this.setCallState('HANGUP');
    this.setState('CS_REPORTING');
    this.#life.addCallRecord(cause);
    this.fire('CHANNEL_HANGUP_COMPLETE');
    this.fire('CHANNEL_DESTROY');
    this.setState('CS_DESTROY');
  }
}
