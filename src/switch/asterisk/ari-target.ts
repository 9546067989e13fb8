/** Where an ARI is, and how to get in. */
import { isIPv6 } from 'node:net';
import { TalkspurtError } from '../../core/errors.ts';

/** Which Asterisk, and as whom. */
export interface AriTarget {
  readonly host: string;
  /** `bindport` (or `tlsbindport`) of http.conf. */
  readonly port: number;
  /** `https` and `wss`, whose certificate is verified. Default: false. */
  readonly tls?: boolean;
  /** PEM certificates that it is verified by, in place of those that Node trusts. */
  readonly ca?: string;
  /** A section of ari.conf. */
  readonly username: string;
  readonly password: string;
  /** The Stasis application that the link registers. */
  readonly app: string;
}

/** @throws ERR_TALKSPURT_CONFIG_INVALID for what cannot be a user, a password or an application */
export function checkTarget(name: string, target: AriTarget): void {
  const { username, password, app } = target;
  if (username === '' || /[:\p{Cc}]/u.test(username))
    throw invalid(`the ARI user of ${name} is empty or holds a colon`);
  if (/\p{Cc}/u.test(password)) throw invalid(`the ARI password of ${name} holds a control character`);
  // A comma would make several applications of it.
  if (app === '' || /[,\p{Cc}]/u.test(app))
    throw invalid(`the Stasis application of ${name} is empty or holds a comma`);
}

/** `http://127.0.0.1:8088`: for URLs and messages; never holds the password. */
export function originOf(target: AriTarget, protocol: 'http' | 'ws'): string {
  const host = isIPv6(target.host) ? `[${target.host}]` : target.host;
  return `${protocol}${target.tls === true ? 's' : ''}://${host}:${target.port}`;
}

/** Value of the Authorization header. A secret. */
export function authorizationOf(target: AriTarget): string {
  return `Basic ${Buffer.from(`${target.username}:${target.password}`).toString('base64')}`;
}

function invalid(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
}
