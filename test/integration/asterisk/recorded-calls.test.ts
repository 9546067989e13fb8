/**
 * Whole calls on a real Asterisk 22, one for each media path and format at the same time: a spoken question goes in, the
 * agent's answer comes out, the caller cuts in. What happened is judged by Asterisk's own recording of the caller's
 * channel, which has one file for what came from the caller and one for what it was given.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findPhrase, levelDbov, quietAfter } from '../../../src/cli/demo/audio-evidence.ts';
import { freeLoopbackPort, startLocalAsterisk } from '../../../src/cli/demo/local-asterisk.ts';
import type { LocalAsterisk } from '../../../src/cli/demo/local-asterisk.ts';
import { loadConfig } from '../../../src/config.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import type { TalkspurtEvent } from '../../../src/core/events.ts';
import { startRuntime } from '../../../src/gateway-from-config.ts';
import type { Runtime } from '../../../src/gateway-from-config.ts';
import { FERRY_OFFICE } from '../../../src/simulator/dialogue.ts';
import { resampleSinc } from '../../../src/simulator/sinc-resample.ts';
import { SpeechSynthesizer } from '../../../src/simulator/speech.ts';
import { readWavFile, toMono } from '../../../src/simulator/wav.ts';
import { required } from '../required.ts';

const distribution = fileURLToPath(new URL('../../../.cache/asterisk/asterisk', import.meta.url));
const clock = new SystemClock();
const CALLER_HZ = 16_000;
/** When the caller asks (the greeting is over), cuts into the long answer, and hangs up. */
const [ASK_MS, CUT_IN_MS, END_MS] = [6_500, 19_000, 26_000];

interface Way {
  readonly kind: 'rtp' | 'audiosocket' | 'websocket';
  readonly format: string;
  /** Who dials, where there is a choice. */
  readonly mode?: 'server' | 'client';
  /** Of the caller's channel in Asterisk. */
  readonly caller: string;
}

const WAYS: readonly Way[] = [
  { kind: 'rtp', format: 'ulaw', caller: 'ulaw' },
  { kind: 'rtp', format: 'alaw', caller: 'alaw' },
  { kind: 'rtp', format: 'slin', caller: 'ulaw' },
  { kind: 'rtp', format: 'g722', caller: 'slin16' },
  { kind: 'audiosocket', format: 'slin', caller: 'ulaw' },
  { kind: 'audiosocket', format: 'slin16', caller: 'slin16' },
  { kind: 'audiosocket', format: 'slin24', caller: 'slin16' },
  { kind: 'audiosocket', format: 'slin48', caller: 'slin16' },
  { kind: 'websocket', mode: 'client', format: 'ulaw', caller: 'ulaw' },
  { kind: 'websocket', mode: 'client', format: 'slin24', caller: 'slin16' },
  { kind: 'websocket', mode: 'server', format: 'alaw', caller: 'alaw' },
  { kind: 'websocket', mode: 'server', format: 'slin16', caller: 'slin16' },
];

const nameOf = ({ kind, mode, format }: Way): string => [kind, mode, format].filter((part) => part).join('-');

/** One application for each way. The recording bears its name. */
function dialplan(folder: string): string {
  const calls = WAYS.map((way) => {
    const at = join(folder, nameOf(way));
    return `exten => ${nameOf(way)},1,MixMonitor(${at}.wav,r(${at}-in.wav)t(${at}-out.wav))
 same => n,Stasis(${nameOf(way)},profile=reception)
 same => n,Hangup()
`;
  });
  return `[general]
[caller]
exten => script,1,Answer()
 same => n,Playback(${join(folder, 'script')})
 same => n,Hangup()
[calls]
${calls.join('')}`;
}

async function startPbx(
  folder: string,
  httpPort: number,
  mediaPorts: ReadonlyMap<string, number>,
): Promise<LocalAsterisk> {
  const clients = [...mediaPorts].map(
    ([name, port]) =>
      `[${name}]\ntype = websocket_client\nconnection_type = per_call_config\nuri = ws://127.0.0.1:${port}/media\nprotocols = media\ntls_enabled = no\n`,
  );
  const files = new Map([
    ['extensions.conf', dialplan(folder)],
    ['websocket_client.conf', clients.join('')],
  ]);
  return await startLocalAsterisk({
    clock,
    httpPort,
    sipPort: await freeLoopbackPort(),
    files,
    onStep: () => undefined,
  });
}

async function startTalkspurt(
  httpPort: number,
  mediaPorts: ReadonlyMap<string, number>,
  events: TalkspurtEvent[],
): Promise<Runtime> {
  const switches = WAYS.map((way) => {
    const name = nameOf(way);
    const { kind, format, mode } = way;
    const port = mediaPorts.get(name);
    const media = {
      kind,
      format,
      audioSocket: { port: 0 },
      ...(mode === undefined ? {} : { websocket: { mode, client: name, ...(port === undefined ? {} : { port }) } }),
    };
    return { name, kind: 'asterisk', port: httpPort, username: 'test', password: 'test', app: name, media };
  });
  const text = JSON.stringify({
    status: false,
    frontDoor: false,
    sip: false,
    switches,
    backends: { rehearsal: { kind: 'embedded' } },
    profiles: { reception: { backend: 'rehearsal', greeting: 'Say hello.' } },
    limits: { calls: WAYS.length },
  });
  const config = loadConfig({ text, env: {} });
  return await startRuntime(config, { clock, quiet: true, sinks: [{ emit: (event) => void events.push(event) }] });
}

