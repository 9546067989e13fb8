/** The status server of a gateway. */
import type { Config } from './config.ts';
import { dispatchCommand } from './commands/dispatch.ts';
import type { Clock } from './core/clock.ts';
import type { EventSink } from './core/events.ts';
import type { Gateway } from './gateway.ts';
import { StatusServer } from './http/status-server.ts';
import type { LoopLag } from './observe/loop-lag.ts';
import type { MetricsSink } from './observe/metrics-sink.ts';
import type { BreakerView } from './resilience/breaker-board.ts';
import { VERSION } from './version.ts';

/** What it shows and commands. */
export interface GatewayStatusParts {
  readonly clock: Clock;
  readonly events: EventSink;
  readonly gateway: Gateway;
  readonly metrics: MetricsSink;
  /** All there are: of backends, of voices, of hosts of streams. */
  readonly breakers: () => readonly BreakerView[];
  /** Why no call could or should be given to this process now; empty when one could. */
  readonly notReady: () => readonly string[];
  readonly lag: LoopLag;
}

/** Not listening yet. */
export function gatewayStatus(config: Exclude<Config['status'], false>, parts: GatewayStatusParts): StatusServer {
  const { clock, events, gateway, metrics, breakers, notReady, lag } = parts;
  const { readToken: read, controlToken: control } = config;
  return new StatusServer({
    ...config,
    clock,
    lag,
    tokens: { read, control },
    source: {
      version: VERSION,
      metrics: () => metrics.page(),
      health: () => gateway.globalHealth(),
      notReady,
      sessions: () => gateway.snapshot().sessions,
      session: (callId) => gateway.session(callId)?.snapshot() ?? null,
      parties: (callId) => gateway.session(callId)?.leg ?? null,
      breakers,
      command: async (command) => {
        const result = await dispatchCommand(command, gateway);
        events.emit({ type: 'command', front: 'http', verb: result.verb, ok: result.ok, atMs: clock.nowMs() });
        return result;
      },
    },
  });
}
