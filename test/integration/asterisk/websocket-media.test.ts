/**
 * A real Asterisk's chan_websocket, dialled by us and dialling us: what each side hears is judged by frequency and level, what
 * Asterisk hears by its own recording.
 */
import { randomUUID } from 'node:crypto';
import alawmulaw from 'alawmulaw';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { SystemClock } from '../../../src/core/clock.ts';
import { TalkspurtError } from '../../../src/core/errors.ts';
import type { MediaFormat } from '../../../src/core/media.ts';
import { frameBytes, frameSamples } from '../../../src/core/media.ts';
import { AsteriskWebSocketPath } from '../../../src/switch/asterisk/asterisk-websocket.ts';
import { AsteriskWebSocketServer } from '../../../src/switch/asterisk/asterisk-websocket-server.ts';
import type { PreparedMedia } from '../../../src/switch/asterisk/media-path.ts';
import { ChanWebSocketConnection } from '../../../src/transport/chan-websocket-connection.ts';
import { ChanWebSocketTransport } from '../../../src/transport/chan-websocket-transport.ts';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { AriEvent, RunningAsterisk } from './running-asterisk.ts';

const clock = new SystemClock();
const FORMATS = ['ulaw', 'alaw', 'slin', 'slin16', 'slin24', 'slin48'] as const;
const AMPLITUDE = 8_000;

type Mode = 'server' | 'client';

interface World {
  readonly asterisk: RunningAsterisk;
  readonly server: AsteriskWebSocketServer;
  readonly paths: Readonly<Record<Mode, AsteriskWebSocketPath>>;
  readonly refused: string[];
}

let world: World | null = null;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  const refused: string[] = [];
  const server = new AsteriskWebSocketServer({
    clock,
    host: '127.0.0.1',
    port: 0,
    basicAuth: { username: 'asterisk', password: 'media-secret' },
    onRefused: (reason) => refused.push(reason),
  });
  const { port } = await server.listen();
  const asterisk = await startAsterisk({ AST_MEDIA_URL: `ws://127.0.0.1:${port}/media` });
  world = {
    asterisk,
    server,
    refused,
    paths: {
      server: new AsteriskWebSocketPath({ clock, mode: 'server', server, client: 'talkspurt' }),
      client: new AsteriskWebSocketPath({ clock, mode: 'client', url: `http://127.0.0.1:${asterisk.httpPort}` }),
    },
  };
});

test.after(async () => {
  await world?.paths.client.close();
  await world?.paths.server.close();
  await world?.asterisk.stop();
});

/** A bridge with our channel and, where it is given, a Local caller at `extension`. */
class Call {
  readonly id = `media-${randomUUID()}`;
  readonly digits: string[] = [];
  readonly abort = new AbortController();
  readonly losses: TalkspurtError[] = [];
  readonly heard: Buffer[] = [];
  readonly #asterisk: RunningAsterisk;
  #bridge = '';
  #caller = '';
  #transport: MediaTransport | null = null;

  constructor(asterisk: RunningAsterisk) {
    this.#asterisk = asterisk;
  }

