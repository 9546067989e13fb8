// uuid_record into a FIFO. Sizes and times are those of a FreeSWITCH 1.11.2.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import type { RawClient } from '../switch/freeswitch/recorded-dialogue.ts';
import { api, eventsOf, TestPhone, withSwitch } from './switch-bench.ts';
import type { SwitchBench } from './switch-bench.ts';

const test = suite('SimulatedSwitch, uuid_record');

/** A FIFO that is read without waiting. */
class Fifo {
  readonly path: string;
  #descriptor: number | null = null;

  constructor(path: string) {
    this.path = path;
    execFileSync('mkfifo', [path]);
  }

  open(): this {
    this.#descriptor = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    return this;
  }

  read(): Buffer {
    const bytes = Buffer.alloc(1 << 20);
    try {
      return bytes.subarray(0, readSync(this.#descriptor!, bytes));
    } catch {
      return Buffer.alloc(0);
    }
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

interface Recording extends SwitchBench {
  readonly esl: RawClient;
  readonly fifo: Fifo;
  readonly directory: string;
  readonly start: (variables: Record<string, string>) => Promise<string>;
}

/** A caller that says 1,000, bridged to somebody who says −3,000. */
async function withFifo(extension: string, run: (recording: Recording) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'talkspurt-fifo-'));
  const fifo = new Fifo(join(directory, `x.${extension}`));
  try {
    await withSwitch({}, async (bench) => {
      const esl = await bench.client();
      await esl.ask('event json ALL\n\n', /enabled json\n\n$/);
      const agent = new TestPhone();
      agent.says = -3000;
      bench.simulated.createBridgedCall(
        { phone: new TestPhone(), uuid: 'a', codec: 'L16' },
        { phone: agent, codec: 'L16' },
      );
      await bench.ticks(5);
      const start = async (variables: Record<string, string>): Promise<string> => {
        for (const [name, value] of Object.entries(variables)) await api(esl, `uuid_setvar a ${name} ${value}`);
        return api(esl, `uuid_record a start ${fifo.path}`);
      };
      await run({ ...bench, esl, fifo, directory, start });
    });
  } finally {
    fifo.close();
    rmSync(directory, { recursive: true });
  }
}

const AT_ONCE = { enable_file_write_buffering: 'false', RECORD_PRE_BUFFER_FRAMES: '1' };

function samples(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 2 }, (_, at) => bytes.readInt16LE(at * 2));
}

test('with the three variables: a frame every ptime; left is what the phone says, right what it hears', () =>
  withFifo('r8', async ({ fifo, start, ticks, esl, simulated }) => {
    fifo.open();
    assert.is(await start({ ...AT_ONCE, RECORD_STEREO: 'true' }), '+OK Success\n');
    for (let n = 0; n < 5; n += 1) {
      await ticks(1);
      assert.is(fifo.read().length, 640);
    }
    await ticks(1);
    assert.equal(samples(fifo.read()).slice(100, 104), [1000, -3000, 1000, -3000]);
    assert.match(
      await api(esl, 'uuid_buglist a'),
      /<function>session_record<\/function>\n {2}<target>\/[^<]+\/x\.r8<\/target>/,
    );
    assert.is(await api(esl, `uuid_record a mask ${fifo.path}`), '+OK Success\n');
    await ticks(1);
    assert.ok(
      fifo.read().every((byte) => byte === 0),
      'masked',
    );
    assert.is(await api(esl, `uuid_record a stop ${fifo.path}`), '+OK Success\n');
    assert.is(await api(esl, `uuid_record a stop ${fifo.path}`), '-ERR Cannot stop record session!\n');
    assert.equal(eventsOf(esl, 'a').slice(-4), ['RECORD_START', 'MEDIA_BUG_START', 'RECORD_STOP', 'MEDIA_BUG_STOP']);
    assert.equal(simulated.channels.get('a')!.bugs, []);
  }));

for (const [name, variables, expected] of [
  ['mixed', {}, -2000],
  ['read only', { RECORD_READ_ONLY: 'true' }, 1000],
  ['write only', { RECORD_WRITE_ONLY: 'true' }, -3000],
] as const) {
  test(`mono, ${name}`, () =>
    withFifo('raw', async ({ fifo, start, ticks }) => {
      fifo.open();
      await start({ ...AT_ONCE, ...variables });
      await ticks(3);
      const bytes = fifo.read();
      assert.is(bytes.length, 960);
      assert.is(samples(bytes).at(-1), expected);
    }));
}

