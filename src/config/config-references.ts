/** What one part of a configuration says about another: rules that hold between keys. */
import { isIP } from 'node:net';
import type { ConfigDocument } from './config-schema.ts';
import type { ConfigIssue } from './config-issue.ts';
import { didYouMean } from './config-issue.ts';

/** The rules that `document` breaks. */
export function referenceIssues(document: ConfigDocument): ConfigIssue[] {
  return [
    ...switchIssues(document),
    ...profileIssues(document),
    ...portIssues(document),
    ...doors(document).flatMap(({ key, allow }) => allowIssues(key, allow)),
    ...namedProfileIssues(document),
    ...moduleIssues(document),
  ];
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
    const place = `${entry.host}:${entry.port}`;
    if (places.has(place)) {
      issues.push({ path: ['switches', index, 'port'], text: 'is another switch already: one link to each is enough' });
    }
    places.add(place);
    const range = entry.media.portRange;
    if (range === undefined) continue;
    const path = ['switches', index, 'media', 'portRange'];
    if (range.to < range.from) issues.push({ path, text: 'ends before it begins: swap from and to' });
    else if (range.to - range.from + 1 < limits.calls) {
      const ports = range.to - range.from + 1;
      issues.push({
        path,
        text: `has ${ports} ports for ${limits.calls} calls (limits.calls): a call needs one, widen it or lower the limit`,
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

function profileIssues({ backends, profiles }: ConfigDocument): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const names = Object.keys(backends);
  for (const [name, profile] of Object.entries(profiles)) {
    if (!Object.hasOwn(backends, profile.backend)) {
      const meant = didYouMean(profile.backend, names);
      const known = names.length === 0 ? 'there is none under backends' : `known: ${names.join(', ')}`;
      const fix = meant === null ? known : `did you mean ${meant}?`;
      issues.push({ path: ['profiles', name, 'backend'], text: `is not the name of a backend; ${fix}` });
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

interface Door {
  readonly key: 'status' | 'frontDoor' | 'outboundSocket' | 'sip' | 'modules';
  readonly host: string;
  readonly port: number;
  readonly allow: readonly string[];
}

/** Everything that listens on a TCP port of its own. */
function doors({ status, frontDoor, outboundSocket, sip, modules, switches }: ConfigDocument): Door[] {
  const open: Door[] = [];
  if (status !== false) open.push({ key: 'status', ...status, allow: [] });
  if (frontDoor !== false) open.push({ key: 'frontDoor', ...frontDoor });
  if (outboundSocket !== false) open.push({ key: 'outboundSocket', ...outboundSocket });
  if (sip !== false) open.push({ key: 'sip', ...sip });
  if (switches.some(({ media }) => usesModule(media))) open.push({ key: 'modules', ...modules });
  return open;
}

function portIssues(document: ConfigDocument): ConfigIssue[] {
  const seen = new Map<string, string>();
  return doors(document).flatMap(({ key, host, port }): ConfigIssue[] => {
    const place = `${host}:${port}`;
    const other = seen.get(place);
    seen.set(place, key);
    if (port === 0 || other === undefined) return [];
    return [{ path: [key, 'port'], text: `is the port of ${other} too: give one of them another` }];
  });
}

/** Whether calls of a switch come through a module of it. */
export function usesModule({ kind, tap }: ConfigDocument['switches'][number]['media']): boolean {
  return kind === 'module' || tap === 'module';
}

function moduleIssues({ modules, switches }: ConfigDocument): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const { certFile, keyFile } = modules;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const missing = certFile === undefined ? 'certFile' : 'keyFile';
    issues.push({ path: ['modules', missing], text: 'is missing: TLS needs certFile and keyFile' });
  }
  for (const [index, { media }] of switches.entries()) {
    if (media.moduleEdition === undefined || media.module !== 'mod_audio_fork') continue;
    const text = 'is an edition of mod_audio_stream: leave it out, or set module to mod_audio_stream';
    issues.push({ path: ['switches', index, 'media', 'moduleEdition'], text });
  }
  return issues;
}

/** Profiles that are named elsewhere than in `profiles`. */
function namedProfileIssues({ switches, sip, profiles }: ConfigDocument): ConfigIssue[] {
  const names = Object.keys(profiles);
  const named: { path: (string | number)[]; name: string | undefined }[] = switches.map((entry, index) => ({
    path: ['switches', index, 'outboundProfile'],
    name: entry.outboundProfile,
  }));
  if (sip !== false) named.push({ path: ['sip', 'profile'], name: sip.profile });
  return named.flatMap(({ path, name }): ConfigIssue[] => {
    if (name === undefined || Object.hasOwn(profiles, name)) return [];
    const meant = didYouMean(name, names);
    return [{ path, text: `is not the name of a profile${meant === null ? '' : `; did you mean ${meant}?`}` }];
  });
}

function allowIssues(door: string, allow: readonly string[]): ConfigIssue[] {
  return allow.flatMap((block, index): ConfigIssue[] => {
    const [address = '', bits, ...more] = block.split('/');
    const family = isIP(address);
    const whole = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
    if (family !== 0 && whole && more.length === 0) return [];
    const text = 'is neither an address nor a block of addresses: write it like 192.0.2.7 or 192.0.2.0/24';
    return [{ path: [door, 'allow', index], text }];
  });
}
