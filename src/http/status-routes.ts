/** Routes that anybody may ask: whether it lives, whether it is ready, how it is, what it counts. Nothing personal, no secrets. */
import { sessionHealth } from '../observe/health.ts';
import { json, ok } from './http-answer.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { HttpRoute } from './http-route.ts';
import type { StatusSource } from './status-source.ts';

/** `callsOpen`: `/calls` asks for no token, because there is none and nobody but this machine can ask. */
export function statusRoutes(source: StatusSource, callsOpen: boolean): HttpRoute[] {
  const ready = (): HttpAnswer => {
    const reasons = source.notReady();
    const isReady = reasons.length === 0;
    return json(isReady ? 200 : 503, { ok: isReady, ready: isReady, reasons });
  };
  const health = (): HttpAnswer => json(200, source.health());
  return [
    open('/health/live', () => ok({ live: true })),
    open('/health/ready', ready),
    open('/readyz', ready),
    open('/health', health),
    open('/healthz', health),
    open('/metrics', async () => ({ status: 200, ...(await source.metrics()) })),
    { ...open('/calls', () => json(200, source.sessions().map(sessionHealth))), scope: callsOpen ? null : 'read' },
  ];
}

function open(path: string, answer: HttpRoute['answer']): HttpRoute {
  return { method: 'GET', path, scope: null, answer };
}
