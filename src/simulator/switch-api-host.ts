/** What the API commands of the simulated switch work on. */
import type { Clock } from '../core/clock.ts';
import type { EslEventFactory } from '../switch/freeswitch/esl-event-factory.ts';
import type { SwitchDisplacer } from './displacement.ts';
import type { SimulatedChannel } from './simulated-channel.ts';
import type { SwitchDialer } from './switch-dialer.ts';
import type { SwitchModule } from './switch-module.ts';
import type { SwitchRecorder } from './switch-record.ts';

/** What the commands work on. */
export interface SwitchApiHost {
  readonly clock: Clock;
  readonly factory: EslEventFactory;
  readonly channels: ReadonlyMap<string, SimulatedChannel>;
  readonly globals: Map<string, string>;
  readonly startedMs: number;
  sessionsSinceStart(): number;
  readonly version: string;
  readonly dialer: SwitchDialer;
  readonly recorder: SwitchRecorder;
  readonly displacer: SwitchDisplacer;
  /** The WebSocket module that is loaded; null: none. */
  readonly module: SwitchModule | null;
  log(level: number, text: string): void;
  /** Aborted when the switch closes or dies. */
  readonly closing: AbortSignal;
}

/** One command: the argument is all that follows its name. */
export type Command = (argument: string, host: SwitchApiHost) => string | Promise<string>;
