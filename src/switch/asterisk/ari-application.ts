/** Whether somebody has our Stasis application, without taking it: who connects for it has it from then on. */
import type { Clock } from '../../core/clock.ts';
import { LIMITS } from '../../limits.ts';
import { readAnswer } from './ari-answer.ts';
import { AriHttp } from './ari-http.ts';
import type { AriRequest } from './ari-link.ts';
import { down } from './ari-link-error.ts';
import type { AriTarget } from './ari-target.ts';
import { StasisIds } from './stasis-ids.ts';

/** Asked before dialling again once somebody else had taken the application. @throws ERR_TALKSPURT_LINK_*, or the signal's reason */
export type AriApplicationLook = (clock: Clock, signal: AbortSignal) => Promise<boolean>;

const NOT_FOUND = 404;

/** Where the trial's channel sends what it never gets: the discard port. */
const NOWHERE = '127.0.0.1:9';

/**
 * Asks over HTTP, which registers nothing. An application stays for as long as a client has it, and after that for as long as
 * there are calls in it, whose end nobody would see to: so where it is there, a media channel is sent into it for a moment.
 * Asterisk hangs up at once what comes into an application that no client has. Its id is that of a helper, which a process of
 * ours leaves alone.
 */
export function applicationLook(target: AriTarget): AriApplicationLook {
  const path = `applications/${encodeURIComponent(target.app)}`;
  const request: AriRequest = { method: 'GET', path, timeoutMs: LIMITS.ariLoginMs };
  return async (clock, signal) => {
    const http = new AriHttp(target, clock);
    try {
      const answer = await http.request(request, signal);
      if (answer.status === NOT_FOUND) return false;
      readAnswer(request, answer);
      return await takesChannels(http, target.app, clock, signal);
    } finally {
      http.close(down('not needed any more'));
    }
  };
}

/** Whether what goes into the application stays there. Where it cannot be tried nobody is disturbed: it does. */
async function takesChannels(http: AriHttp, app: string, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const id = new StasisIds(app).make('media');
  const path = `channels/${encodeURIComponent(id)}`;
  const query = { app, channelId: id, external_host: NOWHERE, format: 'ulaw' };
  const timeoutMs = LIMITS.ariLoginMs;
  const made = await http.request({ method: 'POST', path: 'channels/externalMedia', query, timeoutMs }, signal);
  if (made.status >= 300) return true;
  try {
    await pause(clock, LIMITS.ariTrialMs, signal);
    const seen = await http.request({ method: 'GET', path, timeoutMs }, signal);
    return seen.status !== NOT_FOUND;
  } finally {
    // Also when we are closing meanwhile. One that has gone is 404.
    await http.request({ method: 'DELETE', path, timeoutMs }).catch(() => null);
  }
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal.reason as Error);
    };
    const timer = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
