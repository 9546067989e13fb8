/** The keys of what happens when a backend fails. */
import { z } from 'zod';
import { DEFAULT_BREAKER_POLICIES } from '../resilience/breaker-board.ts';
import type { BreakerKind } from '../resilience/breaker-board.ts';

const seconds = z.number().min(1).max(3_600);
const count = z.number().int().min(1).max(100);

function policy(kind: BreakerKind, description: string): z.ZodPrefault<z.ZodObject<ReturnType<typeof fieldsOf>>> {
  return z.strictObject(fieldsOf(kind)).prefault({}).describe(description);
}

function fieldsOf(kind: BreakerKind) {
  const { failures, windowMs, coolDownMs, coolDownMaximumMs, probes, successes } = DEFAULT_BREAKER_POLICIES[kind];
  return {
    failures: count.default(failures).describe('Failures within `windowSeconds` that open it'),
    windowSeconds: seconds.default(windowMs / 1000).describe('How long a failure is held against the backend, s'),
    coolDownSeconds: seconds.default(coolDownMs / 1000).describe('How long nothing is tried then, s'),
    coolDownMaximumSeconds: seconds
      .default(coolDownMaximumMs / 1000)
      .describe('Most that a `Retry-After` of the backend is heeded for, s'),
    probes: count.default(probes).describe('Tries at a time after that'),
    successes: count.default(successes).describe('Successes among them that close it'),
  };
}

/** Circuit breakers of backends. */
export const breakers = z
  .strictObject({
    connection: policy('connection', 'Dialling, time-outs, connections that are lost'),
    provider: policy('provider', 'What the provider says: keys, quota, rate, errors of its API'),
  })
  .prefault({})
  .describe('Circuit breakers of backends: after enough failures calls are refused at once, for a while');
