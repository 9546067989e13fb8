/** The status server's part of a configuration: its tokens, and what must not be opened without one. */
import { isIP } from 'node:net';
import { LIMITS } from '../limits.ts';
import { isLoopback } from '../http/request-origin.ts';
import type { ConfigIssue } from './config-issue.ts';
import type { ConfigDocument } from './config-schema.ts';
import type { ConfigSecrets } from './config-secrets.ts';

type StatusDocument = Exclude<ConfigDocument['status'], false>;

/** The status server. `readToken` and `controlToken` are secrets, empty where there is none. */
export type StatusConfig = Omit<StatusDocument, 'readToken' | 'readTokenFile' | 'controlToken' | 'controlTokenFile'> & {
  readonly readToken: string;
  readonly controlToken: string;
};

/** With its tokens read. */
export function statusConfig(document: StatusDocument, secrets: ConfigSecrets): StatusConfig {
  const { readToken, readTokenFile, controlToken, controlTokenFile, ...rest } = document;
  const read = (key: 'readToken' | 'controlToken', plain: string | undefined, file: string | undefined): string =>
    secrets.read({ path: ['status'], words: ['status'], key, plain, file, optional: true });
  return {
    ...rest,
    readToken: read('readToken', readToken, readTokenFile),
    controlToken: read('controlToken', controlToken, controlTokenFile),
  };
}

/** What would let in whom nobody meant to let in. */
export function statusIssues(status: false | StatusConfig): ConfigIssue[] {
  if (status === false) return [];
  const { host, readToken, controlToken, hosts, origins } = status;
  const issues: ConfigIssue[] = [];
  if (!isLoopback(host) && readToken === '' && controlToken === '') {
    const text =
      'is not an address of loopback, and there is no token: set TALKSPURT_STATUS__READ_TOKEN or status.readTokenFile, or listen on 127.0.0.1';
    issues.push({ path: ['status', 'host'], text });
  }
  for (const [key, token] of [
    ['readToken', readToken],
    ['controlToken', controlToken],
  ] as const) {
    const fault = token === '' ? null : tokenFault(token);
    if (fault !== null) issues.push({ path: ['status', key], text: fault, secret: true });
  }
  if (readToken !== '' && readToken === controlToken) {
    issues.push({ path: ['status', 'readToken'], text: 'is the controlToken as well: make another', secret: true });
  }
  return [...issues, ...nameIssues(hosts), ...originIssues(origins)];
}

function tokenFault(token: string): string | null {
  const least = LIMITS.httpTokenCharacters;
  const most = LIMITS.httpTokenCharactersMaximum;
  if (token.length < least) return `is shorter than ${least} characters: make one with \`openssl rand -hex 24\``;
  if (token.length > most) return `is longer than ${most} characters: make one with \`openssl rand -hex 24\``;
  return token.includes(' ') ? 'has a blank in it: a bearer token has none' : null;
}

function nameIssues(hosts: readonly string[]): ConfigIssue[] {
  return hosts.flatMap((name, index): ConfigIssue[] => {
    if (isIP(name) !== 0 || /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,252})$/.test(name)) return [];
    return [
      { path: ['status', 'hosts', index], text: 'is neither an address nor a host name: leave out protocol and port' },
    ];
  });
}

/** As a browser writes one: nothing else would ever be equal to it. */
function originIssues(origins: readonly string[]): ConfigIssue[] {
  return origins.flatMap((origin, index): ConfigIssue[] => {
    if (URL.canParse(origin) && /^https?:/.test(origin) && new URL(origin).origin === origin) return [];
    const text = 'is not an origin: write it like https://ops.example.com, without a path and in lower case';
    return [{ path: ['status', 'origins', index], text }];
  });
}