  get transport(): MediaTransport {
    assert.ok(this.#transport !== null, 'connected');
    return this.#transport;
  }

  async prepare(path: AsteriskWebSocketPath, format: string, callFormat = ''): Promise<PreparedMedia> {
    return await path.prepare({
      channelId: this.id,
      format,
      callFormat,
      linkUp: () => true,
      onDigit: (digit) => this.digits.push(digit),
      signal: this.abort.signal,
    });
  }

  /** What Asterisk answers to `externalMedia`: its channel variables. */
  async externalMedia(prepared: PreparedMedia): Promise<Record<string, string>> {
    const query = new URLSearchParams({ ...prepared.externalMedia, app: 'test', channelId: this.id });
    const answer = (await this.#asterisk.ari('POST', `channels/externalMedia?${query.toString()}`, {
      variables: prepared.variables ?? {},
    })) as { channelvars?: Record<string, string> };
    return answer.channelvars ?? {};
  }

  async open(path: AsteriskWebSocketPath, format: string, extension?: string): Promise<this> {
    const prepared = await this.prepare(path, format);
    const variables = await this.externalMedia(prepared);
    this.#transport = await prepared.connect(variables);
    this.#transport.start({
      onFrame: (payload) => this.heard.push(Buffer.from(payload)),
      onLost: (error) => this.losses.push(error),
    });
    await this.#asterisk.event((event) => event.type === 'StasisStart' && event.channel?.id === this.id);
    if (extension !== undefined) await this.bridgeWith(extension);
    return this;
  }

  async bridgeWith(extension: string): Promise<void> {
    this.#caller = `caller-${this.id}`;
    this.#bridge = `bridge-${this.id}`;
    const query = new URLSearchParams({
      endpoint: `Local/${extension}@test`,
      app: 'test',
      channelId: this.#caller,
      otherChannelId: `${this.#caller}-2`,
      formats: 'slin48',
    });
    await this.#asterisk.ari('POST', `channels?${query.toString()}`);
    await this.#asterisk.event((event) => event.type === 'StasisStart' && event.channel?.id === this.#caller);
    await this.#asterisk.ari('POST', `bridges?type=mixing&bridgeId=${this.#bridge}`);
    await this.#asterisk.ari('POST', `bridges/${this.#bridge}/addChannel?channel=${this.id},${this.#caller}`);
  }

  /** Why Asterisk ended our channel. One that was in no bridge has its cause in the request only. */
  async gone(): Promise<number> {
    const mine = (type: string) => (event: AriEvent) => event.type === type && event.channel?.id === this.id;
    const { cause = 0 } = await this.#asterisk.event(mine('ChannelDestroyed'));
    return cause !== 0 ? cause : ((await this.#asterisk.event(mine('ChannelHangupRequest'))).cause ?? 0);
  }

  async hangUpCaller(): Promise<void> {
    await this.#asterisk.ari('DELETE', `channels/${this.#caller}`);
    await this.#asterisk.event((event) => event.type === 'ChannelDestroyed' && event.channel?.id === this.#caller);
  }

  async close(): Promise<void> {
    await this.#transport?.close();
    if (this.#bridge === '') return;
    await this.#asterisk.ari('DELETE', `bridges/${this.#bridge}`);
    await this.hangUpCaller();
  }
}

function samplesOf(frames: readonly Buffer[], { codec }: MediaFormat): Int16Array {
  const bytes = Buffer.concat(frames);
  if (codec === 'pcmu') return alawmulaw.mulaw.decode(bytes);
  if (codec === 'pcma') return alawmulaw.alaw.decode(bytes);
  return Int16Array.from({ length: bytes.length / 2 }, (_, at) => bytes.readInt16LE(at * 2));
}

/** Frames of a tone, one after another without a jump. */
function* toneFrames(format: MediaFormat, frequencyHz: number): Generator<Buffer, never> {
  const count = frameSamples(format);
  for (let from = 0; ; from += count) {
    const samples = Int16Array.from({ length: count }, (_, at) =>
      Math.round(AMPLITUDE * Math.sin((2 * Math.PI * frequencyHz * (from + at)) / format.sampleRateHz)),
    );
    if (format.codec === 'pcmu') yield Buffer.from(alawmulaw.mulaw.encode(samples));
    else if (format.codec === 'pcma') yield Buffer.from(alawmulaw.alaw.encode(samples));
    else yield Buffer.from(samples.buffer);
  }
}

/** Amplitude of one frequency (Goertzel), and its share of the energy. */
function tone(samples: Int16Array, rateHz: number, frequencyHz: number): { amplitude: number; share: number } {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequencyHz) / rateHz);
  let [one, two, energy] = [0, 0, 0];
  for (const sample of samples) {
    [one, two] = [sample + coefficient * one - two, one];
    energy += sample * sample;
  }
  const power = Math.max(0, one * one + two * two - coefficient * one * two);
  const amplitude = (2 * Math.sqrt(power)) / samples.length;
  return { amplitude, share: energy === 0 ? 0 : (amplitude * amplitude * samples.length) / (2 * energy) };
}

function wavOf(wav: Buffer): { samples: Int16Array; rateHz: number } {
  const data = wav.indexOf('data') + 8;
  const count = (wav.length - data) >> 1;
  return {
    rateHz: wav.readUInt32LE(24),
    samples: Int16Array.from({ length: count }, (_, at) => wav.readInt16LE(data + at * 2)),
  };
}

/** How much of a recording is the tone, ms: in windows of 20 ms. */
function toneMs(wav: Buffer, frequencyHz: number): number {
  const { samples, rateHz } = wavOf(wav);
  const window = rateHz / 50;
  let ms = 0;
  for (let at = 0; at + window <= samples.length; at += window) {
    if (tone(samples.subarray(at, at + window), rateHz, frequencyHz).amplitude > AMPLITUDE / 2) ms += 20;
  }
  return ms;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(is: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 400 && !is(); tries += 1) await pause(20);
  assert.ok(is(), what);
}

