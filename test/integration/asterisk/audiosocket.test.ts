/**
 * A real Asterisk 22 and AudioSocket: as externalMedia, as the dialplan's application and as a channel that it dials. What each side
 * hears is judged by its frequency and level, at our side by what came and at Asterisk's by its own recordings.
 */
import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/core/clock.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { AsteriskAudioSocketPath } from '../../../src/switch/asterisk/asterisk-audiosocket.ts';
import type { AudioSocketConnection } from '../../../src/transport/audiosocket-connection.ts';
import { AudioSocketServer } from '../../../src/transport/audiosocket-server.ts';
import { AudioSocketTransport } from '../../../src/transport/audiosocket-transport.ts';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { AriEvent, RunningAsterisk } from './running-asterisk.ts';

const clock = new SystemClock();
const never = new AbortController().signal;
/** Calls that the dialplan may send by itself, and what came of them. */
const welcome = new Map<string, (connection: AudioSocketConnection) => void>();
const refusals: string[] = [];
/** Talks that are up: a test that fails leaves them. */
const talks = new Set<Talk>();
let asterisk: RunningAsterisk | null = null;
let server: AudioSocketServer;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  server = new AudioSocketServer({
    clock,
    onStranger: (uuid, connection) => {
      welcome.get(uuid)?.(connection);
      return welcome.delete(uuid);
    },
    onRefused: (reason) => refusals.push(reason),
  });
  const { port } = await server.listen();
  asterisk = await startAsterisk({ AST_AUDIOSOCKET: `127.0.0.1:${port}` });
});

test.after(async () => {
  if (asterisk === null) return;
  await Promise.all([...talks].map((talk) => talk.close()));
  await asterisk.stop();
  await server.close();
});

/** A transport in use: hears all, and says a tone at our pace while it is told to. */
class Talk {
  readonly transport: MediaTransport;
  readonly lost: TalkspurtError[] = [];
  readonly arrivalsMs: number[] = [];
  #heard: Int16Array[] = [];
  #toneHz = 0;
  #at = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(transport: MediaTransport) {
    this.transport = transport;
    talks.add(this);
    transport.start({
      onFrame: (payload, _number, _timestamp, nowMs) => {
        this.#heard.push(new Int16Array(payload.slice().buffer));
        this.arrivalsMs.push(nowMs);
      },
      onLost: (error) => this.lost.push(error),
    });
  }

  get rateHz(): number {
    return this.transport.format.sampleRateHz;
  }

  /** The last half second; empty before there was one. */
  heard(): Int16Array {
    if (this.#heard.length < 25) return new Int16Array(0);
    const all = this.#heard.slice(-25);
    return Int16Array.from(all.flatMap((frame) => [...frame]));
  }

  /** 8000 at the peak, from now on; counted, so that a late timer is made up for. */
  say(toneHz: number): void {
    this.#toneHz = toneHz;
    const beganMs = clock.nowMs();
    let sent = 0;
    this.#timer = setInterval(() => {
      for (const due = (clock.nowMs() - beganMs) / 20; sent < due; sent += 1) this.transport.send(this.#frame(), false);
    }, 10);
  }

  hush(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async close(): Promise<void> {
    this.hush();
    talks.delete(this);
    await this.transport.close();
  }

  #frame(): Uint8Array {
    const samples = new Int16Array(this.rateHz / 50);
    for (const n of samples.keys())
      samples[n] = Math.round(8_000 * Math.sin((2 * Math.PI * this.#toneHz * this.#at++) / this.rateHz));
    return new Uint8Array(samples.buffer);
  }
}

/** Amplitude of that frequency in `samples` (Goertzel, with a Hann window). */
function amplitudeOf(samples: Int16Array, rateHz: number, frequencyHz: number): number {
  let [re, im, weight] = [0, 0, 0];
  for (const [at, sample] of samples.entries()) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / samples.length);
    const angle = (2 * Math.PI * frequencyHz * at) / rateHz;
    re += sample * window * Math.cos(angle);
    im += sample * window * Math.sin(angle);
    weight += window;
  }
  return weight === 0 ? 0 : (2 * Math.hypot(re, im)) / weight;
}

