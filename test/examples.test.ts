/** The examples run as they stand, from the built package, against the simulated switch; the README shows one of them. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../src/config.ts';
import { SystemClock } from '../src/core/clock.ts';
import { startRuntime } from '../src/gateway-from-config.ts';
import type { SimulatedPhone } from '../src/simulator/phone.ts';
import { SimulatedSwitch } from '../src/simulator/simulated-switch.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Speaks a square wave of `amplitude`, and hangs up once it has heard something as loud as half of that for a while. */
class ListeningPhone implements SimulatedPhone {
  readonly #amplitude: number;
  hungUp = false;
  loudFrames = 0;

  constructor(amplitude: number) {
    this.#amplitude = amplitude;
  }

  speak(frame: Int16Array): boolean {
    for (let n = 0; n < frame.length; n += 1) frame[n] = n % 16 < 8 ? this.#amplitude : -this.#amplitude;
    return true;
  }

  hear(frame: Int16Array | null): void {
    if (frame?.some((sample) => Math.abs(sample) > 1000) !== true) return;
    this.loudFrames += 1;
    this.hungUp = this.loudFrames >= 20;
  }

  takeDigits(): string {
    return '';
  }

  onHangup(): void {
    this.hungUp = true;
  }
}

async function example(name: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', join(root, 'examples', name), ...args],
    { cwd: root, env: { ...process.env, ...env }, timeout: 40_000 },
  );
  return stdout;
}

/** Runs an example on a call of the simulated switch. */
async function onCall(name: string, phone: ListeningPhone): Promise<string> {
  const simulated = new SimulatedSwitch({ clock: new SystemClock(), password: 'of the test' });
  await simulated.listen();
  try {
    const { uuid } = simulated.createCall({ phone });
    return await example(name, [uuid], {
      TALKSPURT_SIP__PORT: '0',
      TALKSPURT_SWITCHES__LOCAL__PORT: String(simulated.port),
      TALKSPURT_SWITCHES__LOCAL__PASSWORD: 'of the test',
      TALKSPURT_STATUS: 'false',
      TALKSPURT_LIMITS__CALLS: '4',
    });
  } finally {
    await simulated.close();
  }
}

test('library.ts: the agent greets the caller, who then hangs up', async () => {
  const phone = new ListeningPhone(0);
  const output = await onCall('library.ts', phone);
  assert.match(output, /talking: rtp – ended: hangup/);
  assert.ok(phone.loudFrames >= 20, `${phone.loudFrames} frames heard`);
});

test('own-backend.ts: the caller hears itself', async () => {
  const phone = new ListeningPhone(4000);
  const output = await onCall('own-backend.ts', phone);
  assert.match(output, /ended: hangup; \d{2,} frames said back/);
  assert.ok(phone.loudFrames >= 20, `${phone.loudFrames} frames heard`);
});

test('http-api/watch.ts: starts a call over HTTP, has it speak, and follows it to its end', async () => {
  const token = 'token-of-the-example';
  const phone = new ListeningPhone(0);
  const simulated = new SimulatedSwitch({ clock: new SystemClock(), password: 'of the test' });
  await simulated.listen();
  const config = loadConfig({
    text: JSON.stringify({
      status: { port: 0, controlToken: token },
      sip: { port: 0 },
      switches: [{ name: 'local', kind: 'freeswitch', port: simulated.port, password: 'of the test' }],
      backends: { voice: { kind: 'embedded' } },
      profiles: { reception: { backend: 'voice' } },
      limits: { calls: 4 },
    }),
    env: {},
  });
  const runtime = await startRuntime(config, { quiet: true });
  try {
    const { uuid } = simulated.createCall({ phone });
    const base = `http://127.0.0.1:${runtime.statusPort ?? 0}`;
    const output = await example('http-api/watch.ts', [uuid, 'reception', base], { TALKSPURT_TOKEN: token });
    assert.match(output, /talking: rtp, (HEALTHY|DEGRADED)\n(turn: [a-z-]+\n)*ended: hangup\n/);
    assert.ok(phone.loudFrames >= 20, `${phone.loudFrames} frames heard`);
  } finally {
    await runtime.close();
    await simulated.close();
  }
});

test('deepgram.yaml: what it would do', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', join(root, 'src/cli.ts'), 'check', '--config', join(root, 'examples/deepgram.yaml')],
    {
      cwd: root,
      env: {
        ...process.env,
        TALKSPURT_SWITCHES__LOCAL__PASSWORD: 'of the test',
        TALKSPURT_FRONT_DOOR__PASSWORD: 'of the test',
        DEEPGRAM_API_KEY: 'of the test',
      },
      timeout: 40_000,
    },
  );
  assert.match(
    stdout,
    /backend shop: deepgram at its own address, hears by a model flux-general-en, .* greets by itself/,
  );
  assert.match(stdout, /backend reserve: deepgram at its own address, .* as agent says, .* key set/);
  assert.not.match(stdout, 'warning');
  assert.not.match(stdout, 'of the test');
});

test('gemini.yaml: what it would do', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', join(root, 'src/cli.ts'), 'check', '--config', join(root, 'examples/gemini.yaml')],
    {
      cwd: root,
      env: {
        ...process.env,
        TALKSPURT_SWITCHES__LOCAL__PASSWORD: 'of the test',
        TALKSPURT_FRONT_DOOR__PASSWORD: 'of the test',
        GEMINI_API_KEY: 'of the test',
      },
      timeout: 40_000,
    },
  );
  assert.match(
    stdout,
    /backend shop: gemini at its own address, model gemini-\S+, voice Puck, 1 functions, .* key set/,
  );
  assert.match(stdout, /backend marked: gemini .* turns by our endpointer, key set/);
  assert.not.match(stdout, 'warning');
  assert.not.match(stdout, 'of the test');
});

test('dsp.ts: arrays in and out', async () => {
  const output = await example('dsp.ts');
  assert.match(output, /24000 samples → 8000 samples → 8000 bytes of µ-law/);
  assert.match(output, /level -20\.0 dBov before, -(20\.0|19\.9|20\.1) dBov after/);
  assert.match(output, /speech in 0 of 100/);
});

test('the README shows library.ts as it is, in ten lines of code', () => {
  const source = readFileSync(join(root, 'examples/library.ts'), 'utf8');
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  assert.ok(readme.includes(`\`\`\`ts\n${source}\`\`\``), 'README.md holds examples/library.ts');
  assert.ok(source.split('\n').filter((line) => line.trim() !== '').length <= 10);
});

test.run();
