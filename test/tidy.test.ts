/** The house style, as far as a machine can keep it. A rule that is broken names the file and line. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERROR_CODES } from '../src/core/errors.ts';
import { LIMITS } from '../src/limits.ts';
import { cyclesOf, importFault } from './tidy/import-rules.ts';
import { headingAnchors, relativeLinks } from './tidy/markdown-links.ts';
import { ROOT, codeOf, filesUnder, importsOf, ownImportsOf, places, textOf } from './tidy/source-text.ts';

const SOURCES = filesUnder('src', '.ts');
const CORE = filesUnder('assembly', '.ts');
const TESTS = filesUnder('test', '.ts', '.mjs').filter((file) => !file.startsWith('test/fixtures/'));
const OTHERS = ['bench', 'examples'].flatMap((folder) => filesUnder(folder, '.ts', '.mjs', '.js'));
const PAGES = ['README.md', 'CHANGELOG.md', ...filesUnder('docs', '.md')].filter((page) =>
  existsSync(join(ROOT, page)),
);

/** Fails with a line for each fault. */
function none(faults: readonly string[], rule: string): void {
  assert.is(faults.length, 0, `${rule}\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
}

/** The faults that `pattern` finds in the code (comments and strings left out) of `files`. */
function inCode(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) => places(file, codeOf(textOf(file)), pattern));
}

test('a source file has at most 400 lines', () => {
  const lengths = [...SOURCES, ...CORE].map((file) => ({ file, lines: textOf(file).trimEnd().split('\n').length }));
  assert.ok(lengths.length > 50, 'the sources were found');
  none(
    lengths.filter(({ lines }) => lines > 400).map(({ file, lines }) => `${file} has ${lines}`),
    'split by concept',
  );
});

test('files are named in kebab-case, for the one thing they hold', () => {
  const name = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|d|contract))?\.[a-z0-9]+$/;
  const vague = /(^|-)(utils?|helpers?|common|managers?|types|misc)(-|\.)/;
  const files = [...SOURCES, ...CORE, ...TESTS, ...OTHERS, ...PAGES.filter((page) => page.startsWith('docs/'))];
  none(
    files.filter((file) => !name.test(basename(file)) || vague.test(basename(file))),
    'say what is in it',
  );
});

const TIME_OR_CHANCE =
  /\b(setTimeout|setInterval|setImmediate|process\.hrtime|Date\.now|performance\.now|Math\.random)\b|\bnew Date\(\s*\)/g;

test('time and chance come from core/clock.ts alone', () => {
  const others = SOURCES.filter((file) => file !== 'src/core/clock.ts');
  none(inCode([...others, ...CORE], TIME_OR_CHANCE), 'take a Clock');
  const timers = others.filter((file) =>
    importsOf(textOf(file)).some((name) => /^(node:)?(timers|perf_hooks)/.test(name)),
  );
  none(timers, 'take a Clock');
});

const SWALLOWED = /\bcatch\s*(\([^)]*\)\s*)?\{\s*\}|\.catch\(\s*(\(\w*\)|\w+)\s*=>\s*\{\s*\}\s*\)|\.catch\(\s*\)/g;

test('no error is swallowed', () => {
  none(inCode([...SOURCES, ...CORE, ...OTHERS], SWALLOWED), 'handle it, or let it through');
});

// The brackets keep this file from breaking its own rule.
const UNFINISHED = /\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b/g;
const LEFT_OUT = /\.(on[l]y|sk[i]p)\(/g;

test('nothing is left for later, and no test is left out', () => {
  const files = [...SOURCES, ...CORE, ...TESTS, ...OTHERS];
  none(
    files.flatMap((file) => places(file, textOf(file), UNFINISHED)),
    'do it now, or write an issue',
  );
  none(inCode([...TESTS, ...OTHERS], LEFT_OUT), 'mend the test');
});

test('every test file runs its tests', () => {
  const files = TESTS.filter((file) => file.endsWith('.test.ts'));
  none(
    files.filter((file) => !/\.run\(\);\s*$/.test(textOf(file))),
    'end it with test.run();',
  );
});

test('imports point one way, and not in circles', () => {
  const graph = new Map(SOURCES.map((file) => [file, ownImportsOf(file)]));
  const faults = [...graph].flatMap(([file, targets]) =>
    targets.flatMap((target) => {
      const fault = importFault(file, target);
      return fault === null ? [] : [`${file} imports ${target}: ${fault}`];
    }),
  );
  none(faults, 'see docs/architecture.md');
  none(cyclesOf(graph), 'break the circle');
  assert.ok([...graph.values()].flat().length > 100, 'the imports were found');
});

/** Exports of `text` without a doc comment right above. */
function undocumented(file: string, text: string): string[] {
  const lines = text.split('\n');
  const exported = /^export (?:declare )?(?:abstract )?(?:async )?(?:class|function\*?|const|let|interface|type) (\w+)/;
  return lines.flatMap((line, index) => {
    const name = exported.exec(line)?.[1];
    if (name === undefined || (lines[index - 1] ?? '').trimEnd().endsWith('*/')) return [];
    // Overloads share the comment of the first.
    if (new RegExp(`^export (async )?function ${name}\\b`).test(lines[index - 1] ?? '')) return [];
    return [`${file}:${index + 1} ${name}`];
  });
}

test('every export of the host has a doc comment', () => {
  none(
    SOURCES.flatMap((file) => undocumented(file, textOf(file))),
    'say what it is: units, owner, @throws',
  );
});

test('the codes of errors, their page and their use are one list', () => {
  const codes = Object.keys(ERROR_CODES);
  const whole = /\bERR_TALKSPURT(?:_[A-Z]+)+\b(?!_)/g;
  const page = existsSync(join(ROOT, 'docs/errors.md')) ? textOf('docs/errors.md') : '';
  const described = new Set([...page.matchAll(whole)].map(([code]) => code));
  none(
    codes.filter((code) => !described.has(code)),
    'describe it in docs/errors.md',
  );
  none(
    [...described].filter((code) => !codes.includes(code)),
    'docs/errors.md describes what is no code',
  );
  // A code in a comment is a promise, not a use.
  const raised = SOURCES.filter((file) => file !== 'src/core/errors.ts').map((file) =>
    textOf(file).replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ''),
  );
  none(
    codes.filter((code) => !raised.some((text) => text.includes(`'${code}'`))),
    'raise it, or take it out',
  );
});

test('every limit is kept somewhere', () => {
  const code = SOURCES.filter((file) => !file.startsWith('src/limits')).map((file) => codeOf(textOf(file)));
  none(
    Object.keys(LIMITS).filter((key) => !code.some((text) => new RegExp(`\\bLIMITS\\.${key}\\b`).test(text))),
    'keep it, or take it out',
  );
});

test('the top level holds what was agreed', () => {
  const wanted = [
    'assembly',
    'src',
    'examples',
    'test',
    'bench',
    'docs',
    'package.json',
    'asconfig.json',
    'tsconfig.json',
  ];
  const also = ['README.md', 'LICENSE', 'CHANGELOG.md', 'package-lock.json'];
  const made = ['build', 'node_modules', 'demo-out', 'coverage'];
  const there = readdirSync(ROOT).filter(
    (entry) => !entry.startsWith('.') && !entry.endsWith('.tgz') && !entry.endsWith('.log'),
  );
  none(
    there.filter((entry) => ![...wanted, ...also, ...made].includes(entry)),
    'find it a place below',
  );
  none(
    [...wanted, ...also].filter((entry) => !there.includes(entry)),
    'is missing',
  );
});

test('the lock file names no registry', () => {
  const { packages } = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, object> };
  assert.ok(Object.keys(packages).length > 100, 'its packages were found');
  none(
    Object.entries(packages).flatMap(([path, entry]) => ('resolved' in entry ? [path] : [])),
    'npm install with the .npmrc of this project',
  );
});

test('links between pages lead somewhere', () => {
  const faults = PAGES.flatMap((page) =>
    relativeLinks(textOf(page)).flatMap(({ path, heading }) => {
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, target))) return [`${page}: ${path}`];
      if (heading === '' || !target.endsWith('.md')) return [];
      return headingAnchors(textOf(target)).has(heading) ? [] : [`${page}: ${path}#${heading}`];
    }),
  );
  none(faults, 'mend the link');
});

