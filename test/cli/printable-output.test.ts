/** Commands that print what others wrote: none of it reaches the terminal as an order to it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkCommand } from '../../src/cli/check.ts';
import { ctlCommand } from '../../src/cli/ctl.ts';
import { LiveView } from '../../src/cli/demo/live-view.ts';
import { findingLines } from '../../src/cli/doctor.ts';
import { warn } from '../../src/cli/doctor/finding.ts';
import { troubleshootCommand } from '../../src/cli/troubleshoot.ts';
import { SystemClock } from '../../src/core/clock.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { prettyLine } from '../../src/observe/pretty-line.ts';
import { EslEventFactory } from '../../src/switch/freeswitch/esl-event-factory.ts';
import { EslServer } from '../../src/switch/freeswitch/esl-server.ts';
import { runCommand } from './run-command.ts';
import { record } from './troubleshoot/good-record.ts';

const test = suite('printable output');
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-printable-'));
test.after(() => rmSync(folder, { recursive: true }));

/** Clears the screen, by two of the ways to say so; names the window; turns what follows around. */
const EVIL = '\u001b[2J\u009b2J\u001b]0;gone\u0007\u202e';
const SEEN = '\\u001b[2J\\u009b2J\\u001b]0;gone\\u0007\\u202e';

/** That nothing but whole lines reaches the terminal. */
function assertPrintable(text: string, seen = SEEN): void {
  assert.not.match(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  assert.ok(text.includes(seen), text);
}

test('troubleshoot: a record that somebody made', async () => {
  const records = join(folder, 'calls-2026-01-31.jsonl');
  const events = [
    { at_ms: 1, type: 'tool.call', name: `${EVIL}\ncall nobody` },
    { at_ms: 2, type: 'backend.error', backend: EVIL, code: EVIL },
  ];
  const crafted = record({ session_uuid: `u-1${EVIL}`, switch: EVIL, profile: EVIL, backends: [EVIL], events });
  writeFileSync(records, `${JSON.stringify(crafted)}\n`);
  const shown = await runCommand(troubleshootCommand, ['troubleshoot', 'last', '--records', records]);
  assertPrintable(shown);
  assert.not.match(shown, /^call nobody/m, 'a line of theirs is none of ours');
  const json = await runCommand(troubleshootCommand, ['troubleshoot', 'last', '--records', records, '--json']);
  assertPrintable(json);
  assert.is((JSON.parse(json) as { call: string }).call, `u-1${EVIL}`, 'and as JSON it is what it was');
});

test('ctl: what the other side answers', async () => {
  const clock = new SystemClock();
  const server = new EslServer({
    host: '127.0.0.1',
    port: 0,
    password: 'door',
    clock,
    factory: new EslEventFactory({ switchname: 'sw', hostname: 'box' }, clock),
    api: async () => `+OK one${EVIL}\ntwo\n`,
    sendMessage: () => '+OK',
    sendEvent: () => '+OK',
    onMalformed: () => undefined,
  });
  await server.listen();
  try {
    const words = ['ctl', 'uuid_audio_stream list', '--port', String(server.port), '--password', 'door'];
    const shown = await runCommand(ctlCommand, words);
    assertPrintable(shown);
    assert.is(shown, `+OK one${SEEN}\ntwo\n`);
  } finally {
    await server.close();
  }
});

test('check: what the configuration names', async () => {
  const path = join(folder, 'talkspurt.yaml');
  const backends = { ai: { kind: 'openai', apiKey: 'k', model: `m${EVIL}` } };
  writeFileSync(path, JSON.stringify({ backends, profiles: { p: { backend: 'ai' } } }));
  assertPrintable(await runCommand(checkCommand, ['check', '--config', path]));
});

test('doctor: what was found, on a line of its own', () => {
  const lines = findingLines(warn('switch.reach', `it says ${EVIL}\nPASS`, `mend ${EVIL}`, { about: EVIL }));
  assert.is(lines.length, 2);
  for (const line of lines) {
    assertPrintable(line);
    assert.not.match(line, '\n');
  }
});

test('demo: what is said and what goes wrong', () => {
  let shown = '';
  const view = new LiveView({ write: (text) => (shown += text) });
  view.show({ type: 'transcript', callId: 'c', atMs: 0, by: 'agent', text: `Hi${EVIL}`, final: true }, 0);
  assertPrintable(stripVTControlCharacters(shown));
  shown = '';
  const error = new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', `no${EVIL}`);
  view.show({ type: 'link.down', atMs: 0, link: 'l', error, retryInMs: 1 }, 0);
  assertPrintable(stripVTControlCharacters(shown));
});

test('serve: log lines for people', () => {
  const line = { time: '2026-01-31T10:00:00.000Z', level: 'info', msg: `m${EVIL}`, peer: EVIL };
  assertPrintable(stripVTControlCharacters(prettyLine(JSON.stringify(line))));
});

test.run();
