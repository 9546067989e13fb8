/** What one part of a configuration says about another: rules that hold between keys. */
import { isIP } from 'node:net';
import { HOST_ENTRY_FAULT, isHostEntry } from '../core/host-list.ts';
import { asteriskIssues } from './config-asterisk-checks.ts';
import type { ConfigDocument } from './config-schema.ts';
import type { ConfigIssue } from './config-issue.ts';
import { watchIssues } from './config-watch-checks.ts';
import { didYouMean } from './config-issue.ts';

/** The rules that `document` breaks. */
export function referenceIssues(document: ConfigDocument): ConfigIssue[] {
  return [
    ...switchIssues(document),
    ...profileIssues(document),
    ...destinationIssues(document),
    ...portIssues(document),
    ...doors(document).flatMap(({ path, allow }) => allowIssues(path, allow)),
    ...hostListIssues(['targets', 'allow'], document.targets.allow),
    ...hostListIssues(['sounds', 'allow'], document.sounds.allow),
    ...holdIssues(document),
    ...watchIssues(document),
    ...namedProfileIssues(document),
    ...moduleIssues(document),
    ...sipIssues(document),
    ...loginIssues(document),
    ...asteriskIssues(document),
    ...sourceIssues(document),
  ];
}

function holdIssues({ sounds: { hold, directory, urls } }: ConfigDocument): ConfigIssue[] {
  if (hold === undefined || directory !== undefined || (urls && /^https?:/i.test(hold))) return [];
  return [{ path: ['sounds', 'hold'], text: 'is a file of sounds.directory, which is not set' }];
}

function switchIssues({ switches, limits }: ConfigDocument): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const seen = new Set<string>();
  const places = new Set<string>();
  for (const [index, entry] of switches.entries()) {
    const name = entry.name.toLowerCase();
    if (seen.has(name))
      issues.push({
        path: ['switches', index, 'name'],
        text: 'is taken by another switch: names differ in more than case',
      });
    seen.add(name);
    issues.push(...hostIssues(['switches', index, 'host'], entry.host));
    const asterisk = entry.kind === 'asterisk';
    // One Asterisk may well serve several applications, each with a media path of its own.
    const place = `${entry.host}:${entry.port}${asterisk ? ` ${entry.app}` : ''}`;
    if (places.has(place)) {
      const text = asterisk
        ? 'is another switch already, with the same app: one link to each is enough'
        : 'is another switch already: one link to each is enough';
      issues.push({ path: ['switches', index, 'port'], text });
    }
    places.add(place);
    const range = asterisk ? entry.media.ports : entry.media.portRange;
    if (range === undefined || (asterisk && entry.media.kind !== 'rtp' && entry.media.kind !== 'auto')) continue;
    const path = ['switches', index, 'media', asterisk ? 'ports' : 'portRange'];
    const ports = range.to - range.from + 1;
    const each = asterisk ? 2 : 1;
    if (range.to < range.from) issues.push({ path, text: 'ends before it begins: swap from and to' });
    else if (ports < limits.calls * each) {
      issues.push({
        path,
        text: `has ${ports} ports for ${limits.calls} calls (limits.calls): a call needs ${each}, widen it or lower the limit`,
      });
    }
  }
  return issues;
}

/** An address or a name of the DNS; no port, no protocol, no path. */
function hostIssues(path: (string | number)[], host: string): ConfigIssue[] {
  const name = /^(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?)+$/;
  if (isIP(host) !== 0 || name.test(host)) return [];
  return [{ path, text: 'is neither an address nor a host name: the port has a key of its own' }];
}

/** Where calls go has to be said. */
function destinationIssues({ farewell, overload }: ConfigDocument): ConfigIssue[] {
  const text = 'is empty: a call cannot be transferred there';
  const issues: ConfigIssue[] = [];
  if (farewell.action === 'transfer' && farewell.destination === '')
    issues.push({ path: ['farewell', 'destination'], text });
  if (overload.action === 'transfer' && overload.destination === '') {
    issues.push({ path: ['overload', 'destination'], text });
  }
  return issues;
}

