/** What a gateway is made with: everything it uses is handed to it. */
import type { StreamEventListener } from './backend/stream-backend.ts';
import type { RecordingPlace, SoundSource } from './call-orders.ts';
import type { GatewayBackend, GatewayProfile } from './call-planner.ts';
import type { Clock } from './core/clock.ts';
import type { EventSink } from './core/events.ts';
import type { HostList } from './core/host-list.ts';
import type { DspPool } from './dsp/dsp.ts';
import type { GatewayOverload } from './gateway-admission.ts';
import type { GatewaySnapshot, HostLoadSnapshot, SessionSnapshot } from './observe/health.ts';
import type { Resources } from './observe/resources.ts';
import type { BreakerBoard } from './resilience/breaker-board.ts';
import type { SendOff } from './session/send-off.ts';
import type { WatchdogOptions } from './session/watch-options.ts';
import type { SwitchAdapter } from './switch/switch-adapter.ts';

/** What a gateway is made of; it owns the adapters, not the pool. */
export interface GatewayOptions {
  readonly clock: Clock;
  readonly events: EventSink;
  readonly dspPool: DspPool;
  readonly adapters: readonly SwitchAdapter[];
  readonly profiles: ReadonlyMap<string, GatewayProfile>;
  /** What `switch` chooses from, by name. */
  readonly backends?: ReadonlyMap<string, GatewayBackend>;
  /** Hosts that `start` may name in a URL; absent: any. */
  readonly targets?: HostList;
  /** What `play` and `say` are made of; absent: neither is offered where the backend cannot. */
  readonly sounds?: SoundSource;
  /** Where `record` writes, and how long; absent: nothing is recorded. */
  readonly recordings?: RecordingPlace;
  /** How long `drain` waits for calls to end by themselves, ms, unless it says otherwise. Default 5 s. */
  readonly drainMs?: number;
  /** What `reload` does; resolves to what the operator is told. */
  reload?(): Promise<string>;
  /** Calls at once; more are refused with ERR_TALKSPURT_CALL_LIMIT. Default: the size of the DSP pool. */
  readonly callLimit?: number;
  /** Circuit breakers of the hosts that `start` names in a URL; absent: there are none. */
  readonly streamBreakers?: BreakerBoard;
  breakers?(): NonNullable<GatewaySnapshot['breakers']>;
  readonly version: string;
  /** What is held besides legs. */
  resources?(): Partial<Resources>;
  /** How a call is ended that has not ended by itself when a drain's time is over. Absent: our part ends without a word. */
  readonly sendOff?: SendOff;
  readonly overload?: GatewayOverload;
  /** What watches over calls. */
  readonly watchdogs?: WatchdogOptions;
  /** How late the event loop is, and why calls are turned away. */
  readonly load?: () => HostLoadSnapshot;
  /** Is told what streams to WebSockets say of themselves, in mod_audio_stream's words. */
  readonly onStreamEvent?: StreamEventListener;
  /** Is shown the counters of every call that has ended. */
  onCallEnded?(snapshot: SessionSnapshot): void;
}
