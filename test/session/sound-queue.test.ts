/** Sounds that play while another backend takes over: not a millisecond of them is lost. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AudioFormat } from '../../src/core/media.ts';
import { bytesPerMs } from '../../src/core/media.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { LIMITS } from '../../src/limits.ts';
import { CallRig } from '../sim/call-rig.ts';
import { FakeBackend, FakeStream } from '../sim/fake-peers.ts';

const dsp = await loadDsp();
const L16: AudioFormat = { codec: 'l16', sampleRateHz: 24_000 };
const PCMA: AudioFormat = { codec: 'pcma', sampleRateHz: 8_000 };
/** A constant tone of the line, told from silence in any format. */
const LOUD = 8_000;

/** `ms` of it in µ-law at 8 kHz. */
function sound(ms: number, level = LOUD): Uint8Array {
  return dsp.encodeUlaw(new Int16Array(ms * 8).fill(level));
}

function backend(format: AudioFormat): FakeBackend {
  return new FakeBackend(new FakeStream({ format }));
}

/** Ends the call; no timer is left. */
async function stopped(rig: CallRig): Promise<void> {
  await rig.session.stop('stopped');
  rig.clock.advance(LIMITS.callEndMs + 60);
  assert.is(rig.clock.pending, 0);
}

/** How long sounds are still heard, ms, a tick being 20 ms. */
async function heardFor(rig: CallRig): Promise<number> {
  const { waitingMs } = rig.session.controls.sounds;
  for (let ms = 0; ms < 30_000; ms += 20) {
    if (rig.session.controls.sounds.waitingMs === 0) return ms;
    await rig.run(20);
  }
  throw new Error(`${waitingMs} ms do not end`);
}

test('a backend of the same format: the sound goes on as if nothing had happened', async () => {
  const rig = await CallRig.talking();
  const { controls } = rig.session;
  controls.play(sound(2_000), controls.soundFormat);
  await rig.run(500);
  await rig.session.switchBackend(backend({ codec: 'pcmu', sampleRateHz: 8_000 }));
  await rig.run(100);
  const last = rig.leg.transport.sent.slice(-5).map(({ payload }) => payload[0]);
  assert.equal(last, Array(5).fill(sound(1)[0]));
  assert.is(await heardFor(rig), 1_400);
});

test('a backend of another format: the sound goes on in that format, and what is played meanwhile goes behind it', async () => {
  const rig = await CallRig.talking();
  const { controls } = rig.session;
  controls.play(sound(60_000), controls.soundFormat);
  await rig.run(1_000);
  await rig.session.switchBackend(backend(L16), dsp);
  assert.is(Math.round(controls.sounds.waitingMs), 59_000, 'all of it waits, whether converted or not');
  controls.play(new Uint8Array(bytesPerMs(L16) * 1_000), L16);
  assert.is(Math.round(controls.sounds.waitingMs), 60_000);
  await rig.run(20);
  assert.is(Math.round(controls.sounds.waitingMs), 59_980, 'the very next tick hears it');
  await rig.run(1_000);
  controls.breakOff();
  assert.is(controls.sounds.waitingMs, 0);
  await rig.run(20);
  await stopped(rig);
});

test('what the conversion hands on is the sound: its level, its end, and nothing between', async () => {
  const rig = await CallRig.talking();
  const { controls } = rig.session;
  controls.play(sound(3_000), controls.soundFormat);
  await rig.run(200);
  await rig.session.switchBackend(backend(PCMA), dsp);
  const ms = await heardFor(rig);
  assert.is(ms, 2_800);
  const wire = rig.leg.transport.sent.slice(-140).map(({ payload }) => payload);
  const wanted = dsp.encodeAlaw(new Int16Array(1).fill(dsp.decodeUlaw(sound(1))[0] ?? 0))[0];
  const frames = wire.filter((payload) => payload.every((byte) => byte === wanted)).length;
  assert.is(frames, 140, 'every frame of what was left');
});

test('twice in a row, while the first is still being converted', async () => {
  const rig = await CallRig.talking();
  const { controls } = rig.session;
  controls.play(sound(100_000), controls.soundFormat);
  await rig.session.switchBackend(backend(L16), dsp);
  await rig.session.switchBackend(backend(PCMA), dsp);
  assert.is(Math.round(controls.sounds.waitingMs), 100_000);
  await rig.run(5_000);
  assert.is(Math.round(controls.sounds.waitingMs), 95_000);
  await stopped(rig);
});

test('sounds stay bounded while they are converted; without a library one in another format is lost', async () => {
  const rig = await CallRig.talking();
  const { controls } = rig.session;
  controls.play(sound(LIMITS.soundMs), controls.soundFormat);
  await rig.session.switchBackend(backend(L16), dsp);
  assert.throws(() => controls.play(new Uint8Array(bytesPerMs(L16) * 100), L16), /break first/);
  await rig.session.switchBackend(backend(PCMA));
  assert.is(controls.sounds.waitingMs, 0);
  await stopped(rig);
});

test.run();