test('record_sample_rate: 1,280 bytes a frame of stereo at 16 kHz', () =>
  withFifo('r16', async ({ fifo, start, ticks }) => {
    fifo.open();
    await start({ ...AT_ONCE, RECORD_STEREO: 'true', record_sample_rate: '16000' });
    await ticks(10);
    assert.is(fifo.read().length, 12_800);
  }));

test('without RECORD_PRE_BUFFER_FRAMES: one frame, then 25 at once, then one by one', () =>
  withFifo('r8', async ({ fifo, start, ticks }) => {
    fifo.open();
    await start({ enable_file_write_buffering: 'false' });
    const sizes: number[] = [];
    for (let n = 0; n < 30; n += 1) {
      await ticks(1);
      sizes.push(fifo.read().length);
    }
    assert.equal(sizes, [320, ...Array.from({ length: 24 }, () => 0), 8000, 320, 320, 320, 320]);
  }));

test('with FreeSWITCH’s own buffering: nothing for four seconds, then 65,536 bytes; the rest when it is stopped', () =>
  withFifo('r8', async ({ fifo, start, ticks, esl }) => {
    fifo.open();
    await start({ RECORD_PRE_BUFFER_FRAMES: '1' });
    await ticks(204);
    assert.is(fifo.read().length, 0);
    await ticks(1);
    assert.is(fifo.read().length, 65_536);
    await api(esl, 'uuid_record a stop all');
    assert.is(fifo.read().length, 205 * 320 - 65_536);
  }));

test('nobody reads: bgapi is not answered until somebody does, or the call ends', () =>
  withFifo('r8', async ({ fifo, ticks, esl, simulated }) => {
    const answers = (): number => [...esl.received.matchAll(/"Event-Name":"BACKGROUND_JOB"/g)].length;
    await esl.ask(`bgapi uuid_record a start ${fifo.path}\n\n`, /Job-UUID: \S+\n\n/);
    await ticks(100);
    assert.is(answers(), 0);
    fifo.open();
    await ticks(3);
    await until(() => answers() === 1, 'answer');
    assert.match(esl.received, /"_body":"\+OK Success\\n"/);
    await api(esl, 'uuid_kill a');
    // The channel's own thread ends it, when the other side has left the bridge.
    await ticks(2);
    assert.ok(eventsOf(esl, 'a').includes('RECORD_STOP'));
    assert.is(simulated.channels.size, 0);
  }));

test('the reader dies or stands still: the call goes on', () =>
  withFifo('r8', async ({ fifo, start, ticks, simulated, esl }) => {
    fifo.open();
    await start(AT_ONCE);
    await ticks(400);
    assert.ok(fifo.read().length >= 60_000, 'as much as a pipe holds');
    fifo.close();
    await ticks(10);
    assert.ok(simulated.channels.get('a')!.bridged);
    assert.is(await api(esl, 'uuid_record a stop all'), '+OK Success\n');
  }));

test('a plain file, µ-law, a WAV on a FIFO, and what is refused', () =>
  withFifo('wav', async ({ fifo, start, ticks, esl, directory }) => {
    fifo.open();
    assert.is(await start({}), '-ERR Cannot record session!\n');
    const path = join(directory, 'plain.ul');
    assert.is(await api(esl, `uuid_record a start ${path}`), '+OK Success\n');
    assert.is(await api(esl, `uuid_record a start ${path}`), '+OK Success\n', 'twice is fine');
    await ticks(10);
    await api(esl, `uuid_record a stop ${path}`);
    assert.is(readFileSync(path).length, 1600);
    assert.is(await api(esl, 'uuid_record a start /nosuch/dir/x.r8'), '-ERR Cannot record session!\n');
    assert.is(await api(esl, `uuid_record nosuch start ${path}`), '-ERR Cannot locate session!\n');
    assert.is(await api(esl, `uuid_record a stop ${path}`), '-ERR Cannot stop record session!\n');
    assert.match(await api(esl, 'uuid_record'), /^-USAGE: <uuid> \[start\|stop\|mask\|unmask\]/);
    assert.match(await api(esl, `uuid_record a bogus ${path}`), /^-USAGE/);
  }));

test.run();
