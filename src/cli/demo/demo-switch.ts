/** The switch that a demo's call goes through: what the rest of the demo has to know of it. */
import type { SimulatedPhone } from '../../simulator/phone.ts';

/** A switch that runs, with nobody on it yet. */
export interface DemoSwitch {
  /** What the report calls it. */
  readonly label: string;
  /** What an operator would write of it: `switches` and the doors that its media path needs. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Has `phone` call; resolves once the call has its voice. @throws ERR_TALKSPURT_SWITCH_COMMAND, ERR_TALKSPURT_DEMO_SWITCH */
  call(phone: SimulatedPhone, attached: AttachedDemo): Promise<DemoSwitchCall>;
  /** Leaves nothing behind. Twice is harmless. */
  close(): Promise<void>;
}

/** The gateway that is attached to the switch. */
export interface AttachedDemo {
  readonly frontDoorPort: number;
  /** Resolves to the channel of the first call that begins to talk. */
  readonly talking: Promise<string>;
}

/** The one call. */
export interface DemoSwitchCall {
  /** Its channel, by which the gateway knows it. */
  readonly channelId: string;
  hangup(): void;
}
