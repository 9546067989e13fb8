/**
 * Two real SIP phones (baresip) register with a real Asterisk 22 and call extension `talk` of the printed dialplan at the same
 * time. Each says something, and what each heard, by its own recording, is searched for the agent's words.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findPhrase, levelDbov } from '../../../src/cli/demo/audio-evidence.ts';
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
import { readWavFile, toMono, writeWav } from '../../../src/simulator/wav.ts';
import { asteriskSnippets, DEFAULT_ASTERISK_SNIPPET_OPTIONS } from '../../../src/switch/asterisk/asterisk-snippets.ts';
import { required } from '../required.ts';

const cache = fileURLToPath(new URL('../../../.cache', import.meta.url));
const clock = new SystemClock();
const RATE_HZ = 8000;
const NUMBERS = ['1001', '1002'];
/** Greeting, question, answer. */
const CALL_MS = 17_000;
/** When the phones ask, after the greeting is over. */
const ASK_MS = 7_000;

function pjsipConf(sipPort: number): string {
  const phones = NUMBERS.map(
    (number) => `[${number}]
type = endpoint
context = talkspurt
disallow = all
allow = ulaw
direct_media = no
auth = ${number}
aors = ${number}
[${number}]
type = aor
max_contacts = 1
[${number}]
type = auth
auth_type = userpass
username = ${number}
password = of-${number}
`,
  );
  return `[udp]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:${sipPort}\n${phones.join('')}`;
}

async function startPbx(httpPort: number, sipPort: number): Promise<LocalAsterisk> {
  const snippets = asteriskSnippets({ ...DEFAULT_ASTERISK_SNIPPET_OPTIONS, httpPort });
  const files = new Map(snippets.filter(({ file }) => file.endsWith('.conf')).map(({ file, text }) => [file, text]));
  files.set('pjsip.conf', pjsipConf(sipPort));
  return await startLocalAsterisk({ clock, httpPort, sipPort, files, onStep: () => undefined });
}

async function startTalkspurt(httpPort: number, events: TalkspurtEvent[]): Promise<Runtime> {
  const text = JSON.stringify({
    status: false,
    frontDoor: false,
    sip: false,
    switches: [{ name: 'pbx', kind: 'asterisk', port: httpPort }],
    backends: { rehearsal: { kind: 'embedded' } },
    profiles: { reception: { backend: 'rehearsal', greeting: 'Say hello.' } },
    limits: { calls: 4 },
  });
  const config = loadConfig({ text, env: { TALKSPURT_SWITCHES__PBX__PASSWORD: 'change-me' } });
  return await startRuntime(config, { clock, quiet: true, sinks: [{ emit: (event) => void events.push(event) }] });
}

/** A phone with a folder of its own: registers, calls `talk`, plays `say`, records both ways. */
function startPhone(folder: string, number: string, sipPort: number, say: string): ChildProcess {
  mkdirSync(folder);
  const modules = join(cache, 'baresip/root/usr/lib/baresip/modules');
  const config = [
    'sip_listen 127.0.0.1:0',
    'net_interface 127.0.0.1',
    'audio_player aubridge,nobody',
    'audio_alert aubridge,nobody',
    `audio_source aufile,${say}`,
    'ausrc_srate 8000',
    'auplay_srate 8000',
    'ausrc_channels 1',
    'auplay_channels 1',
    `module_path ${modules}`,
    ...['g711', 'aubridge', 'aufile', 'sndfile'].map((name) => `module ${name}.so`),
    ...['account', 'menu'].map((name) => `module_app ${name}.so`),
    `snd_path ${folder}`,
  ];
  const account = `<sip:${number}@127.0.0.1:${sipPort};transport=udp>;auth_user=${number};auth_pass=of-${number};regint=60`;
  writeFileSync(join(folder, 'config'), `${config.join('\n')}\n`);
  writeFileSync(join(folder, 'accounts'), `${account}\n`);
  writeFileSync(join(folder, 'contacts'), '');
  return spawn(join(cache, 'baresip/baresip'), ['-4', '-f', folder, '-e', `/dial sip:talk@127.0.0.1:${sipPort}`], {
    stdio: 'ignore',
  });
}

