/** `talkspurt troubleshoot`: the right record, said and drawn. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { troubleshootCommand } from '../../../src/cli/troubleshoot.ts';
import { callTimeline } from '../../../src/cli/troubleshoot/call-timeline.ts';
import { diagnosisSchema } from '../../../src/cli/troubleshoot/diagnosis.ts';
import { drawCall } from '../../../src/cli/troubleshoot/timeline-picture.ts';
import { timelineLines } from '../../../src/cli/troubleshoot/timeline-text.ts';
import { record } from './good-record.ts';
import { runCommand } from '../run-command.ts';

const test = suite('troubleshoot command');
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-troubleshoot-'));
test.after(() => rmSync(folder, { recursive: true }));

/** What it prints; rejects as the command line does. */
async function run(...words: string[]): Promise<string> {
  return await runCommand(troubleshootCommand, ['troubleshoot', ...words]);
}

async function refusal(...words: string[]): Promise<string> {
  return await run(...words).then(
    () => 'none',
    (error: Error & { code?: string }) => `${error.code ?? ''} ${error.message}`,
  );
}

const lines = (...records: ReturnType<typeof record>[]): string =>
  records.map((each) => `${JSON.stringify(each)}\n`).join('');

test('last, by id, by its first characters; files of days in their order; lines that are none are passed over', async () => {
  const records = join(folder, 'records');
  mkdirSync(records);
  writeFileSync(
    join(records, 'calls-2026-01-31.jsonl'),
    lines(record({ session_uuid: 'aa-1', reason: 'drained' }), record({ session_uuid: 'ab-2' })),
  );
  writeFileSync(
    join(records, 'calls-2026-02-01.jsonl'),
    `${lines(record({ session_uuid: 'aa-1', hangup_cause: 41 }), record({ session_uuid: 'z-9', stalls: 2 }))}{"version":1,"sess`,
  );
  assert.match(await run('last', '--records', records), /^call z-9,/);
  assert.match(await run('last', '--records', join(records, 'calls-2026-01-31.jsonl')), /^call ab-2,/);
  const found = await run('aa-1', '--records', records);
  assert.match(found, 'cause 41', 'the latest of that channel');
  assert.match(await run('aa', '--records', records), /^call aa-1,/);
  assert.match(await refusal('a', '--records', records), /^ERR_TALKSPURT_UNKNOWN_CALL more than one call/);
  assert.match(await refusal('nobody', '--records', records), /no record there is of a call nobody .*records: {folder/);
  const json = diagnosisSchema.parse(JSON.parse(await run('last', '--records', records, '--json')));
  assert.equal([json.call, json.causes[0]?.id], ['z-9', 'audio-stopped']);
});

test('a picture that cannot be written is an error with a code', async () => {
  const records = join(folder, 'drawn.jsonl');
  writeFileSync(records, lines(record()));
  const nowhere = join(folder, 'no-such-folder', 'call.svg');
  assert.match(
    await refusal('last', '--records', records, '--picture', nowhere),
    /^ERR_TALKSPURT_CONFIG_UNREADABLE .*ENOENT/,
  );
});

test('a file of records that cannot be read is named, and is not taken for one without records', async () => {
  const records = join(folder, 'unreadable');
  mkdirSync(join(records, 'calls-2026-02-01.jsonl'), { recursive: true });
  writeFileSync(join(records, 'calls-2026-01-31.jsonl'), lines(record()));
  assert.match(
    await refusal('last', '--records', records),
    /^ERR_TALKSPURT_CONFIG_UNREADABLE .*calls-2026-02-01.jsonl \(EISDIR\)/,
  );
});

test('an id that others begin with is itself', async () => {
  const file = join(folder, 'asterisk.jsonl');
  const of = (id: string) => record({ session_uuid: id });
  writeFileSync(file, lines(of('1700000000.1'), of('1700000000.10'), of('1700000000.11')));
  assert.match(await run('1700000000.1', '--records', file), /^call 1700000000\.1,/);
  assert.match(await run('1700000000.10', '--records', file), /^call 1700000000\.10,/);
  assert.match(await refusal('170', '--records', file), /more than one call/);
});

test('the folder is that of the configuration, and without one it is said how to have records', async () => {
  const path = join(folder, 'talkspurt.yaml');
  const base = { backends: { ai: { kind: 'embedded' } }, profiles: { p: { backend: 'ai' } } };
  writeFileSync(path, JSON.stringify(base));
  assert.match(await refusal('last', '-c', path), /^ERR_TALKSPURT_UNKNOWN_CALL no records are kept.*records: {folder/);
  writeFileSync(path, JSON.stringify({ ...base, records: { folder: join(folder, 'records') } }));
  assert.match(await run('last', '-c', path), /^call z-9,/);
  writeFileSync(path, JSON.stringify({ ...base, records: { folder: join(folder, 'nowhere') } }));
  assert.match(await refusal('last', '-c', path), /ENOENT.*records: {folder/);
});

test('the picture is an SVG document with the lanes where they belong', async () => {
  const spoilt = record({
    events: [...record().events, { at_ms: 30_000, type: 'backend.error', backend: '<ai> & "co"', code: 'ERR_<X>' }],
  });
  const svg = drawCall(callTimeline(spoilt), 'Call <1>', 'a & b');
  assert.ok(isWellFormed(svg), 'it is well-formed');
  assert.match(svg, 'Call &lt;1&gt;');
  assert.match(svg, 'ERR_&lt;X&gt;');
  // The plot is 1,330 wide and begins at 120: the caller spoke from 6 s to 8.38 s of 40 s.
  assert.match(
    svg,
    `<rect x="${(120 + (6 / 40) * 1_330).toFixed(1)}" y="88" width="${((2.38 / 40) * 1_330).toFixed(1)}"`,
  );
  const file = join(folder, 'call.svg');
  await run('last', '--records', join(folder, 'records'), '--picture', file);
  assert.ok(isWellFormed(readFileSync(file, 'utf8')));
});

test('a call without any event is drawn, too', () => {
  const empty = record({ events: [], turns: [], duration_ms: 0 });
  assert.ok(isWellFormed(drawCall(callTimeline(empty), '', '')));
  assert.is(timelineLines(callTimeline(empty), 60).length, 5);
});

test('in a terminal, a character for its share of the call', () => {
  // 40 s in 40 columns.
  const [caller = '', agent = '', turn = '', events = ''] = timelineLines(callTimeline(record()), 50);
  const at = (row: string, second: number): string => row.slice(row.indexOf('│') + 1)[second] ?? '';
  assert.equal([5, 6, 8, 9, 18, 20, 21].map((second) => at(caller, second)).join(''), ' ██ ██ ');
  assert.equal([0, 4, 5, 9, 13, 14, 21, 23, 25].map((second) => at(agent, second)).join(''), '██ ██ ██ ');
  assert.equal([0, 5, 6, 9, 20, 24].map((second) => at(turn, second)).join(''), 'A.cA?c');
  assert.equal([0, 24, 39, 30].map((second) => at(events, second)).join(''), '||| ');
  for (const line of [caller, agent, turn, events]) assert.is(line.length, 50);
});

test('a turn of a state that is none is drawn as nothing', () => {
  const states = ['constructor', '__proto__', 'toString', 'another'];
  const events = states.map((state, n) => ({ at_ms: n * 10_000, type: 'turn.state', state }));
  const timeline = callTimeline(record({ events }));
  assert.is(timeline.turns.length, states.length);
  assert.is(timelineLines(timeline, 50)[2], `turn    │${' '.repeat(40)}│`);
  assert.not.match(drawCall(timeline, '', ''), /native code|\[object/);
});

test('marks are bounded', () => {
  const many = Array.from({ length: 500 }, (_, n) => ({ at_ms: n, type: 'media.underrun', missingMs: 20 }));
  const timeline = callTimeline(record({ events: many }));
  assert.ok(timelineLines(timeline).length < 40);
  assert.match(drawCall(timeline, '', ''), '… and 440 more');
});

/** Every tag is closed in its order, and no & or < stands bare. Not a whole parser of XML, and none of ours. */
function isWellFormed(text: string): boolean {
  const open: string[] = [];
  for (const [whole, close, name = '', rest = ''] of text.matchAll(
    /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*\s*\/?)>/g,
  )) {
    if (close === '/') {
      if (open.pop() !== name) return false;
    } else if (!rest.endsWith('/')) open.push(name);
    if (whole === '') return false;
  }
  const bare = text.replaceAll(/<\/?[a-z]+(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g, '').replaceAll(/&(amp|lt|gt|quot);/g, '');
  return open.length === 0 && !/[<&]/.test(bare) && text.startsWith('<svg ');
}

test.run();
