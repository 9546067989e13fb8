/** Opens the event WebSocket of an ARI, which registers the Stasis application. */
import { WebSocket } from 'ws';
import type { Clock } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { dialError, refusedWithStatus, timeout } from './ari-link-error.ts';
import { authorizationOf, originOf } from './ari-target.ts';
import type { AriTarget } from './ari-target.ts';

/**
 * Hands the socket to `adopt` in the moment in which it opens, so that no event slips by; what `adopt` gives is the
 * result, and the socket is its own from then on.
 * @throws ERR_TALKSPURT_LINK_REFUSED, _AUTH, _DENIED, _PROTOCOL, _DOWN, _TIMEOUT, or the signal's reason
 */
export function openAriSocket<T>(
  target: AriTarget,
  clock: Clock,
  signal: AbortSignal,
  adopt: (socket: WebSocket) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
      return;
    }
    // In a header, because a URL is what proxies and servers write into their logs.
    const socket = new WebSocket(eventsUrl(target), {
      headers: { authorization: authorizationOf(target) },
      perMessageDeflate: false,
      followRedirects: false,
      maxPayload: LIMITS.ariMessageBytes,
      ...(target.ca === undefined ? {} : { ca: target.ca }),
    });
    let settled = false;
    const settle = (): void => {
      settled = true;
      deadline.cancel();
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (error: TalkspurtError): void => {
      if (settled) return;
      settle();
      // It still says that it was cut off: `onError` stays, and does nothing any more.
      socket.terminate();
      reject(error);
    };
    const onAbort = (): void => fail(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
    const onError = (error: Error): void => fail(dialError(target, error));
    const deadline = clock.after(LIMITS.ariLoginMs, () => fail(timeout('let us connect', LIMITS.ariLoginMs)));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('unexpected-response', (_request, response) => {
      response.destroy();
      fail(refusedWithStatus(target, response.statusCode ?? 0));
    });
    socket.on('error', onError);
    socket.once('open', () => {
      if (settled) return;
      settle();
      const adopted = adopt(socket);
      socket.off('error', onError);
      resolve(adopted);
    });
  });
}

function eventsUrl(target: AriTarget): string {
  return `${originOf(target, 'ws')}/ari/events?app=${encodeURIComponent(target.app)}&subscribeAll=false`;
}
