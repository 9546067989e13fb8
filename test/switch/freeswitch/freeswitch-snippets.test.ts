/** The files for a stock FreeSWITCH: those in examples/ are those that are printed, and they say what the grammar says. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { printedSnippets, writeSnippets } from '../../../src/cli/freeswitch.ts';
import { CALL_VERBS, GLOBAL_VERBS } from '../../../src/commands/command.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { consoleCommands, freeswitchSnippets } from '../../../src/switch/freeswitch/freeswitch-snippets.ts';

const test = suite('FreeSWITCH snippets');
const EXAMPLES = new URL('../../../examples/freeswitch/', import.meta.url);

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-snippets-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('examples/freeswitch/ holds what is printed: talkspurt freeswitch snippets --out examples/freeswitch --force', () => {
  const snippets = freeswitchSnippets();
  assert.equal(readdirSync(EXAMPLES).toSorted(), snippets.map(({ file }) => file).toSorted());
  for (const { file, text } of snippets) assert.fixture(readFileSync(new URL(file, EXAMPLES), 'utf8'), text, file);
});

test('nothing is left to be filled in, and each file is printed under its name', () => {
  const snippets = freeswitchSnippets({ profile: 'night.desk', socket: 'voice.example:9000' });
  const printed = printedSnippets(snippets);
  for (const { file, text } of snippets) {
    assert.not.match(text, /@[A-Z_]+@/, file);
    assert.ok(printed.includes(`===== ${file}\n${text}`));
    assert.ok(text.endsWith('\n') && !text.endsWith('\n\n'), file);
  }
  assert.match(printed, /data="voice\.example:9000\/night\.desk async full"/);
});

test('every verb of the grammar is completed, each line is one console command', () => {
  const lines = consoleCommands();
  assert.is(lines[0], 'alias stickyadd uuid_audio_stream lua uuid_audio_stream.lua');
  for (const verb of CALL_VERBS)
    assert.ok(
      lines.some((line) => line.startsWith(`complete add uuid_audio_stream ::console::list_uuid ${verb}`)),
      verb,
    );
  for (const verb of GLOBAL_VERBS) assert.ok(lines.includes(`complete add uuid_audio_stream ${verb}`), verb);
  // They stand in double quotes in Lua.
  for (const line of lines) assert.match(line, /^[A-Za-z0-9_:. -]+$/);
});

test('options that would be more than a word are refused', () => {
  for (const options of [{ profile: 'a b' }, { profile: '"/>' }, { socket: 'nowhere' }, { socket: 'a:1" x="' }])
    assert.throws(
      () => freeswitchSnippets({ profile: 'reception', socket: '127.0.0.1:8084', ...options }),
      (error: TalkspurtError) => error.code === 'ERR_TALKSPURT_CONFIG_INVALID',
    );
});

test('written all or not at all: what an operator has changed is not overwritten', () =>
  inFolder(async (folder) => {
    const target = join(folder, 'new');
    const snippets = freeswitchSnippets();
    const paths = await writeSnippets(snippets, target, false);
    assert.is(paths.length, snippets.length);
    await writeSnippets(snippets, target, false);
    const last = paths.at(-1)!;
    writeFileSync(last, 'mine');
    rmSync(paths[0]!);
    const code = await writeSnippets(snippets, target, false).catch((error: TalkspurtError) => error.code);
    assert.is(code, 'ERR_TALKSPURT_CONFIG_INVALID');
    assert.is(readdirSync(target).length, snippets.length - 1);
    assert.is(readFileSync(last, 'utf8'), 'mine');
    await writeSnippets(snippets, target, true);
    assert.is(readFileSync(last, 'utf8'), snippets.at(-1)!.text);
  }));

test('a folder that cannot be one is said so', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const code = await writeSnippets(freeswitchSnippets(), join(file, 'x'), false).catch((e: TalkspurtError) => e.code);
    assert.is(code, 'ERR_TALKSPURT_CONFIG_UNREADABLE');
  }));

test.run();
