/**
 * A real Asterisk 22 calls us by chan_pjsip and has a conversation with a tone: the whole way from its codec through RTP,
 * the signal chain and a backend, and back. What each side hears is judged by its frequency.
 */
import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, BackendCall, BackendSink, BackendStream } from '../../../src/backend/backend.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import type { AudioFormat } from '../../../src/core/media.ts';
import { WasmDspPool } from '../../../src/dsp/dsp-pool.ts';
import { G722Pool } from '../../../src/dsp/g722.ts';
import { Gateway } from '../../../src/gateway.ts';
import { SipEndpoint } from '../../../src/sip/sip-endpoint.ts';
import { SipAdapter } from '../../../src/switch/sip/sip-adapter.ts';
import { RtpPortPool } from '../../../src/transport/rtp-port-pool.ts';
import { RecordingEvents } from '../../sim/fake-peers.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';

const RATE_HZ = 16_000;
const clock = new SystemClock();

/** A voice that is one tone, and an ear that keeps the last second. */
class ToneBackend implements Backend {
  readonly name = 'tone';
  readonly talks: ToneTalk[] = [];
  readonly calls: BackendCall[] = [];

  open(call: BackendCall, sink: BackendSink): Promise<BackendStream> {
    const talk = new ToneTalk(sink);
    this.talks.push(talk);
    this.calls.push(call);
    return Promise.resolve(talk);
  }
}

class ToneTalk implements BackendStream {
  readonly inputFormat: AudioFormat = { codec: 'l16', sampleRateHz: RATE_HZ };
  readonly outputFormat: AudioFormat = { codec: 'l16', sampleRateHz: RATE_HZ };
  readonly detectsTurns = true;
  readonly droppedFrames = 0;
  readonly heard = new Int16Array(RATE_HZ);
  readonly #sink: BackendSink;

  constructor(sink: BackendSink) {
    this.#sink = sink;
  }

  /** Says so much of a tone. */
  speak(frequencyHz: number, ms: number): void {
    const samples = Int16Array.from({ length: (ms * RATE_HZ) / 1000 }, (_, at) =>
      Math.round(8_000 * Math.sin((2 * Math.PI * frequencyHz * at) / RATE_HZ)),
    );
    this.#sink.onResponseStarted('r');
    this.#sink.onAudio(new Uint8Array(samples.buffer), 'tone');
    this.#sink.onAudioDone('tone');
    this.#sink.onResponseDone('r', 'completed');
  }

  sendAudio(frame: Uint8Array): boolean {
    const samples = new Int16Array(frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.length));
    this.heard.copyWithin(0, samples.length);
    this.heard.set(samples, this.heard.length - samples.length);
    return true;
  }

  commitTurn(): void {
    // It answers nobody.
  }

  cancelResponse(): void {
    // Likewise.
  }

  requestResponse(): void {
    // It speaks when the test says so.
  }

  sendText(): void {
    // It reads nothing.
  }

  sendToolResult(): void {
    // It has no tools.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Peak of a tone, from the power of its samples. */
function peakOf(samples: Int16Array): number {
  return Math.sqrt((2 * samples.reduce((sum, x) => sum + x * x, 0)) / samples.length);
}

/** How much of the energy is at that frequency, 0..1 (Goertzel, with a Hann window). */
function shareOf(samples: Int16Array, rateHz: number, frequencyHz: number): number {
  const windowed = Float64Array.from(
    samples,
    (sample, at) => sample * (0.5 - 0.5 * Math.cos((2 * Math.PI * at) / samples.length)),
  );
  const coefficient = 2 * Math.cos((2 * Math.PI * frequencyHz) / rateHz);
  let [one, two, energy, weight] = [0, 0, 0, 0];
  for (const [at, sample] of windowed.entries()) {
    [one, two] = [sample + coefficient * one - two, one];
    energy += sample * sample;
    weight += (0.5 - 0.5 * Math.cos((2 * Math.PI * at) / samples.length)) ** 2;
  }
  const power = one * one + two * two - coefficient * one * two;
  // Of a pure tone: (A/2 · ΣW)², and its energy is A²/2 · ΣW².
  return energy === 0 ? 0 : (power * weight * 2) / (energy * (samples.length / 2) ** 2);
}

/** Samples of a WAV of Asterisk's. */
function samplesOf(wav: Buffer): { samples: Int16Array; rateHz: number } {
  const data = wav.indexOf('data') + 8;
  const bytes = wav.subarray(data, data + ((wav.length - data) & ~1));
  return { rateHz: wav.readUInt32LE(24), samples: new Int16Array(new Uint8Array(bytes).buffer) };
}

async function until(is: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 400 && !is(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(is(), what);
}

interface World {
  readonly asterisk: RunningAsterisk;
  readonly backend: ToneBackend;
  readonly gateway: Gateway;
  readonly events: RecordingEvents;
  readonly address: string;
}

let world: World | null = null;
let close: () => Promise<void> = () => Promise.resolve();

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  const events = new RecordingEvents();
  const backend = new ToneBackend();
  const dspPool = await WasmDspPool.create({ size: 8 });
  const codecs = await G722Pool.create({ size: 8 });
  const from = 26_000 + (process.pid % 300) * 10;
  const ports = new RtpPortPool({ clock, bindHost: '127.0.0.1', from, to: from + 199 });
  const adapter = new SipAdapter({
    name: 'pbx',
    media: {
      clock,
      ports,
      sources: ['127.0.0.1'],
      codecs: ['l16', 'g722', 'pcmu', 'pcma'],
      g722: () => codecs.acquire(),
    },
    profiles: () => gateway.profileNames,
  });
  const profiles = new Map([['agent', { backend, options: { bargeIn: false } }]]);
  const gateway: Gateway = new Gateway({ clock, events, dspPool, adapters: [adapter], profiles, version: 'test' });
  const faults: unknown[] = [];
  const endpoint = new SipEndpoint({
    clock,
    port: 0,
    protocols: ['udp', 'tcp'],
    allow: ['127.0.0.1'],
    userAgent: 'talkspurt',
    onCall: (call) => void adapter.offer(call),
    onMalformed: (error) => faults.push(error),
  });
  const asterisk = await startAsterisk();
  const { port } = await endpoint.listen();
  await gateway.open();
  world = { asterisk, backend, gateway, events, address: `127.0.0.1:${port}` };
  close = async () => {
    try {
      await until(() => gateway.callCount === 0, 'every call is over');
      assert.equal(await asterisk.ari('GET', 'channels'), [], 'Asterisk has no channel left');
      assert.equal([ports.inUse, codecs.inUse, dspPool.inUse, adapter.legCount], [0, 0, 0, 0], 'nothing is held');
      assert.is(endpoint.callCount, 0);
      assert.equal(faults, []);
    } finally {
      await gateway.close();
      await endpoint.close();
      await asterisk.stop();
    }
  };
});

