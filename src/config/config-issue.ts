/** What is wrong with a configuration: every fault by its path, in words, with the fix. Secrets are never shown. */
import type { z } from 'zod';
import { TalkspurtError } from '../core/errors.ts';
import { allowedKeys, allowedValues, expectation, isRecord, schemaAt } from './schema-walk.ts';
import type { ConfigPath } from './schema-walk.ts';

/** One fault. */
export interface ConfigIssue {
  readonly path: ConfigPath;
  /** What is wrong and the fix; reads on from the path. */
  readonly text: string;
  /** It is the key itself that is wrong, not its value. */
  readonly atKey?: boolean;
  /** A secret is missing or cannot be read; nothing else is wrong with it. */
  readonly secret?: boolean;
}

/** Faults that one error lists; the rest is counted. */
const MOST_ISSUES = 50;

/** The schema's faults, in words. */
export function schemaIssues(error: z.ZodError, document: unknown): ConfigIssue[] {
  return issuesOf(error.issues, document);
}

function issuesOf(issues: readonly z.core.$ZodIssue[], document: unknown): ConfigIssue[] {
  return issues.flatMap((issue): ConfigIssue[] => {
    const path = issue.path as ConfigPath;
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, document));
    if (issue.code === 'invalid_key') {
      return [{ path, atKey: true, text: 'is not a name: use letters, digits, _ and -, at most 64, a letter first' }];
    }
    const value = valueAt(path, document);
    if (issue.code === 'invalid_union' && isRecord(value)) {
      // Of "false or a mapping" a mapping was given: what is wrong in it counts, not that it is not false.
      const inner = issue.errors.find((branch) =>
        branch.every(({ path: at, code }) => at.length > 0 || code === 'unrecognized_keys'),
      );
      const faults = inner?.map((fault) => ({ ...fault, path: [...issue.path, ...fault.path] }));
      if (faults !== undefined && faults.length > 0) return issuesOf(faults, document);
    }
    return [wrongValue(path, document, issue.message)];
  });
}

/** The one error that names every fault; `place` says where a fault stands. */
export function configError(issues: readonly ConfigIssue[], place: (issue: ConfigIssue) => string): TalkspurtError {
  const lines = issues.slice(0, MOST_ISSUES).map((issue) => `  ${place(issue)}  ${pathText(issue.path)} ${issue.text}`);
  if (issues.length > MOST_ISSUES) lines.push(`  and ${issues.length - MOST_ISSUES} more`);
  const secretsOnly = issues.every((issue) => issue.secret === true);
  const what = secretsOnly ? 'a secret is missing' : 'the configuration is not valid';
  return new TalkspurtError(
    secretsOnly ? 'ERR_TALKSPURT_SECRET_MISSING' : 'ERR_TALKSPURT_CONFIG_INVALID',
    `${what}:\n${lines.join('\n')}`,
    { details: { issues: issues.length } },
  );
}

/** `switches[0].media.bindHost`, for people. */
export function pathText(path: ConfigPath): string {
  if (path.length === 0) return 'the file';
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

/** The one of `words` that `word` is most likely a slip for; null when it is like none of them. */
export function didYouMean(word: string, words: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of words) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

function unknownKey(path: ConfigPath, key: string, document: unknown): ConfigIssue {
  const node = schemaAt(path, document);
  const keys = node === null ? [] : allowedKeys(node);
  const meant = didYouMean(key, keys);
  const fix = meant === null ? `known here: ${keys.join(', ')}` : `did you mean ${meant}?`;
  return { path: [...path, key], atKey: true, text: `is not a known key; ${fix}` };
}

function wrongValue(path: ConfigPath, document: unknown, message: string): ConfigIssue {
  const value = valueAt(path, document);
  const node = schemaAt(path, document);
  if (node === null) return { path, text: message };
  const wanted = expectation(node);
  if (value === undefined) return { path, text: `is missing: give ${wanted}` };
  const values = allowedValues(node);
  const meant = values === null || typeof value !== 'string' ? null : didYouMean(value, values.map(String));
  const plain =
    typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && meant !== null);
  const given = plain && !isSecret(path) ? String(value) : nameOfType(value);
  const fix =
    meant !== null ? `, did you mean ${meant}?` : node.type === 'string' && !isText(value) ? ': put it in quotes' : '';
  return { path, text: `must be ${wanted}; it is ${given}${fix}` };
}

const SECRET_KEYS: ReadonlySet<string | number> = new Set(['password', 'apiKey', 'readToken', 'controlToken']);

/** Whether the value at `path` must not be seen. */
export function isSecret(path: ConfigPath): boolean {
  const key = path.at(-1);
  return (key !== undefined && SECRET_KEYS.has(key)) || path.at(-2) === 'extraHeaders';
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || isRecord(value) || Array.isArray(value) || value === null;
}

/** What stands at `path`; undefined where nothing does. */
export function valueAt(path: ConfigPath, document: unknown): unknown {
  let value = document;
  for (const step of path) {
    if (Array.isArray(value) && typeof step === 'number') value = value[step] as unknown;
    else if (isRecord(value) && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

function nameOfType(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return value === '' ? 'empty text' : 'other text';
  return isRecord(value) ? 'a mapping' : `a ${typeof value}`;
}

/** Optimal string alignment distance: two neighbours swapped count as one slip. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const cheapest = Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      next.push(swapped ? Math.min(cheapest, (before[j - 2] ?? 0) + 1) : cheapest);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