/** Sends so many frames, one every 20 ms of our clock, as the tick does; `each` looks after every one. */
async function speak(
  transport: MediaTransport,
  frequencyHz: number,
  frames: number,
  each: () => void = () => undefined,
): Promise<void> {
  const source = toneFrames(transport.format, frequencyHz);
  const startMs = clock.nowMs();
  for (let sent = 0; sent < frames;) {
    await pause(2);
    while (sent < frames && clock.nowMs() - startMs >= sent * 20) {
      transport.send(source.next().value, sent === 0);
      sent += 1;
      each();
    }
  }
}

/** What the Local caller at `rec-NAME` heard; whole when its channel has gone. */
async function recordingOf(asterisk: RunningAsterisk, name: string): Promise<Buffer> {
  let last = -1;
  let wav: Buffer = Buffer.alloc(0);
  for (let tries = 0; tries < 200; tries += 1) {
    await pause(50);
    wav = asterisk.recording(`${name}-in`, 'wav');
    if (wav.length > 44 && wav.length === last) return wav;
    last = wav.length;
  }
  return wav;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof TalkspurtError ? error.code : String(error);
  }
  return 'nothing';
}

for (const mode of ['server', 'client'] as const) {
  test(`${mode}: each format, both ways`, async () => {
    if (world === null) return;
    const { asterisk, paths } = world;
    const one = async (format: string): Promise<void> => {
      const call = await new Call(asterisk).open(paths[mode], format, 'tone440');
      const { transport } = call;
      await until(() => call.heard.length >= 60, `${format}: frames`);
      const samples = samplesOf(call.heard.slice(-50), transport.format);
      const heard = tone(samples, transport.format.sampleRateHz, 440);
      assert.ok(heard.share > 0.98, `${mode} ${format}: 440 Hz, ${heard.share}`);
      // PlayTones says 7219 by itself.
      assert.ok(heard.amplitude > 6_500 && heard.amplitude < 8_000, `${mode} ${format}: level ${heard.amplitude}`);
      assert.is(transport.stats.rejectedPackets, 0);
      await call.close();

      const name = `${mode}-${format}-${process.pid}`;
      const other = await new Call(asterisk).open(paths[mode], format, `rec-${name}`);
      await speak(other.transport, 1_000, 75);
      assert.is(other.transport.stats.sentFrames, 75);
      await other.close();
      const { samples: recorded, rateHz } = wavOf(await recordingOf(asterisk, name));
      const middle = recorded.subarray(recorded.length / 2 - rateHz / 4, recorded.length / 2 + rateHz / 4);
      const said = tone(middle, rateHz, 1_000);
      assert.ok(said.share > 0.97, `${mode} ${format}: 1000 Hz in the recording, ${said.share}`);
      assert.ok(Math.abs(said.amplitude - AMPLITUDE) < 500, `${mode} ${format}: level ${said.amplitude}`);
    };
    for (let at = 0; at < FORMATS.length; at += 3) await Promise.all(FORMATS.slice(at, at + 3).map(one));
  });
}

/** Our channel with a bare WebSocket, dialled by hand. */
async function bare(call: Call): Promise<WebSocket> {
  const { asterisk, paths } = world!;
  const variables = await call.externalMedia(await call.prepare(paths.client, 'slin16'));
  const url = `ws://127.0.0.1:${asterisk.httpPort}/media/${variables['MEDIA_WEBSOCKET_CONNECTION_ID']}`;
  return new WebSocket(url, ['media'], { perMessageDeflate: false });
}

async function opened(socket: WebSocket): Promise<void> {
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
}

