/** The examples of the library's stages run as they stand, from the built package. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What each example of a stage says. */
const STAGES: Readonly<Record<string, RegExp>> = {
  'audio-watch.mjs': /^suspected silence$/,
  'cleaning.mjs': /quieter: true$/,
  'concealer.mjs': /^made up: true$/,
  'dtmf.mjs': /^heard 1234#$/,
  'dynamics.mjs': /gain 15000 compressor turns down: true\s+gain control turns down: true ceiling 29204$/,
  'echo-canceller.mjs': /^delay found: true, more than 20 dB taken out: true$/,
  'g711.mjs': /^codes 213 250 122 170 samples 8 1008 -1008 32256$/,
  'g722.mjs': /160 bytes, and 320 samples again$/,
  'jitter-buffer.mjs': /^in order: 0 1 2 3 – shorter: true$/,
  'message-builder.mjs': /^\{"type":"input_audio_buffer.append","audio":"\/\/79"\} 255 254 253$/,
  'progress-tones.mjs': /^heard busy$/,
  'resampler.mjs': /^one second is 8000 samples, 2.875 ms later$/,
  'ring-buffer.mjs': /^hops 2$/,
  'vad.mjs': /^speech in 0 of 100 frames$/,
};

test('examples/dsp: every one runs, and says what it should', async () => {
  const names = readdirSync(join(root, 'examples/dsp'));
  assert.equal(names.sort(), Object.keys(STAGES));
  for (const name of names) {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'examples/dsp', name)], {
      timeout: 20_000,
    });
    assert.match(stdout.trim(), STAGES[name]!);
  }
});

test.run();