function profileIssues({ backends, profiles }: ConfigDocument): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const names = Object.keys(backends);
  for (const [name, profile] of Object.entries(profiles)) {
    issues.push(...backendNameIssues(name, profile, names));
    const { lastResort, destination } = profile.reconnect;
    if (lastResort === 'transfer' && destination === '') {
      issues.push({
        path: ['profiles', name, 'reconnect', 'destination'],
        text: 'is empty: a call cannot be transferred there',
      });
    }
    if (profile.endpointer.silenceThreshold > profile.endpointer.speechThreshold) {
      issues.push({
        path: ['profiles', name, 'endpointer', 'silenceThreshold'],
        text: 'is above speechThreshold: what is silence cannot be likelier speech than speech is',
      });
    }
  }
  return issues;
}

function backendNameIssues(
  name: string,
  { backend, backends }: ConfigDocument['profiles'][string],
  known: readonly string[],
): ConfigIssue[] {
  const path = ['profiles', name];
  if ((backend === undefined) === (backends === undefined)) {
    const text =
      backend === undefined ? 'names no backend: set backend, or backends' : 'sets backend and backends: set one';
    return [{ path: [...path, backend === undefined ? 'backend' : 'backends'], text }];
  }
  const entries: readonly { at: (string | number)[]; entry: string }[] =
    backends?.map((entry, index) => ({ at: [...path, 'backends', index], entry })) ??
    (backend === undefined ? [] : [{ at: [...path, 'backend'], entry: backend }]);
  return entries.flatMap(({ at, entry }, index): ConfigIssue[] => {
    if (entries.findIndex((each) => each.entry === entry) < index) return [{ path: at, text: 'stands there twice' }];
    if (known.includes(entry)) return [];
    const meant = didYouMean(entry, known);
    const all = known.length === 0 ? 'there is none under backends' : `known: ${known.join(', ')}`;
    const fix = meant === null ? all : `did you mean ${meant}?`;
    return [{ path: at, text: `is not the name of a backend; ${fix}` }];
  });
}

type AsteriskDocument = Extract<ConfigDocument['switches'][number], { kind: 'asterisk' }>;

interface Door {
  readonly path: readonly (string | number)[];
  readonly host: string;
  readonly port: number;
  readonly allow: readonly string[];
}

/** Everything that listens on a TCP port of its own. */
function doors(document: ConfigDocument): Door[] {
  const { status, frontDoor, outboundSocket, sip, modules, switches } = document;
  const open: Door[] = [];
  if (status !== false) open.push({ path: ['status'], ...status, allow: [] });
  if (frontDoor !== false) open.push({ path: ['frontDoor'], ...frontDoor });
  if (outboundSocket !== false) open.push({ path: ['outboundSocket'], ...outboundSocket });
  if (sip !== false) open.push({ path: ['sip'], ...sip });
  if (switches.some(usesModule)) open.push({ path: ['modules'], ...modules });
  for (const [index, entry] of switches.entries()) {
    if (entry.kind !== 'asterisk') continue;
    const { kind, bindHost: host, audioSocket, websocket } = entry.media;
    const path = ['switches', index, 'media'];
    if (opensAudioSocket(entry)) {
      open.push({ path: [...path, 'audioSocket'], host, port: audioSocket.port, allow: audioSocket.allow ?? [] });
    }
    if (kind === 'websocket' && websocket.mode === 'server') {
      open.push({ path: [...path, 'websocket'], host, port: websocket.port, allow: websocket.allow ?? [] });
    }
  }
  return open;
}

function portIssues(document: ConfigDocument): ConfigIssue[] {
  const seen = new Map<string, string>();
  return doors(document).flatMap(({ path, host, port }): ConfigIssue[] => {
    const place = `${host}:${port}`;
    const other = seen.get(place);
    seen.set(place, path.join('.'));
    if (port === 0 || other === undefined) return [];
    return [{ path: [...path, 'port'], text: `is the port of ${other} too: give one of them another` }];
  });
}

/** Whether an Asterisk's calls come by AudioSocket, all or some. */
function opensAudioSocket({ media }: Pick<AsteriskDocument, 'media'>): boolean {
  return media.kind === 'audiosocket' || media.audioSocket.profile !== undefined;
}

/** Whether calls of a switch come through a module of it. */
export function usesModule(entry: Pick<ConfigDocument['switches'][number], 'kind' | 'media'>): boolean {
  const { media } = entry;
  return media.kind === 'module' || ('tap' in media && media.tap === 'module');
}