test('the rules see what they are to see', () => {
  const found = (pattern: RegExp, text: string): number => [...codeOf(text).matchAll(pattern)].length;
  assert.is(found(TIME_OR_CHANCE, 'const t = setTimeout(run, 1);\nconst d = new Date();'), 2);
  assert.is(found(TIME_OR_CHANCE, '`at ${Date.now()}`'), 1);
  assert.is(found(TIME_OR_CHANCE, "// Date.now\nconst s = 'Math.random'; const r = /setTimeout/; new Date(5);"), 0);
  assert.is(found(TIME_OR_CHANCE, 'const quote = /[\'"`]/;\nconst half = a / b; Date.now(); c / d;'), 1);
  assert.is(found(SWALLOWED, 'try { a(); } catch {}\ntry { b(); } catch (error) { /* fine */ }'), 2);
  assert.is(found(SWALLOWED, 'close().catch(() => {}); try { a(); } catch { report(); }'), 1);
  assert.equal(
    importsOf("import a from './a.ts';\nexport type { B } from './b.ts';\nimport './c.ts';\nvoid import('./d.ts');"),
    ['./a.ts', './b.ts', './c.ts', './d.ts'],
  );
  assert.equal(importsOf("import {\n  one,\n  two,\n} from '../e.ts';"), ['../e.ts']);
  assert.is(importFault('src/core/clock.ts', 'src/session/session.ts'), 'core is below session');
  assert.is(importFault('src/session/session.ts', 'src/core/clock.ts'), null);
  const waits = 'src/switch/channel-waits.ts';
  assert.is(importFault('src/switch/asterisk/call-bridge.ts', 'src/switch/freeswitch/x.ts'), 'is of another switch');
  assert.is(importFault('src/switch/asterisk/call-bridge.ts', waits), null);
  assert.is(importFault('src/switch/freeswitch/freeswitch-leg.ts', 'src/switch/sip/sip-leg.ts'), null);
  assert.is(importFault('src/gateway-from-config.ts', 'src/config.ts'), null);
  assert.is(importFault('src/simulator/caller.ts', 'src/switch/freeswitch/esl-server.ts'), null);
  assert.ok(importFault('src/simulator/caller.ts', 'src/switch/freeswitch/esl-link.ts'));
  assert.ok(importFault('src/simulator/caller.ts', 'src/backend/openai-realtime.ts'));
  assert.ok(importFault('src/session/session.ts', 'src/simulator/caller.ts'));
  const circle = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', ['a']],
    ['d', []],
  ]);
  assert.equal(cyclesOf(circle), ['a → b → c → a']);
  assert.equal(undocumented('f.ts', '/** Yes. */\nexport const a = 1;\nexport function b() {}\n'), ['f.ts:3 b']);
  assert.equal(relativeLinks('[a](b.md#c) ![p](x.svg) [w](https://e.org) `[no](no.md)`'), [
    { path: 'b.md', heading: 'c' },
    { path: 'x.svg', heading: '' },
  ]);
  assert.ok(headingAnchors('# A `b`: c-d\n').has('a-b-c-d'));
});

test.run();