for (const controlFormat of ['json', 'plain-text'] as const) {
  test(`${controlFormat}: what was played is confirmed, and a flush cuts it off`, async () => {
    if (world === null) return;
    const { asterisk } = world;
    const url = `ws://127.0.0.1:${asterisk.httpPort}/`;
    const path = new AsteriskWebSocketPath({ clock, mode: 'client', url, controlFormat });
    const name = `flush-${controlFormat}-${process.pid}`;
    const call = await new Call(asterisk).open(path, 'slin16', `rec-${name}`);
    const { transport } = call;
    const held: number[] = [];
    assert.is(transport.playedFrames(), 0);
    // Whole marks: one every 3 frames.
    await speak(transport, 400, 99, () => held.push(transport.stats.sentFrames - transport.playedFrames()!));
    // A mark every 3 frames, a frame for its way through the queue, and a busy machine's lateness.
    assert.ok(Math.max(...held) <= 12, `at most so many are not confirmed: ${held.join(' ')}`);
    await until(() => transport.playedFrames() === 99, 'all are confirmed');

    const source = toneFrames(transport.format, 1_000);
    for (let at = 0; at < 20; at += 1) transport.send(source.next().value, at === 0);
    await until(() => transport.playedFrames()! >= 102, 'the first of 400 ms');
    transport.flush();
    assert.is(transport.playedFrames(), 119);
    assert.ok((transport as ChanWebSocketTransport).flushedFrames >= 10);
    await pause(500);
    assert.is(transport.playedFrames(), 119);
    await speak(transport, 400, 9);
    await until(() => transport.playedFrames() === 128, 'marks go on');
    assert.is(transport.stats.unsentFrames, 0);
    await call.close();
    const ms = toneMs(await recordingOf(asterisk, name), 1_000);
    assert.ok(ms >= 80 && ms <= 240, `${ms} of 400 ms were heard`);
  });
}

test('three seconds at once are flushed after one', async () => {
  if (world === null) return;
  const { asterisk } = world;
  const name = `burst-${process.pid}`;
  const call = new Call(asterisk);
  const socket = await bare(call);
  await opened(socket);
  await asterisk.event((event) => event.type === 'StasisStart' && event.channel?.id === call.id);
  await call.bridgeWith(`rec-${name}`);
  const source = toneFrames({ codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 }, 1_000);
  for (let at = 0; at < 150; at += 1) socket.send(source.next().value);
  await pause(1_000);
  socket.send('{"command":"FLUSH_MEDIA"}');
  await pause(1_000);
  await call.close();
  socket.terminate();
  const ms = toneMs(await recordingOf(asterisk, name), 1_000);
  assert.ok(ms > 900 && ms < 1_150, `${ms} of 3000 ms were heard`);
});

test('a flooded Asterisk is left alone until it says otherwise', async () => {
  if (world === null) return;
  const { asterisk } = world;
  const call = new Call(asterisk);
  const socket = await bare(call);
  const events: string[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary) events.push((JSON.parse(data.toString()) as { event: string }).event);
  });
  const connection = new ChanWebSocketConnection(socket, clock);
  await opened(socket);
  const start = await connection.started(2_000);
  const transport = new ChanWebSocketTransport({ clock, connection, start, onDigit: () => undefined });
  await asterisk.event((event) => event.type === 'StasisStart' && event.channel?.id === call.id);
  const frame = new Uint8Array(frameBytes(transport.format));
  transport.send(frame, false);
  assert.is(transport.stats.sentFrames, 1);
  socket.send(Buffer.alloc(frame.length * 50));
  for (let at = 0; at < 18; at += 1) socket.send(Buffer.alloc(frame.length * 50));
  await until(() => events.includes('MEDIA_XOFF'), 'XOFF');
  await pause(20);
  transport.send(frame, false);
  assert.is(transport.stats.unsentFrames, 1);
  transport.flush();
  await until(() => events.includes('MEDIA_XON'), 'XON');
  await pause(20);
  transport.send(frame, false);
  assert.is(transport.stats.sentFrames, 2);
  await transport.close();
  assert.is(await call.gone(), 16);
});

test('what has piled up in Asterisk is left out where nothing is said', async () => {
  if (world === null) return;
  const { asterisk, paths } = world;
  const call = await new Call(asterisk).open(paths.server, 'ulaw', 'silent');
  const { transport } = call;
  const silence = new Uint8Array(160).fill(0xff);
  // As after a stop of ours that was made up for.
  for (let at = 0; at < 12; at += 1) transport.send(silence, false);
  const startMs = clock.nowMs();
  for (let sent = 0; sent < 150;) {
    await pause(2);
    for (; clock.nowMs() - startMs >= sent * 20; sent += 1) transport.send(silence, false);
  }
  const { unsentFrames } = transport.stats;
  assert.ok(unsentFrames >= 7 && unsentFrames <= 13, `left out: ${unsentFrames} of 12`);
  await call.close();
});

test('digits that the other side sends', async () => {
  if (world === null) return;
  const call = await new Call(world.asterisk).open(world.paths.server, 'ulaw', 'digits');
  await until(() => call.digits.length >= 5, 'five digits');
  assert.equal(call.digits, ['1', '2', '#', '*', 'A']);
  await call.close();
});