test.after(async () => {
  await close();
});

// A test that failed leaves its call to nobody.
test.after.each(async () => {
  for (const { uuid } of world?.gateway.list() ?? []) await world?.gateway.session(uuid)?.stop('stopped');
});

/** A call of Asterisk's that talks to us: its channel, our call, and our end of the conversation. */
async function converse(
  { asterisk, gateway, backend, address }: World,
  codec: string,
  variables: Record<string, string> = {},
  uri = `sip:agent@${address}`,
): Promise<{ channel: string; callId: string; talk: ToneTalk; heard: BackendCall }> {
  const channel = randomUUID();
  const endpoint = `PJSIP/${codec}/${uri}`;
  await asterisk.ari('POST', `channels/${channel}?endpoint=${encodeURIComponent(endpoint)}&app=test&callerId=4711`, {
    variables: { 'PJSIP_HEADER(add,X-Test-Call)': channel, ...variables },
  });
  await asterisk.event((event) => event.type === 'StasisStart' && event.channel?.id === channel);
  const mine = (heard: BackendCall): boolean => heard.variables.get('sip_h_X-Test-Call') === channel;
  await until(() => backend.calls.some(mine), 'the backend has the call');
  const index = backend.calls.findIndex(mine);
  const heard = backend.calls[index]!;
  await until(() => gateway.session(heard.callId)?.state === 'talking', 'the call talks');
  return { channel, callId: heard.callId, talk: backend.talks[index]!, heard };
}

const WIRES = [
  ['ulaw', { codec: 'pcmu', sampleRateHz: 8_000, ptimeMs: 20 }, 1_100],
  ['alaw', { codec: 'pcma', sampleRateHz: 8_000, ptimeMs: 20 }, 1_100],
  ['slin', { codec: 'l16', sampleRateHz: 8_000, ptimeMs: 20 }, 1_100],
  ['slin16', { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 }, 5_000],
  ['g722', { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 }, 5_000],
] as const;

/** What Asterisk hears of our tone, judged by its own recording. */
async function judgeWhatAsteriskHears(
  { asterisk }: World,
  { channel, talk }: { channel: string; talk: ToneTalk },
  [codec, { sampleRateHz }, toneHz]: (typeof WIRES)[number],
): Promise<void> {
  const name = `${codec}-${process.pid}`;
  const format = sampleRateHz === RATE_HZ ? 'wav16' : 'wav';
  talk.speak(toneHz, 1_500);
  await asterisk.ari('POST', `channels/${channel}/record?name=${name}&format=${format}&maxDurationSeconds=1`);
  await asterisk.event((event) => event.type === 'RecordingFinished' && event.recording?.name === name);
  const { samples, rateHz } = samplesOf(asterisk.recording(name, format));
  assert.is(rateHz, sampleRateHz, codec);
  assert.ok(samples.length > rateHz / 2, `${codec}: ${samples.length} samples were recorded`);
  const quarters = [0, 1, 2, 3].map((at) => samples.slice((at * samples.length) / 4, ((at + 1) * samples.length) / 4));
  const shares = quarters.map((quarter) => shareOf(quarter, rateHz, toneHz));
  const best = shares.indexOf(Math.max(...shares));
  assert.ok(shares[best]! > 0.9, `${codec}: Asterisk hears ${toneHz} Hz: ${shares.join(' ')}`);
  assert.ok(shareOf(quarters[best]!, rateHz, toneHz + 200) < 0.05, codec);
  // By its power, not by its highest sample: G.722 rings for some milliseconds where it starts.
  const level = peakOf(quarters[best]!);
  assert.ok(level > 7_000 && level < 9_000, `${codec}: as loud as it was said: ${level}`);
}

