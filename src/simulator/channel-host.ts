/** What stands around a simulated channel: how a call is asked for, and what the channel asks of its switch. */
import type { Clock } from '../core/clock.ts';
import type { EslRequest } from '../switch/freeswitch/esl-request-parser.ts';
import type { Application } from './application-text.ts';
import type { ChannelConnection } from './channel-applications.ts';
import type { SwitchCodec } from './channel-audio.ts';
import type { DialWatcher } from './channel-bridge.ts';
import type { PhoneBufferOptions } from './phone-buffer.ts';
import type { SimulatedPhone } from './phone.ts';
import type { UnicastRequest } from './unicast-media.ts';

/** A call as a test or the demo asks for it. */
export interface CallOptions {
  readonly phone: SimulatedPhone;
  /** Default PCMU at 8,000 Hz, 20 ms. L16 takes 8,000, 16,000, 24,000 or 48,000 Hz. */
  readonly codec?: SwitchCodec;
  readonly sampleRateHz?: number;
  readonly ptimeMs?: number;
  /** Calling and called number. */
  readonly from?: string;
  readonly to?: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Default true. Without it the channel rings and has no codec. */
  readonly answered?: boolean;
  /** Default true. Without it the channel sits in `sleep`, as in a dialplan that has not come to `park`. */
  readonly parked?: boolean;
  readonly uuid?: string;
  readonly direction?: 'inbound' | 'outbound';
  readonly phoneBuffer?: PhoneBufferOptions;
  /** The channel's name. Default: as a SIP call between the two numbers. */
  readonly name?: string;
}

/** What a channel needs of its switch. */
export interface ChannelHost<Channel> {
  readonly clock: Clock;
  /** Runs `run` every ptime until the returned function is called. */
  everyPtime(ptimeMs: number, run: () => void): () => void;
  /** `leading`: headers in front of those that describe the channel. */
  fire(
    channel: Channel,
    name: string,
    headers: readonly (readonly [string, string])[],
    leading: readonly (readonly [string, string])[],
  ): void;
  /** The application `socket`; null: the data name no address. */
  connect(channel: Channel, data: string): ChannelConnection | null;
  /** A file that can be played, at that rate; null: there is none such. */
  sound(path: string, sampleRateHz: number): Int16Array | null;
  /** Another call that is up. */
  channel(uuid: string): Channel | null;
  /** Calls somebody for a channel; null when the dial string says nothing. */
  dial(text: string, originator: Channel, watcher: DialWatcher): Channel | null;
  fireCommand(channel: Channel, request: EslRequest): void;
  /** The script of an extension, or null when the dialplan has none such. */
  extension(number: string): readonly Application[] | null;
  crash(reason: string): void;
  onUnicastFailure(request: UnicastRequest): void;
  /** A unicast that is asked for now fails as a taken port would: `+OK`, and nothing flows. */
  unicastFails(): boolean;
  /** Nobody finds it any more, though it may take a frame until it is destroyed. */
  onHungUp(channel: Channel): void;
  onDestroyed(channel: Channel): void;
}
