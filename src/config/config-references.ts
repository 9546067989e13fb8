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
    ...allowIssues(document.frontDoor === false ? [] : document.frontDoor.allow),
  ];
}

function switchIssues({ switches, limits }: ConfigDocument): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of switches.entries()) {
    const name = entry.name.toLowerCase();
    if (seen.has(name))
      issues.push({
        path: ['switches', index, 'name'],
        text: 'is taken by another switch: names differ in more than case',
      });
    seen.add(name);
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

function portIssues({ status, frontDoor }: ConfigDocument): ConfigIssue[] {
  if (frontDoor === false || status === false || status.port === 0) return [];
  if (status.port !== frontDoor.port || status.host !== frontDoor.host) return [];
  return [{ path: ['frontDoor', 'port'], text: 'is the port of the status server too: give one of them another' }];
}

function allowIssues(allow: readonly string[]): ConfigIssue[] {
  return allow.flatMap((block, index): ConfigIssue[] => {
    const [address = '', bits, ...more] = block.split('/');
    const family = isIP(address);
    const whole = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
    if (family !== 0 && whole && more.length === 0) return [];
    const text = 'is neither an address nor a block of addresses: write it like 192.0.2.7 or 192.0.2.0/24';
    return [{ path: ['frontDoor', 'allow', index], text }];
  });
}
