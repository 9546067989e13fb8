/** The keys of what happens when a backend fails. */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { DEFAULT_BREAKER_POLICIES } from '../resilience/breaker-board.ts';
import type { BreakerKind } from '../resilience/breaker-board.ts';
import { DEFAULT_SESSION_OPTIONS } from '../session/session-options.ts';

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

const session = DEFAULT_SESSION_OPTIONS.reconnect;
const milliseconds = (low: number, high: number) => z.number().int().min(low).max(high);

/** What happens when a call loses its backend. */
export const reconnect = z
  .strictObject({
    attempts: z
      .number()
      .int()
      .min(0)
      .max(100)
      .default(session.attempts)
      .describe(
        'Attempts in a row to have a backend back, for each of `backends`; 0: only the next ones are tried, once each',
      ),
    maximumMs: milliseconds(500, 600_000).default(session.maximumMs).describe('…and for how long at the most'),
    failoverMs: milliseconds(100, 60_000)
      .default(session.failoverMs)
      .describe('How long one backend is sought while another one of `backends` could be had'),
    bufferMs: milliseconds(0, LIMITS.backlogMs)
      .default(session.bufferMs)
      .describe('Caller audio that is kept meanwhile; the oldest makes room'),
    catchUpRate: z
      .number()
      .int()
      .min(2)
      .max(16)
      .default(session.catchUpRate)
      .describe('How many times faster than real time that is handed on then'),
    holdAfterMs: milliseconds(0, 60_000)
      .default(session.holdAfterMs)
      .describe('From the loss to the sound that the caller hears'),
    holdSound: z
      .string()
      .min(1)
      .max(2_048)
      .default(session.holdSound)
      .describe('`hold`: what callers on hold hear; `none`; or a file of `sounds.directory`'),
    lastResort: z
      .enum(['default', 'release', 'hangup', 'transfer', 'announce'])
      .default(session.lastResort)
      .describe(
        'When nothing came back: the channel is let go, hung up (cause 41), sent to `destination`, or hung up after ' +
          '`announcement`; `default`: by `hangupOnBackendFailure`',
      ),
    announcement: z
      .string()
      .max(2_048)
      .default(session.announcement)
      .describe('File of `sounds.directory` for `announce`; empty: three short notes'),
    destination: z
      .string()
      .max(256)
      .default(session.destination)
      .describe('For `transfer`: an extension, or `extension XML context`'),
  })
  .prefault({})
  .describe('When the backend is lost in the middle of a call (docs/resilience.md)');

/** Circuit breakers of backends. */
export const breakers = z
  .strictObject({
    connection: policy('connection', 'Dialling, time-outs, connections that are lost'),
    provider: policy('provider', 'What the provider says: keys, quota, rate, errors of its API'),
  })
  .prefault({})
  .describe('Circuit breakers of backends: after enough failures calls are refused at once, for a while');