for (const mode of ['server', 'client'] as const) {
  test(`${mode}: the end, whoever makes it`, async () => {
    if (world === null) return;
    const { asterisk, paths, server } = world;
    const ours = await new Call(asterisk).open(paths[mode], 'slin16');
    await ours.transport.close();
    await ours.transport.close();
    assert.is(await ours.gone(), 16);
    assert.equal(ours.losses, []);

    const theirs = await new Call(asterisk).open(paths[mode], 'slin16', 'tone440');
    await until(() => theirs.heard.length > 5, 'frames');
    await theirs.hangUpCaller();
    await pause(100);
    assert.equal(theirs.losses, []);
    await asterisk.ari('DELETE', `channels/${theirs.id}`);
    await until(() => theirs.losses.length === 1, 'the loss is told');
    assert.is(theirs.losses[0]!.code, 'ERR_TALKSPURT_MEDIA_CONNECTION');
    assert.is(theirs.losses[0]!.details['code'], 1_000);
    theirs.transport.send(new Uint8Array(640), false);
    assert.is(theirs.transport.stats.unsentFrames, 1);
    await theirs.transport.close();
    await until(() => server.connections === 0, 'no connection stays');
  });
}

test('a channel that nobody expects, an id that is none, and one that was given up', async () => {
  if (world === null) return;
  const { asterisk, paths, server, refused } = world;
  const unknown = new Call(asterisk);
  const prepared = await unknown.prepare(paths.server, 'ulaw');
  await prepared.abandon();
  await prepared.abandon();
  await unknown.externalMedia(prepared);
  await unknown.gone();
  assert.is(refused.at(-1), 'unknown');
  await until(() => server.connections === 0, 'it is closed');

  const wrong = new Call(asterisk);
  const dialling = await wrong.prepare(paths.client, 'ulaw');
  const known = await wrong.externalMedia(dialling);
  const other = { MEDIA_WEBSOCKET_CONNECTION_ID: randomUUID() };
  assert.is(await codeOf(dialling.connect(other)), 'ERR_TALKSPURT_MEDIA_CONNECTION');
  const transport = await dialling.connect(known);
  // A second connection of the same id.
  assert.is(await codeOf(dialling.connect(known)), 'ERR_TALKSPURT_MEDIA_CONNECTION');
  await transport.close();
  await wrong.gone();

  // One that came and was not taken.
  const given = new Call(asterisk);
  const waiting = await given.prepare(paths.server, 'ulaw');
  await given.externalMedia(waiting);
  await until(() => server.connections === 1, 'it came');
  await pause(50);
  await waiting.abandon();
  assert.is(await given.gone(), 16);
});

test('auto takes the caller as it is', async () => {
  if (world === null) return;
  for (const [callFormat, format] of [
    ['alaw', 'alaw'],
    ['gsm', 'slin'],
    ['opus', 'slin16'],
    ['', 'slin16'],
  ] as const) {
    const prepared = await new Call(world.asterisk).prepare(world.paths.server, 'auto', callFormat);
    assert.is(prepared.externalMedia['format'], format);
    await prepared.abandon();
  }
  assert.is(await codeOf(new Call(world.asterisk).prepare(world.paths.server, 'opus')), 'ERR_TALKSPURT_MEDIA_FORMAT');
});

test('Asterisk has a wrong password: its channel goes, nobody waits for longer', async () => {
  if (world === null) return;
  const { asterisk, server } = world;
  const { port } = server;
  await server.close();
  const refused: string[] = [];
  const strict = new AsteriskWebSocketServer({
    clock,
    host: '127.0.0.1',
    port,
    basicAuth: { username: 'asterisk', password: 'another' },
    onRefused: (reason) => refused.push(reason),
  });
  await strict.listen();
  const path = new AsteriskWebSocketPath({ clock, mode: 'server', server: strict, client: 'talkspurt' });
  const call = new Call(asterisk);
  const prepared = await call.prepare(path, 'slin16');
  const sinceMs = clock.nowMs();
  const variables = await call.externalMedia(prepared);
  const answeredMs = clock.nowMs() - sinceMs;
  const connecting = codeOf(prepared.connect(variables));
  assert.is(await call.gone(), 3);
  const goneMs = clock.nowMs() - sinceMs;
  call.abort.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'its channel was destroyed'));
  assert.is(await connecting, 'ERR_TALKSPURT_CALL_GONE');
  await prepared.abandon();
  assert.ok(refused.length > 0 && refused.every((reason) => reason === 'password'), refused.join(' '));
  assert.ok(goneMs < 4_000, `answered after ${answeredMs} ms, gone after ${goneMs} ms`);
  assert.is(strict.expected, 0);
  await path.close();
});

test.run();
