/**
 * The demo as people run it: with its own voices, and with a recorded human as the caller. What the caller heard is then
 * listened to by PocketSphinx, which shares no code with anything here.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runDemo } from './demo-run.ts';
import type { DemoReport } from './demo-run.ts';
import { required } from './required.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-demo-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

test('a whole call with a barge-in, recorded and drawn', async () => {
  const out = join(folder, 'own');
  const report = await runDemo(out);
  assert.ok(report.checks.length > 0 && report.bargeIns.length > 0);
  assert.equal(JSON.parse(readFileSync(join(out, 'call.json'), 'utf8')), JSON.parse(JSON.stringify(report)));
  assert.match(readFileSync(join(out, 'timeline.svg'), 'utf8'), /^<svg |^<\?xml /);
  const wav = readWave(join(out, 'call.wav'));
  assert.is(wav.channels, 2, 'what the caller said | heard');
  assert.ok(statSync(join(out, 'call.wav')).size > 10 * 2 * 2 * wav.rateHz, 'more than ten seconds');
});

test('what the caller heard is what the agent said, to a recogniser that knows nothing of either', () => {
  const installed = spawnSync('pocketsphinx_continuous', ['-argfile', '/dev/null']).error === undefined;
  if (!required(installed, 'pocketsphinx (Debian: pocketsphinx pocketsphinx-en-us)')) return;
  const out = join(folder, 'own');
  const { transcript } = JSON.parse(readFileSync(join(out, 'call.json'), 'utf8')) as DemoReport;
  const said = wordsOf(
    transcript
      .filter(({ by }) => by === 'agent')
      .map(({ text }) => text)
      .join(' '),
  );
  const heard = new Set(wordsOf(listen(join(out, 'call.wav'))));
  const found = said.filter((word) => heard.has(word));
  // The agent was cut off in its longest answer, so not all of it can be there. Words by chance would be a tenth.
  assert.ok(found.length >= said.length * 0.4, `${found.length} of ${said.length} words: ${found.join(' ')}`);
});

test('a recorded human is heard and answered', async () => {
  const sounds = join(root, '.cache/asterisk/root/usr/share/asterisk/sounds/en_US_f_Allison');
  if (!required(existsSync(sounds), 'recorded prompts (test/integration/asterisk/get-asterisk.sh)')) return;
  const report = await runDemo(join(folder, 'human'), ['--wav', join(sounds, 'vm-intro.wav')]);
  assert.ok(report.bargeIns.length > 0);
});

/** Longer words only: short ones are found anywhere. */
function wordsOf(text: string): string[] {
  return [...new Set(text.toLowerCase().match(/[a-z]{4,}/g))];
}

interface Wave {
  readonly channels: number;
  readonly rateHz: number;
  readonly samples: Int16Array;
}

/** Of a plain PCM file with a 44 byte header: what the demo writes. */
function readWave(path: string): Wave {
  const bytes = readFileSync(path);
  assert.is(bytes.toString('latin1', 0, 4) + bytes.toString('latin1', 36, 40), 'RIFFdata');
  const samples = new Int16Array((bytes.length - 44) >> 1).map((_, index) => bytes.readInt16LE(44 + 2 * index));
  return { channels: bytes.readUInt16LE(22), rateHz: bytes.readUInt32LE(24), samples };
}

/** The words in the second channel. The recogniser wants 16 kHz; straight lines between samples serve for that. */
function listen(path: string): string {
  const { channels, rateHz, samples } = readWave(path);
  const length = Math.floor(samples.length / channels);
  const heard = (index: number): number => samples[Math.min(length - 1, index) * channels + 1] ?? 0;
  const count = Math.floor((length * 16_000) / rateHz);
  const pcm = Buffer.alloc(count * 2);
  for (let n = 0; n < count; n += 1) {
    const at = (n * rateHz) / 16_000;
    const part = at - Math.floor(at);
    pcm.writeInt16LE(Math.round(heard(Math.floor(at)) * (1 - part) + heard(Math.floor(at) + 1) * part), n * 2);
  }
  const raw = join(folder, 'heard.raw');
  writeFileSync(raw, pcm);
  const { status, stdout } = spawnSync(
    'pocketsphinx_continuous',
    ['-infile', raw, '-samprate', '16000', '-logfn', '/dev/null'],
    {
      encoding: 'utf8',
      timeout: 120_000,
    },
  );
  assert.is(status, 0);
  return stdout;
}

test.run();