/** All but that frequency, as an RMS share of all. */
function restOf(samples: Int16Array, rateHz: number, frequencyHz: number): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return Math.sqrt(Math.max(0, 1 - amplitudeOf(samples, rateHz, frequencyHz) ** 2 / 2 / power));
}

/** The quarter of a second of a WAV of Asterisk's in which that frequency is loudest. */
function loudest(wav: Buffer, frequencyHz: number): { amplitude: number; rest: number; rateHz: number } {
  const rateHz = wav.readUInt32LE(24);
  const data = wav.indexOf('data') + 8;
  const samples = new Int16Array(new Uint8Array(wav.subarray(data, data + ((wav.length - data) & ~1))).buffer);
  let best = { amplitude: 0, rest: 1, rateHz };
  for (let at = 0; at + rateHz / 4 <= samples.length; at += rateHz / 10) {
    const part = samples.subarray(at, at + rateHz / 4);
    const amplitude = amplitudeOf(part, rateHz, frequencyHz);
    if (amplitude > best.amplitude) best = { amplitude, rest: restOf(part, rateHz, frequencyHz), rateHz };
  }
  return best;
}

async function until(is: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 400 && !is(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(is(), what);
}

const named =
  (type: string, id: string) =>
  (event: AriEvent): boolean =>
    event.type === type && event.channel?.id === id;

/** A Local channel of extension `extension`, in our application. */
async function local(
  here: RunningAsterisk,
  extension: string,
  formats: string,
  variables: Record<string, string> = {},
): Promise<string> {
  const id = `${extension}-${randomUUID()}`;
  const query = `endpoint=Local/${extension}@test/n&app=test&channelId=${id}&otherChannelId=${id}-2&formats=${formats}`;
  await here.ari('POST', `channels?${query}`, { variables });
  await here.event(named('StasisStart', id));
  return id;
}

interface Bridged {
  readonly talk: Talk;
  readonly media: string;
  readonly caller: string;
  readonly bridge: string;
  readonly digits: string[];
  /** Deletes what is left. */
  end(): Promise<void>;
}

/** externalMedia in a bridge with a caller at `extension`. */
async function bridged(
  here: RunningAsterisk,
  extension: string,
  format: string,
  options: { tellsDigits?: boolean } = {},
): Promise<Bridged> {
  const path = new AsteriskAudioSocketPath({ clock, server, ...options });
  const media = `media-${randomUUID()}`;
  const bridge = `bridge-${randomUUID()}`;
  const digits: string[] = [];
  const prepared = await path.prepare({
    channelId: media,
    format,
    callFormat: '',
    signal: never,
    linkUp: () => true,
    onDigit: (digit) => digits.push(digit),
  });
  const query = new URLSearchParams({ app: 'test', channelId: media, ...prepared.externalMedia });
  const made = (await here.ari('POST', `channels/externalMedia?${query.toString()}`)) as {
    channelvars: Record<string, string>;
  };
  const talk = new Talk(await prepared.connect(made.channelvars));
  const caller = await local(here, extension, 'slin16');
  await here.ari('POST', `bridges/${bridge}?type=mixing`);
  await here.ari('POST', `bridges/${bridge}/addChannel?channel=${caller},${media}`);
  const end = async (): Promise<void> => {
    await talk.close();
    // Our goodbye ends the media channel; the caller is nobody's but the application's.
    await here.event(named('ChannelDestroyed', media));
    await here.ari('DELETE', `channels/${caller}`);
    await here.ari('DELETE', `bridges/${bridge}`);
    await path.close();
  };
  return { talk, media, caller, bridge, digits, end };
}

for (const [format, rateHz, toneHz] of [
  ['slin', 8_000, 1_100],
  ['slin16', 16_000, 5_000],
  ['slin24', 24_000, 5_000],
  ['slin48', 48_000, 5_000],
] as const) {
  test(`externalMedia, ${format}: we hear Asterisk's tone and it hears ours`, async () => {
    if (asterisk === null) return;
    const here = await bridged(asterisk, 'tone440', format);
    const { talk, bridge } = here;
    assert.equal(talk.transport.format, { codec: 'l16', sampleRateHz: rateHz, ptimeMs: 20 });
    await until(
      () => amplitudeOf(talk.heard(), rateHz, 440) > 3_000 && restOf(talk.heard(), rateHz, 440) < 0.02,
      'a clear tone of 440 Hz',
    );
    assert.ok(amplitudeOf(talk.heard(), rateHz, 540) < 100, 'and no other');

    talk.say(toneHz);
    const name = `audiosocket-${format}-${process.pid}`;
    const wav = rateHz === 8_000 ? 'wav' : 'wav16';
    await asterisk.ari('POST', `bridges/${bridge}/record?name=${name}&format=${wav}&maxDurationSeconds=1`);
    await asterisk.event((event) => event.type === 'RecordingFinished' && event.recording?.name === name);
    const recorded = loudest(asterisk.recording(name, wav), toneHz);
    assert.is(recorded.rateHz, Math.min(16_000, rateHz));
    assert.ok(
      recorded.amplitude > 7_000 && recorded.amplitude < 9_000,
      `as loud as it was said: ${recorded.amplitude}`,
    );
    assert.equal(
      [talk.lost.length, talk.transport.stats.unsentFrames, talk.transport.stats.rejectedPackets],
      [0, 0, 0],
    );
    await here.end();
  });

  test(`externalMedia, ${format}: what the other party hears is our tone, nothing else`, async () => {
    if (asterisk === null) return;
    const name = `as-${format}-${process.pid}`;
    const here = await bridged(asterisk, `rec-${name}`, format);
    here.talk.say(1_100);
    await new Promise((resolve) => setTimeout(resolve, 1_800));
    await here.end();
    let heard = { amplitude: 0, rest: 1, rateHz: 0 };
    await until(() => {
      try {
        heard = loudest(asterisk!.recording(`${name}-in`, 'wav'), 1_100);
      } catch (error) {
        assert.is((error as NodeJS.ErrnoException).code, 'ENOENT');
      }
      // The file is written on for a moment.
      return heard.amplitude > 7_000;
    }, 'it is recorded, as loud as it was said');
    assert.ok(heard.amplitude < 9_000, `and no louder: ${heard.amplitude}`);
    assert.ok(heard.rest < 0.15, `without gaps: ${heard.rest}`);
  });
}

test('externalMedia: a digit comes by the connection too, and is told only where that is asked for', async () => {
  if (asterisk === null) return;
  for (const tellsDigits of [false, true]) {
    const here = await bridged(asterisk, 'digits', 'slin16', { tellsDigits });
    const { caller, digits, talk } = here;
    await asterisk.event((event) => named('ChannelDtmfReceived', caller)(event) && event.digit === 'A');
    if (tellsDigits) await until(() => digits.length === 5, 'they were told');
    assert.equal(digits, tellsDigits ? ['1', '2', '#', '*', 'A'] : []);
    assert.is(talk.lost.length, 0);
    await here.end();
  }
});

test('externalMedia: its channel is deleted and we are told; ours goes and only its channel does', async () => {
  if (asterisk === null) return;
  const far = await bridged(asterisk, 'silent', 'slin16');
  await asterisk.ari('DELETE', `channels/${far.media}`);
  await until(() => far.talk.lost.length === 1, 'we are told');
  assert.is(far.talk.lost[0]!.code, 'ERR_TALKSPURT_CALL_GONE');
  await far.end();

  const ours = await bridged(asterisk, 'silent', 'slin16');
  await ours.talk.close();
  await asterisk.event(named('ChannelDestroyed', ours.media));
  assert.is(((await asterisk.ari('GET', `channels/${ours.caller}`)) as { state: string }).state, 'Up');
  assert.is(ours.talk.lost.length, 0);
  await ours.end();
});

test('externalMedia to a place where nobody listens, and a UUID that nobody expects', async () => {
  if (asterisk === null) return;
  const path = new AsteriskAudioSocketPath({ clock, server, connectMs: 300 });
  const own = { linkUp: () => true, onDigit: () => undefined };
  const wanted = { channelId: 'x', format: 'auto', callFormat: 'ulaw', signal: never, ...own };
  const prepared = await path.prepare(wanted);
  assert.is(prepared.externalMedia['format'], 'slin');
  try {
    await prepared.connect({});
    assert.unreachable();
  } catch (error) {
    assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  }
  const id = `stranger-${randomUUID()}`;
  const stranger = { ...prepared.externalMedia, app: 'test', channelId: id };
  const before = server.refused;
  await asterisk.ari('POST', `channels/externalMedia?${new URLSearchParams(stranger).toString()}`);
  await asterisk.event(named('ChannelDestroyed', id));
  assert.equal([server.refused - before, refusals.at(-1)], [1, 'unknown']);
});

/** A call of the dialplan's application AudioSocket, and our end of it. */
async function application(
  here: RunningAsterisk,
): Promise<{ caller: string; connection: AudioSocketConnection; done(): Promise<AriEvent> }> {
  const uuid = randomUUID();
  const taken = new Promise<AudioSocketConnection>((resolve) => welcome.set(uuid, resolve));
  const caller = await local(here, 'audiosocket', 'slin16', { __AUDIOSOCKET_ID: uuid });
  await here.ari('POST', `applications/test/subscription?eventSource=channel:${caller}-2`);
  const done = (): Promise<AriEvent> =>
    here.event(
      (event) =>
        named('ChannelUserevent', `${caller}-2`)(event) &&
        (event as { eventname?: string }).eventname === 'AudioSocketDone',
    );
  return { caller, connection: await taken, done };
}

function talkOver(connection: AudioSocketConnection, digits: string[] = []): Talk {
  const format = { codec: 'l16', sampleRateHz: 8_000, ptimeMs: 20 } as const;
  return new Talk(new AudioSocketTransport({ clock, connection, format, onDigit: (digit) => digits.push(digit) }));
}

test('the application: both hear each other, digits come, and when we hang up the dialplan goes on', async () => {
  if (asterisk === null) return;
  const { caller, connection, done } = await application(asterisk);
  const digits: string[] = [];
  const talk = talkOver(connection, digits);
  await asterisk.ari('POST', `channels/${caller}/play?media=tone:440&playbackId=tone`);
  await until(
    () => amplitudeOf(talk.heard(), 8_000, 440) > 3_000 && restOf(talk.heard(), 8_000, 440) < 0.02,
    'a clear tone of 440 Hz',
  );
  // Asterisk does one thing of a channel after the other, and a tone has no end.
  await asterisk.ari('DELETE', 'playbacks/tone');
  await asterisk.ari('POST', `channels/${caller}/dtmf?dtmf=${encodeURIComponent('42#D')}&duration=120&between=100`);
  await until(() => digits.length === 4, 'four digits');
  assert.equal(digits, ['4', '2', '#', 'D']);

  const silent = await application(asterisk);
  const saying = talkOver(silent.connection);
  saying.say(1_100);
  const name = `application-${process.pid}`;
  await asterisk.ari('POST', `channels/${silent.caller}/record?name=${name}&format=wav&maxDurationSeconds=1`);
  await asterisk.event((event) => event.type === 'RecordingFinished' && event.recording?.name === name);
  const recorded = loudest(asterisk.recording(name, 'wav'), 1_100);
  assert.ok(recorded.amplitude > 7_000 && recorded.amplitude < 9_000, `as loud as it was said: ${recorded.amplitude}`);
  assert.ok(recorded.rest < 0.15, `and nothing else: ${recorded.rest}`);

  await Promise.all([talk.close(), saying.close()]);
  await Promise.all([done(), silent.done()]);
  assert.equal([talk.lost.length, saying.lost.length], [0, 0]);
});

test('the application: the caller hangs up, and we are told', async () => {
  if (asterisk === null) return;
  const { caller, connection } = await application(asterisk);
  const talk = talkOver(connection);
  talk.say(1_100);
  await until(() => talk.transport.stats.sentFrames > 10, 'we talk');
  await asterisk.ari('DELETE', `channels/${caller}`);
  await until(() => talk.lost.length === 1, 'we are told');
  assert.is(talk.lost[0]!.code, 'ERR_TALKSPURT_CALL_GONE');
  await talk.close();
});

test('the application gives up after two seconds without a frame; not while we talk, nor before we do', async () => {
  if (asterisk === null) return;
  const [nobody, talking, waiting] = [
    await application(asterisk),
    await application(asterisk),
    await application(asterisk),
  ];
  const ends: string[] = [];
  nobody.connection.listen({
    onAudio: () => ends.push('audio'),
    onDigit: () => undefined,
    onHangup: () => ends.push('hangup'),
    onError: () => ends.push('error'),
    onFault: () => ends.push('fault'),
    onEnd: (end) => ends.push(end),
  });
  const [talk, wait] = [talkOver(talking.connection), talkOver(waiting.connection)];
  talk.say(1_100);
  // It hangs the call up: here the dialplan does not go on.
  await asterisk.event(named('ChannelDestroyed', `${nobody.caller}-2`));
  await until(() => ends.length > 0, 'it is closed');
  assert.equal(ends, ['closed'], 'the control: not one frame came');
  await nobody.connection.close();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (const { lost } of [talk, wait]) {
    assert.is(lost.length, 0);
  }
  await Promise.all([talk.close(), wait.close()]);
  assert.equal([wait.transport.stats.sentFrames, wait.transport.stats.receivedFrames], [0, 0]);
});

test('a channel that is dialled without its format has another rate: the reason is told', async () => {
  if (asterisk === null) return;
  for (const [options, formats] of [
    ['/c(slin16)', 'slin16'],
    ['', 'slin192'],
  ] as const) {
    const uuid = randomUUID();
    const expected = server.expect(uuid);
    const id = `dialled-${uuid}`;
    const endpoint = encodeURIComponent(`AudioSocket/${server.address()}/${uuid}${options}`);
    await asterisk.ari('POST', `channels?endpoint=${endpoint}&app=test&channelId=${id}&formats=${formats}`);
    const connection = await expected;
    const talk = new Talk(
      new AudioSocketTransport({ clock, connection, format: { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 } }),
    );
    await asterisk.event(named('StasisStart', id));
    await asterisk.ari('POST', `channels/${id}/play?media=tone:440`);
    if (options === '') {
      await until(() => talk.lost.length > 0, 'its rate is refused');
      assert.is(talk.lost[0]!.code, 'ERR_TALKSPURT_MEDIA_FORMAT');
      assert.match(talk.lost[0]!.message, /192000 Hz.*c\(slin16\)/);
    } else {
      await until(() => amplitudeOf(talk.heard(), 16_000, 440) > 3_000, 'a tone');
    }
    await talk.close();
    await asterisk.event(named('ChannelDestroyed', id));
  }
});

test('nothing is left', async () => {
  if (asterisk === null) return;
  const here = asterisk;
  let channels: unknown[] = [];
  for (let tries = 0; tries < 50; tries += 1) {
    channels = (await here.ari('GET', 'channels')) as unknown[];
    if (channels.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(channels, []);
  assert.equal(await here.ari('GET', 'bridges'), []);
  await until(() => server.connections === 0, 'no connection');
  assert.is(server.expected, 0);
});

test.run();