/** A password that goes with no user name would let everybody in. */
function loginIssues({ sip, modules, switches }: ConfigDocument): ConfigIssue[] {
  interface Login {
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    readonly passwordFile?: string | undefined;
  }
  const logins: { path: (string | number)[]; login: Login }[] = [{ path: ['modules'], login: modules }];
  if (sip !== false) logins.push({ path: ['sip'], login: sip });
  for (const [index, entry] of switches.entries()) {
    if (entry.kind !== 'asterisk') continue;
    logins.push({ path: ['switches', index, 'media', 'websocket'], login: entry.media.websocket });
  }
  return logins.flatMap(({ path, login }): ConfigIssue[] => {
    const { username, password, passwordFile } = login;
    if (username !== undefined || (password === undefined && passwordFile === undefined)) return [];
    return [
      {
        path: [...path, 'username'],
        text: 'is missing: a password is given, and without a name nobody is asked for it',
      },
    ];
  });
}

/** Media that need what is closed. */
function sipIssues({ sip, switches }: ConfigDocument): ConfigIssue[] {
  if (sip !== false) return [];
  return switches.flatMap((entry, index): ConfigIssue[] => {
    if (entry.kind !== 'freeswitch') return [];
    const key = entry.media.kind === 'sip' ? 'kind' : entry.media.tap === 'sip' ? 'tap' : null;
    if (key === null) return [];
    const text = 'is sip, and sip is false: open it, or choose another media path';
    return [{ path: ['switches', index, 'media', key], text }];
  });
}

function moduleIssues({ modules, switches }: ConfigDocument): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const { certFile, keyFile } = modules;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const missing = certFile === undefined ? 'certFile' : 'keyFile';
    issues.push({ path: ['modules', missing], text: 'is missing: TLS needs certFile and keyFile' });
  }
  for (const [index, { kind, media }] of switches.entries()) {
    if (kind !== 'freeswitch' || media.moduleEdition === undefined || media.module !== 'mod_audio_fork') continue;
    const text = 'is an edition of mod_audio_stream: leave it out, or set module to mod_audio_stream';
    issues.push({ path: ['switches', index, 'media', 'moduleEdition'], text });
  }
  return issues;
}

/** Profiles that are named elsewhere than in `profiles`. */
function namedProfileIssues({ switches, sip, profiles }: ConfigDocument): ConfigIssue[] {
  const names = Object.keys(profiles);
  const named: { path: (string | number)[]; name: string | undefined }[] = switches.flatMap((entry, index) =>
    entry.kind === 'freeswitch'
      ? [{ path: ['switches', index, 'outboundProfile'], name: entry.outboundProfile }]
      : [
          { path: ['switches', index, 'profile'], name: entry.profile },
          { path: ['switches', index, 'media', 'audioSocket', 'profile'], name: entry.media.audioSocket.profile },
        ],
  );
  if (sip !== false) named.push({ path: ['sip', 'profile'], name: sip.profile });
  return named.flatMap(({ path, name }): ConfigIssue[] => {
    if (name === undefined || Object.hasOwn(profiles, name)) return [];
    const meant = didYouMean(name, names);
    return [{ path, text: `is not the name of a profile${meant === null ? '' : `; did you mean ${meant}?`}` }];
  });
}

function allowIssues(door: readonly (string | number)[], allow: readonly string[], key = 'allow'): ConfigIssue[] {
  return allow.flatMap((block, index): ConfigIssue[] => {
    const [address = '', bits, ...more] = block.split('/');
    const family = isIP(address);
    const whole = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
    if (family !== 0 && whole && more.length === 0) return [];
    const text = 'is neither an address nor a block of addresses: write it like 192.0.2.7 or 192.0.2.0/24';
    return [{ path: [...door, key, index], text }];
  });
}

function sourceIssues({ switches }: ConfigDocument): ConfigIssue[] {
  return switches.flatMap((entry, index) => {
    if (entry.kind !== 'asterisk') return [];
    return allowIssues(['switches', index, 'media'], entry.media.sources ?? [], 'sources');
  });
}

function hostListIssues(path: readonly string[], entries: readonly string[]): ConfigIssue[] {
  return entries.flatMap((entry, index) =>
    isHostEntry(entry) ? [] : [{ path: [...path, index], text: HOST_ENTRY_FAULT }],
  );
}
