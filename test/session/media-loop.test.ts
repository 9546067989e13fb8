/** One tick: what goes where, in which order, and what it costs. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallerLine } from '../../src/session/caller-line.ts';
import { DEFAULT_ENDPOINTER, Endpointer } from '../../src/session/endpointer.ts';
import { HeldBack } from '../../src/session/held-back.ts';
import { runMediaTick } from '../../src/session/media-loop.ts';
import type { MediaPath } from '../../src/session/media-loop.ts';
import { PlayedLedger } from '../../src/session/played-ledger.ts';
import { Playout } from '../../src/session/playout.ts';
import { JitterBuffer } from '../../src/transport/jitter-buffer.ts';
import { FakeDsp, FakeStream, FakeTransport, PCMU_LEG } from '../sim/fake-peers.ts';

interface Rig extends MediaPath {
  readonly jitter: JitterBuffer;
  readonly dsp: FakeDsp;
  readonly transport: FakeTransport;
  readonly told: string[];
  stream: FakeStream | null;
  held: boolean;
  comfort: null;
  holdSound: MediaPath['holdSound'];
}

function rig(): Rig {
  const dsp = new FakeDsp();
  dsp.configure({ leg: PCMU_LEG, backendInput: PCMU_LEG, backendOutput: PCMU_LEG });
  const told: string[] = [];
  const jitter = new JitterBuffer({ frameBytes: 160, frameSamples: 160, ptimeMs: 20, capacityFrames: 16 });
  return {
    jitter,
    line: new CallerLine(jitter, dsp, PCMU_LEG),
    dsp,
    endpointer: new Endpointer(DEFAULT_ENDPOINTER, 20),
    playout: new Playout({ format: PCMU_LEG, ptimeMs: 20, prebufferMs: 20 }),
    ledger: new PlayedLedger(8),
    transport: new FakeTransport(),
    announcement: new Playout({ format: PCMU_LEG, ptimeMs: 20, prebufferMs: 0 }),
    holdSound: null,
    held: false,
    comfort: null,
    other: null,
    recorder: null,
    silence: new Uint8Array(160).fill(0xff),
    heldBack: new HeldBack(160, 30, 20),
    callerPaused: false,
    callerMuted: false,
    agentMuted: false,
    told,
    stream: new FakeStream(),
    fading: false,
    capturedFrames: 0,
    speakingTicks: 0,
    underrunTicks: 0,
    onSpeech: (edge, nowMs) => told.push(`${edge} ${nowMs}`),
    onPlayout: (moment, nowMs) => told.push(`${moment} ${nowMs}`),
    onFaded: (nowMs) => told.push(`faded ${nowMs}`),
    onHeard: () => undefined,
  };
}

test('a frame each way, with or without a packet, a backend and something to say', () => {
  const path = rig();
  path.jitter.push(new Uint8Array(160), 1, 160, 0);
  runMediaTick(path, 20);
  runMediaTick(path, 40);
  assert.is(path.capturedFrames, 1, 'what is concealed was not captured');
  assert.is(path.stream?.heardFrames, 2, 'but is sent');
  assert.is(path.transport.sent.length, 2);
  path.stream = null;
  runMediaTick(path, 60);
  assert.is(path.transport.sent.length, 3, 'the caller hears silence');
});

test('a frame comes with the silence before it, and with none in the very tick in which speech begins', () => {
  const path = rig();
  for (let n = 1; n <= 100; n += 1) runMediaTick(path, n * 20);
  assert.is(path.stream?.silentMs, 99 * 20);
  path.dsp.speechProbability = 0.9;
  runMediaTick(path, 2_020);
  assert.equal(path.told, ['candidate 2020']);
  assert.is(path.stream?.silentMs, 0);
});

test('what has no pitch, or only where it is faint, makes the agent wait and does not stop it', () => {
  for (const [voicing, faintDbov, verdict] of [
    [0.3, -30, 'started'],
    [0.1, -30, null],
    [0.3, -40, null],
  ] as const) {
    const path = rig();
    path.playout.push(new Uint8Array(8_000));
    for (let n = 1; n <= 10; n += 1) {
      path.dsp.speechProbability = n > 2 ? 0.9 : 0;
      // The first frame is the burst.
      path.dsp.voicing = n === 3 ? 0.1 : voicing;
      path.dsp.captureLevelDbov = n === 3 ? -30 : faintDbov;
      runMediaTick(path, n * 20);
    }
    const edges = path.told.filter((told) => !told.startsWith('started 20'));
    assert.equal(edges, verdict === null ? ['candidate 60'] : ['candidate 60', `${verdict} 160`]);
  }
});

test('a phrase: marked at its first frame, counted to its last byte', () => {
  const path = rig();
  path.ledger.received('a', 325);
  path.playout.push(new Uint8Array(325).fill(1));
  path.playout.complete();
  for (let n = 1; n <= 5; n += 1) runMediaTick(path, n * 20);
  assert.equal(
    path.transport.sent.map(({ startsTalkspurt }) => startsTalkspurt),
    [true, false, false, false, false],
  );
  assert.equal(path.told, ['started 20', 'ended 80']);
  assert.is(path.speakingTicks, 3);
  assert.is(path.ledger.drained, true, 'the last five bytes, less than a millisecond, included');
});

test('running dry is counted tick by tick', () => {
  const path = rig();
  path.playout.push(new Uint8Array(160));
  for (let n = 1; n <= 4; n += 1) runMediaTick(path, n * 20);
  assert.is(path.underrunTicks, 3);
  assert.is(path.speakingTicks, 4);
});

test('the edge of speech is told before this tick says anything; the fade after its frame has left', () => {
  const path = rig();
  path.playout.push(new Uint8Array(1600));
  runMediaTick(path, 20);
  path.dsp.speechProbability = 1;
  const order: string[] = [];
  const observed: MediaPath = {
    ...path,
    onSpeech: (edge) => {
      order.push(edge);
      observed.fading = true;
    },
    onHeard: () => undefined,
    onFaded: () => {
      order.push(`faded after ${path.transport.sent.length}`);
      observed.fading = false;
    },
  };
  runMediaTick(observed, 40);
  assert.equal(order, ['candidate', 'faded after 2']);
});

test('what may be an echo is kept from the backend, and sent ahead once it is a caller', () => {
  const path = rig();
  const heard: number[] = [];
  const frame = new Uint8Array(160);
  path.dsp.capture = () => frame;
  Object.assign(path.stream!, { sendAudio: (sent: Uint8Array) => heard.push(sent[0]!) });
  path.playout.push(new Uint8Array(16_000));
  path.dsp.echoSettled = false;
  let n = 0;
  const tick = (probability: number, times = 1): void => {
    for (let k = 0; k < times; k += 1) {
      n += 1;
      frame.fill(n);
      path.dsp.speechProbability = probability;
      runMediaTick(path, n * 20);
    }
  };
  tick(0, 10);
  assert.equal(heard, Array(10).fill(0xff), 'as long as the agent speaks and nobody knows');
  tick(0.9, 15);
  // The fifteenth frame of speech decides: 300 ms of it, and 100 ms before.
  const ahead = Array.from({ length: 20 }, (_, k) => 6 + k);
  assert.equal(heard.slice(10), [...Array(14).fill(0xff), ...ahead]);
  tick(0.9);
  assert.is(heard.at(-1), 26, 'then as it comes');
});

test('what was kept and is no caller is forgotten; who gets both sides gets all of it', () => {
  const path = rig();
  const heard: number[] = [];
  path.dsp.capture = () => new Uint8Array(160).fill(7);
  Object.assign(path.stream!, { sendAudio: (sent: Uint8Array) => heard.push(sent[0]!) });
  path.dsp.echoSettled = false;
  runMediaTick(path, 20);
  runMediaTick(path, 40);
  path.dsp.echoSettled = true;
  runMediaTick(path, 60);
  assert.equal(heard, [0xff, 0xff, 7]);
  assert.is(path.heldBack.count, 0);
  path.dsp.echoSettled = false;
  Object.assign(path.stream!, { wantsPlayed: true, sendPlayed: () => undefined });
  runMediaTick(path, 80);
  assert.is(heard.at(-1), 7);
});

test('at most 64 heap bytes a tick over 50,000 ticks with the real chain, and the measurement sees what allocates', async () => {
  const probe = fileURLToPath(new URL('heap-probe.ts', import.meta.url));
  const flags = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128', '--import', 'tsx'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, probe]);
  const bytes = JSON.parse(stdout) as Record<'passThrough' | 'scaled' | 'lossy' | 'realtime' | 'control', number>;
  assert.ok(bytes.passThrough <= 64, `pass-through: ${bytes.passThrough} bytes a tick`);
  assert.ok(bytes.scaled <= 64, `while time is scaled: ${bytes.scaled} bytes a tick`);
  assert.ok(bytes.lossy <= 64, `while a backend is sought, and caught up with: ${bytes.lossy} bytes a tick`);
  assert.ok(bytes.realtime <= 64, `24 kHz: ${bytes.realtime} bytes a tick`);
  assert.ok(bytes.control > 64, `control: ${bytes.control} bytes a tick`);
});

test.run();