/** BYE, and un-REGISTER. */
async function endPhone(phone: ChildProcess): Promise<void> {
  if (phone.exitCode !== null || phone.signalCode !== null) return;
  const gone = once(phone, 'exit');
  phone.kill('SIGTERM');
  await gone;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error(`10 s without: ${what}`);
}

test('two phones at once register, call, are greeted, ask, are answered, and hang up', async () => {
  const installed = existsSync(join(cache, 'asterisk/asterisk'));
  if (!required(installed, 'Asterisk 22 (test/integration/asterisk/get-asterisk.sh)')) return;
  if (!required(existsSync(join(cache, 'baresip/baresip')), 'baresip (test/integration/asterisk/get-baresip.sh)'))
    return;
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-phones-'));
  const speech = new SpeechSynthesizer();
  const closers: (() => Promise<void>)[] = [
    () => speech.close(),
    () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
  ];
  try {
    const say = join(folder, 'say.wav');
    const question = await speech.synthesize(`${FERRY_OFFICE.answers[0]?.phrases?.[0] ?? ''}?`, 'slt');
    const said = new Int16Array((RATE_HZ * 40_000) / 1000);
    said.set(resampleSinc(question.samples, question.sampleRateHz, RATE_HZ), (ASK_MS / 1000) * RATE_HZ);
    writeFileSync(say, writeWav({ sampleRateHz: RATE_HZ, channels: [said] }));

    const [httpPort, sipPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
    const pbx = await startPbx(httpPort, sipPort);
    closers.push(() => pbx.stop());
    const events: TalkspurtEvent[] = [];
    const runtime = await startTalkspurt(httpPort, events);
    closers.push(() => runtime.close());
    await until('a link', () => events.some(({ type }) => type === 'link.up'));

    const folders = NUMBERS.map((number) => join(folder, number));
    const phones = NUMBERS.map((number, index) => startPhone(folders[index]!, number, sipPort, say));
    closers.push(async () => void (await Promise.all(phones.map(endPhone))));
    await until('two calls that talk', () => runtime.gateway.callCount === 2);
    const contacts = await pbx.command('pjsip show contacts');
    for (const number of NUMBERS) assert.match(contacts, `${number}/sip:`, 'registered');
    await sleep(CALL_MS);
    assert.is(runtime.gateway.callCount, 2, 'both are still there');
    await Promise.all(phones.map(endPhone));

    await until('no call', () => runtime.gateway.callCount === 0);
    const ended = events.filter((event) => event.type === 'call.ended');
    assert.equal(
      ended.map(({ reason }) => reason),
      ['hangup', 'hangup'],
    );
    await until('an empty switch', async () => /\b0 active channels/.test(await pbx.command('core show channels')));

    const greeting = FERRY_OFFICE.greeting[0]!;
    const answer = FERRY_OFFICE.answers[0]!.say[0]!;
    for (const [index, each] of folders.entries()) {
      const name = readdirSync(each).find((file) => file.endsWith('-dec.wav'));
      assert.ok(name !== undefined, 'the phone has recorded');
      const wav = await readWavFile(join(each, name));
      const heard = toMono(wav);
      const level = levelDbov(heard, wav.sampleRateHz, 0, (heard.length / wav.sampleRateHz) * 1000);
      assert.ok(level > -40, `${level} dBov`);
      let fromMs = 0;
      for (const sentence of [greeting, answer]) {
        const voice = await speech.synthesize(sentence, 'rms');
        const phrase = resampleSinc(voice.samples, voice.sampleRateHz, wav.sampleRateHz);
        const match = findPhrase(heard, phrase, wav.sampleRateHz, fromMs);
        assert.ok((match?.correlation ?? 0) > 0.8, `phone ${index}: ${sentence}: ${match?.correlation}`);
        fromMs = match!.atMs;
      }
    }
  } finally {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  }
});

test.run();