/** Both halves of a Local channel have the format; without one Asterisk takes 192 kHz. */
async function call(httpPort: number, way: Way): Promise<void> {
  const query = new URLSearchParams({
    endpoint: 'Local/script@caller/n',
    extension: nameOf(way),
    context: 'calls',
    priority: '1',
    formats: way.caller,
    callerId: '4711',
  });
  const response = await fetch(`http://127.0.0.1:${httpPort}/ari/channels?${query.toString()}`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('test:test').toString('base64')}` },
  });
  assert.ok(response.ok, await response.text());
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error(`15 s without: ${what}`);
}

interface Call {
  /** From the caller, and to the caller. */
  readonly said: Int16Array;
  readonly heard: Int16Array;
  readonly rateHz: number;
}

const folder = mkdtempSync(join(tmpdir(), 'talkspurt-recorded-'));
const speech = new SpeechSynthesizer();
const recordings = new Map<string, Call>();
const events: TalkspurtEvent[] = [];
const there = existsSync(distribution);

/** A sentence as somebody says it, at `rateHz`. */
async function spoken(text: string, voice: 'slt' | 'rms', rateHz: number): Promise<Int16Array> {
  const { samples, sampleRateHz } = await speech.synthesize(text, voice);
  return resampleSinc(samples, sampleRateHz, rateHz);
}

const phraseOf = (answer: number): string => FERRY_OFFICE.answers.at(answer)!.phrases![0]!;

test.before(async () => {
  if (!required(there, 'Asterisk 22 (test/integration/asterisk/get-asterisk.sh)')) return;
  mkdirSync(folder, { recursive: true });
  const script = new Int16Array((CALLER_HZ * END_MS) / 1000);
  script.set(await spoken(`${phraseOf(0)}?`, 'slt', CALLER_HZ), (ASK_MS * CALLER_HZ) / 1000);
  script.set(await spoken(`${phraseOf(-1)}.`, 'slt', CALLER_HZ), (CUT_IN_MS * CALLER_HZ) / 1000);
  writeFileSync(join(folder, 'script.sln16'), new Uint8Array(script.buffer));

  const httpPort = await freeLoopbackPort();
  const mediaPorts = new Map<string, number>();
  for (const way of WAYS) if (way.mode === 'server') mediaPorts.set(nameOf(way), await freeLoopbackPort());
  const pbx = await startPbx(folder, httpPort, mediaPorts);
  try {
    const runtime = await startTalkspurt(httpPort, mediaPorts, events);
    try {
      await until('every link', () => events.filter(({ type }) => type === 'link.up').length === WAYS.length);
      for (const way of WAYS) await call(httpPort, way);
      await until('calls that talk', () => runtime.gateway.callCount === WAYS.length);
      await sleep(END_MS);
      await until('no call', () => runtime.gateway.callCount === 0);
      await until('an empty switch', async () => /\b0 active channels/.test(await pbx.command('core show channels')));
    } finally {
      await runtime.close();
    }
  } finally {
    await pbx.stop();
  }
  for (const way of WAYS) {
    const [said, heard] = await Promise.all(
      ['in', 'out'].map((side) => readWavFile(join(folder, `${nameOf(way)}-${side}.wav`))),
    );
    recordings.set(nameOf(way), {
      said: toMono(said!),
      heard: toMono(heard!),
      rateHz: heard!.sampleRateHz,
    });
  }
});

test.after(async () => {
  await speech.close();
  rmSync(folder, { recursive: true, force: true });
});

for (const way of WAYS) {
  const name = nameOf(way);

  test(`${name}: the agent's sentences are in Asterisk's recording, in order, and not what it never said`, async () => {
    if (!there) return;
    const { heard, rateHz } = recordings.get(name)!;
    let fromMs = 0;
    const answer = FERRY_OFFICE.answers[0]!.say;
    for (const sentence of [FERRY_OFFICE.greeting[0]!, answer[0]!, FERRY_OFFICE.answers.at(-1)!.say[0]!]) {
      const match = findPhrase(heard, await spoken(sentence, 'rms', rateHz), rateHz, fromMs);
      assert.ok((match?.correlation ?? 0) > 0.8, `${sentence}: ${match?.correlation}`);
      fromMs = match!.atMs + 200;
    }
    const never = findPhrase(heard, await spoken(FERRY_OFFICE.answers[1]!.say[0]!, 'rms', rateHz), rateHz);
    assert.ok((never?.correlation ?? 0) < 0.5, `never said: ${never?.correlation}`);
  });

  test(`${name}: the agent falls silent when the caller cuts in, in Asterisk's recording`, async () => {
    if (!there) return;
    const { said, heard, rateHz } = recordings.get(name)!;
    const thanks = findPhrase(said, await spoken(`${phraseOf(-1)}.`, 'slt', rateHz), rateHz, CUT_IN_MS - 3_000);
    assert.ok((thanks?.correlation ?? 0) > 0.8, `the caller in the recording: ${thanks?.correlation}`);
    const before = levelDbov(heard, rateHz, thanks!.atMs - 1_000, thanks!.atMs);
    assert.ok(before > -45, `the agent is talking: ${before} dBov`);
    const { silentAtMs, silentForMs } = quietAfter(heard, rateHz, thanks!.atMs, -60, 500);
    const tookMs = silentAtMs - thanks!.atMs;
    assert.ok(tookMs < 600 && silentForMs > 500, `silent after ${tookMs} ms, for ${silentForMs} ms`);
  });
}

test('every call ended because the caller hung up', () => {
  if (!there) return;
  const ended = events.filter((event) => event.type === 'call.ended');
  assert.equal(
    ended.map(({ reason }) => reason),
    WAYS.map(() => 'hangup'),
  );
});

test.run();
