/** What of an Asterisk's configuration cannot work, or works and lets in more than it should: rules between its keys. */
import { isIP } from 'node:net';
import { PATH_FORMATS } from '../switch/asterisk/asterisk-capabilities.ts';
import type { ConfigDocument } from './config-schema.ts';
import type { ConfigIssue } from './config-issue.ts';
import { pathText } from './config-issue.ts';

type AsteriskDocument = Extract<ConfigDocument['switches'][number], { kind: 'asterisk' }>;
type Path = readonly (string | number)[];

/** Faults: each keeps calls from being heard. */
export function asteriskIssues({ switches }: Pick<ConfigDocument, 'switches'>): ConfigIssue[] {
  const names = switches.map(({ name }) => name.toLowerCase());
  return switches.flatMap((entry, index): ConfigIssue[] => {
    if (entry.kind !== 'asterisk') return [];
    const path: Path = ['switches', index];
    return [
      ...formatIssues(entry, path),
      ...addressIssues(entry, path),
      ...loginIssues(entry, path),
      ...tlsIssues(entry, path),
      ...variableIssues(entry, path),
      ...nameIssues(entry, path, names),
    ];
  });
}

/** What works, and is to be known. */
export function asteriskWarnings({ switches }: Pick<ConfigDocument, 'switches'>): string[] {
  return switches.flatMap((entry, index): string[] => {
    if (entry.kind !== 'asterisk') return [];
    const { host, tls, media } = entry;
    const at = (...keys: string[]): string => pathText(['switches', index, ...keys]);
    const warnings: string[] = [];
    if (!isHere(host) && !tls) {
      warnings.push(
        `${at('tls')} is false and ${host} is another host: the ARI password and what it controls go in the clear; set tls, or tunnel it`,
      );
    }
    if (isIP(host) === 0 && !isHere(host) && isLoopback(media.bindHost) && isReached(entry)) {
      warnings.push(
        `${at('media', 'bindHost')} is loopback: unless ${host} is this host, Asterisk cannot reach it; bind the address that it reaches`,
      );
    }
    const { mode, username } = media.websocket;
    if (mode === 'server' && username === undefined && (media.kind === 'websocket' || media.kind === 'auto')) {
      warnings.push(
        `${at('media', 'websocket', 'username')} is not set: whoever comes from an allowed address and knows a call's id is let in; set username and password there and in websocket_client.conf`,
      );
    }
    return warnings;
  });
}

/** Name of the switch that calls of the dialplan's `AudioSocket()` belong to. */
export function dialplanSwitchName(name: string): string {
  return `${name}-audiosocket`;
}

function formatIssues({ media: { kind, format } }: AsteriskDocument, path: Path): ConfigIssue[] {
  if (kind === 'auto' || format === 'auto' || PATH_FORMATS[kind].includes(format)) return [];
  const others = (Object.keys(PATH_FORMATS) as (keyof typeof PATH_FORMATS)[]).filter((each) =>
    PATH_FORMATS[each].includes(format),
  );
  const why = kind === 'rtp' ? ' (Asterisk drops what is sent back in it without a word)' : '';
  const text = `is ${format}, which ${kind} cannot carry${why}: take ${PATH_FORMATS[kind].join(', ')} or auto, or set media.kind to ${others.join(' or ')}`;
  return [{ path: [...path, 'media', 'format'], text }];
}

function addressIssues(entry: AsteriskDocument, path: Path): ConfigIssue[] {
  const { host, media } = entry;
  const { kind, bindHost, advertiseHost } = media;
  const issues: ConfigIssue[] = [];
  if (advertiseHost !== undefined && isWildcard(advertiseHost)) {
    const text = `is ${advertiseHost}, which is every address and none to send to: give the one that Asterisk reaches`;
    issues.push({ path: [...path, 'media', 'advertiseHost'], text });
  }
  if (isWildcard(bindHost) && advertiseHost === undefined && isReached(entry) && kind !== 'websocket') {
    const text = `is missing: bindHost is ${bindHost}, which Asterisk cannot be told to send to; give the address that it reaches`;
    issues.push({ path: [...path, 'media', 'advertiseHost'], text });
  }
  // A port may be forwarded for TCP; a datagram from loopback reaches nobody else.
  const forwarded = advertiseHost !== undefined && (kind === 'audiosocket' || kind === 'websocket');
  if (isIP(host) !== 0 && !isHere(host) && isLoopback(bindHost) && isReached(entry) && !forwarded) {
    const text = `is ${bindHost}, and Asterisk is at ${host}: it cannot reach it; bind the address of this host that it reaches`;
    issues.push({ path: [...path, 'media', 'bindHost'], text });
  }
  return issues;
}

function loginIssues({ username }: AsteriskDocument, path: Path): ConfigIssue[] {
  if (!/[:\p{Cc}]/u.test(username)) return [];
  const text = 'holds a colon or a control character, which HTTP takes for the end of it: rename the user in ari.conf';
  return [{ path: [...path, 'username'], text }];
}

function tlsIssues({ tls, caFile, link }: AsteriskDocument, path: Path): ConfigIssue[] {
  if (tls && link === 'package') {
    const text = 'is package, and ari-client sends the password in the clear whatever it is told: set link to native';
    return [{ path: [...path, 'link'], text }];
  }
  if (caFile === undefined || tls) return [];
  return [{ path: [...path, 'caFile'], text: 'is given, and tls is false: set tls, or leave it out' }];
}

/** Functions that do something, or wait, where a value is asked for. */
const ACTING = /^(shell|system|curl|curlopt|file|eval|lock|trylock|unlock|db_delete|odbc_\w+|realtime_\w+)\(/i;

function variableIssues({ variables }: AsteriskDocument, path: Path): ConfigIssue[] {
  return variables.flatMap((name, index): ConfigIssue[] => {
    if (!ACTING.test(name)) return [];
    const text =
      'does something in Asterisk where a value is asked for: set a variable by it in the dialplan, and name that';
    return [{ path: [...path, 'variables', index], text }];
  });
}

function nameIssues({ name, media }: AsteriskDocument, path: Path, names: readonly string[]): ConfigIssue[] {
  const other = dialplanSwitchName(name).toLowerCase();
  if (media.audioSocket.profile === undefined || !names.includes(other)) return [];
  const text = `and media.audioSocket.profile make a switch ${other}, and another switch has that name: rename one of them`;
  return [{ path: [...path, 'name'], text }];
}

/** Whether Asterisk has to reach an address of ours. */
function isReached({ media: { kind, websocket, audioSocket } }: AsteriskDocument): boolean {
  return kind !== 'websocket' || websocket.mode === 'server' || audioSocket.profile !== undefined;
}

function isHere(host: string): boolean {
  return isLoopback(host) || /^(.+\.)?localhost\.?$/i.test(host);
}

function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || /^localhost$/i.test(host);
}

function isWildcard(host: string): boolean {
  return isIP(host) !== 0 && /^[0:.]+$/.test(host);
}
