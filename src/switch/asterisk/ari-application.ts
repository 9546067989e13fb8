/** Whether somebody has our Stasis application, without taking it: who connects for it has it from then on. */
import type { Clock } from '../../core/clock.ts';
import { LIMITS } from '../../limits.ts';
import { readAnswer } from './ari-answer.ts';
import { AriHttp } from './ari-http.ts';
import type { AriRequest } from './ari-link.ts';
import { down } from './ari-link-error.ts';
import type { AriTarget } from './ari-target.ts';

/** Asked before dialling again once somebody else had taken the application. @throws ERR_TALKSPURT_LINK_*, or the signal's reason */
export type AriApplicationLook = (clock: Clock, signal: AbortSignal) => Promise<boolean>;

const NOT_FOUND = 404;

/**
 * Asks over HTTP, which registers nothing. An application stays for as long as a client has it, and after that for as long as
 * there are calls in it.
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
      return true;
    } finally {
      http.close(down('not needed any more'));
    }
  };
}
