/** What the API reads and whom it gives commands to. */
import type { Command } from '../commands/command.ts';
import type { DispatchResult } from '../commands/dispatch.ts';
import type { GlobalHealthJson, SessionSnapshot } from '../observe/health.ts';
import type { MetricsPage } from '../observe/metrics-sink.ts';
import type { BreakerView } from '../resilience/breaker-board.ts';

/** The process, seen from the status server. */
export interface StatusSource {
  readonly version: string;
  metrics(): Promise<MetricsPage>;
  health(): GlobalHealthJson;
  /** Why no call could be taken right now; empty when one could. */
  notReady(): readonly string[];
  /** Every call, oldest first. */
  sessions(): readonly SessionSnapshot[];
  /** One call; null: there is none of that id. */
  session(callId: string): SessionSnapshot | null;
  /** Personal: who talks to whom; null: not known. */
  parties(callId: string): { readonly from: string; readonly to: string } | null;
  breakers(): readonly BreakerView[];
  /** Carries a command out and tells of it. Never rejects. */
  command(command: Command): Promise<DispatchResult>;
}