test('every codec, at the same time: both hear each other, and Asterisk hangs up', async () => {
  if (world === null) return;
  const { asterisk, gateway, events } = world;
  const here = world;
  const talks = async (wire: (typeof WIRES)[number]): Promise<void> => {
    const [codec, leg] = wire;
    const calling = await converse(here, codec);
    const { channel, callId, talk, heard } = calling;
    assert.equal(heard.leg, leg, codec);
    assert.equal([heard.from, heard.to], ['4711', 'agent']);
    await judgeWhatAsteriskHears(here, calling, wire);

    await asterisk.ari('POST', `channels/${channel}/play?media=tone:440`);
    // A quarter of a second without a gap: on a busy machine a packet may be late.
    const clear = (): boolean => shareOf(talk.heard.slice(-RATE_HZ / 4), RATE_HZ, 440) > 0.9;
    await until(clear, `${codec}: we hear 440 Hz`);
    assert.is(gateway.session(callId)!.snapshot().transport, 'rtp');
    await asterisk.ari('DELETE', `channels/${channel}?reason_code=17`);
    await until(() => gateway.session(callId) === undefined, `${codec}: the call is over`);
    const end = events.of('call.ended').find((event) => event.callId === callId);
    assert.equal([end?.reason, end?.hangupCause], ['hangup', 17], codec);
  };
  await Promise.all(WIRES.map(talks));
});

test('hold stops our voice and its end brings it back; silence meanwhile is no fault', async () => {
  if (world === null) return;
  const { asterisk, gateway, events } = world;
  const { channel, callId } = await converse(world, 'ulaw');
  const session = gateway.session(callId)!;
  const sent = (): number => session.snapshot().sentFrames;
  await until(() => sent() > 5, 'we send');
  await asterisk.ari('POST', `channels/${channel}/hold`);
  let [before, quiet] = [-1, 0];
  await until(() => {
    quiet = sent() === before ? quiet + 1 : 0;
    before = sent();
    return quiet > 10;
  }, 'we have fallen silent');
  await asterisk.ari('DELETE', `channels/${channel}/hold`);
  await until(() => sent() > before + 5, 'we send again');
  assert.is(session.state, 'talking');
  assert.is(events.of('media.stalled').filter((event) => event.callId === callId).length, 0);
  await asterisk.ari('DELETE', `channels/${channel}`);
  await until(() => gateway.session(callId) === undefined, 'the call is over');
});

for (const endpoint of ['ulaw', 'info']) {
  test(`digits of Asterisk's ${endpoint} endpoint, and ours; a transfer is refused; we hang up`, async () => {
    if (world === null) return;
    const { asterisk, gateway, events, address } = world;
    const tcp = endpoint === 'info' ? ';transport=tcp' : '';
    const { channel, callId } = await converse(world, endpoint, {}, `sip:agent@${address}${tcp}`);
    await asterisk.ari('POST', `channels/${channel}/dtmf?dtmf=${encodeURIComponent('42#')}&duration=120&between=100`);
    const digits = (): string[] =>
      events
        .of('dtmf')
        .filter((each) => each.callId === callId)
        .map((each) => each.digit);
    await until(() => digits().length === 3, 'three digits');
    assert.equal(digits(), ['4', '2', '#']);

    if (endpoint === 'ulaw') {
      assert.match(await gateway.command(`uuid_audio_stream ${callId} dtmf 5*`), /^\+OK/);
      for (const digit of ['5', '*']) {
        await asterisk.event(
          (event) => event.type === 'ChannelDtmfReceived' && event.channel?.id === channel && event.digit === digit,
        );
      }
    }
    assert.match(
      await gateway.command(`uuid_audio_stream ${callId} transfer 2000`),
      /^-ERR .*ERR_TALKSPURT_SWITCH_COMMAND/,
    );
    assert.is(gateway.session(callId)?.state, 'talking');
    assert.match(await gateway.command(`uuid_audio_stream ${callId} stop`), /^\+OK/);
    const gone = await asterisk.event((event) => event.type === 'ChannelDestroyed' && event.channel?.id === channel);
    assert.is(gone.cause, 16);
  });
}

test('nobody of that name: Asterisk is told', async () => {
  if (world === null) return;
  const { asterisk, address } = world;
  const channel = `nobody-${process.pid}`;
  const endpoint = encodeURIComponent(`PJSIP/ulaw/sip:nobody@${address}`);
  await asterisk.ari('POST', `channels/${channel}?endpoint=${endpoint}&app=test`);
  const gone = await asterisk.event((event) => event.type === 'ChannelDestroyed' && event.channel?.id === channel);
  assert.is(gone.cause, 1);
});

test.run();
