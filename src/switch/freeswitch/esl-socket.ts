/** Opens the TCP connection of an Event Socket link. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';

/**
 * A connected socket; the caller owns it and is to listen for `error` at once.
 * @throws ERR_TALKSPURT_LINK_REFUSED, ERR_TALKSPURT_LINK_TIMEOUT, or the signal's reason
 */
export function openEslSocket(
  peer: { readonly host: string; readonly port: number },
  clock: Clock,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
      return;
    }
    const socket = connect({ host: peer.host, port: peer.port, noDelay: true, keepAlive: true });
    const settle = (): void => {
      deadline.cancel();
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect);
      socket.off('error', onError);
    };
    const fail = (error: TalkspurtError): void => {
      settle();
      // A late error of a socket that nobody owns any more must not end the process.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onConnect = (): void => {
      settle();
      resolve(socket);
    };
    const onError = (cause: NodeJS.ErrnoException): void => fail(refused(peer, cause));
    const onAbort = (): void => fail(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
    const deadline = clock.after(LIMITS.eslLoginMs, () => {
      const message = `no connection to ${peer.host}:${peer.port} within ${LIMITS.eslLoginMs} ms`;
      fail(new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message));
    });
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', onConnect);
    socket.once('error', onError);
  });
}

function refused(peer: { readonly host: string; readonly port: number }, cause: NodeJS.ErrnoException): TalkspurtError {
  const why = cause.code ?? 'no connection';
  return new TalkspurtError('ERR_TALKSPURT_LINK_REFUSED', `cannot connect to ${peer.host}:${peer.port}: ${why}`, {
    cause,
  });
}
