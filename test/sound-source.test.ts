/** Sounds for a call: where they may come from, what they cost everybody else, and that they are made once. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../src/core/clock.ts';
import type { Timer } from '../src/core/clock.ts';
import { hasCode } from '../src/core/errors.ts';
import type { ErrorCode } from '../src/core/errors.ts';
import { HostList } from '../src/core/host-list.ts';
import type { AudioFormat } from '../src/core/media.ts';
import { loadDsp } from '../src/dsp/library.ts';
import type { DspLibrary } from '../src/dsp/library.ts';
import { SLICE_SAMPLES } from '../src/dsp/sound-slices.ts';
import { LIMITS } from '../src/limits.ts';
import { writeWav } from '../src/simulator/wav.ts';
import { OwnSounds } from '../src/sound-source.ts';
import type { SoundSourceOptions } from '../src/sound-source.ts';

const PCMU: AudioFormat = { codec: 'pcmu', sampleRateHz: 8_000 };
const real = await loadDsp();

/** Counts the turns of the event loop that are asked for. */
class CountingClock extends SystemClock {
  turns = 0;
  override after(delayMs: number, run: () => void): Timer {
    if (delayMs === 0) this.turns += 1;
    return super.after(delayMs, run);
  }
}

interface Rig {
  readonly sounds: OwnSounds;
  readonly clock: CountingClock;
  /** Samples of each stretch between two turns of the event loop, as they went into the resampler. */
  readonly stretches: number[];
  /** Texts that were synthesised. */
  readonly said: string[];
  readonly directory: string;
}

async function withRig(run: (rig: Rig) => Promise<void>, more: Partial<SoundSourceOptions> = {}): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'talkspurt-sounds-'));
  const clock = new CountingClock();
  const stretches: number[] = [];
  const said: string[] = [];
  let turn = -1;
  const resample: DspLibrary['resample'] = (pcm, fromHz, toHz) => {
    if (clock.turns !== turn) stretches.push(0);
    turn = clock.turns;
    stretches[stretches.length - 1]! += pcm.length;
    return real.resample(pcm, fromHz, toHz);
  };
  const library = new Proxy(real, {
    get: (target, key) => {
      const value = key === 'resample' ? resample : (Reflect.get(target, key) as unknown);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const sounds = new OwnSounds({
    clock,
    directory,
    urls: false,
    speech: {
      synthesize: (text) => {
        said.push(text);
        return Promise.resolve({ samples: new Int16Array(16_000), sampleRateHz: 16_000 });
      },
    },
    loadLibrary: () => Promise.resolve(library),
    ...more,
  });
  try {
    await run({ sounds, clock, stretches, said, directory });
  } finally {
    await rm(directory, { recursive: true });
  }
}

function wav(seconds: number, sampleRateHz = 48_000): Uint8Array {
  const samples = Int16Array.from({ length: seconds * sampleRateHz }, (_, n) => ((n * 331) % 20_000) - 10_000);
  return writeWav({ sampleRateHz, channels: [samples, samples] });
}

async function refused(work: Promise<unknown>, code: ErrorCode): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(hasCode(error, code), String(error));
    return error.message;
  }
  throw new Error('nothing was refused');
}

test('thirty seconds of 48 kHz stereo: the event loop turns after each slice', () =>
  withRig(async ({ sounds, stretches, clock, directory }) => {
    await writeFile(join(directory, 'long.wav'), wav(30));
    const { audio, cached } = await sounds.sound('long.wav', PCMU);
    assert.is(audio.length, 240_000);
    assert.is(cached, false);
    assert.is(stretches.length, (30 * 48_000) / SLICE_SAMPLES);
    assert.ok(Math.max(...stretches) <= SLICE_SAMPLES + 960, `${Math.max(...stretches)} samples at a stretch`);
    assert.is(clock.turns, stretches.length - 1);
  }));

test('the same file again is not decoded again; a file that was written anew is, and so is another format', () =>
  withRig(async ({ sounds, stretches, directory }) => {
    const path = join(directory, 'a.wav');
    await writeFile(path, wav(1));
    const first = await sounds.sound('a.wav', PCMU);
    const { length } = stretches;
    const second = await sounds.sound('a.wav', PCMU);
    assert.is(second.audio, first.audio);
    assert.is(second.cached, true);
    assert.is(stretches.length, length);
    assert.is((await sounds.sound('a.wav', { codec: 'pcma', sampleRateHz: 8_000 })).cached, false);
    await utimes(path, 1, 1);
    assert.is((await sounds.sound('a.wav', PCMU)).cached, false, 'another time');
    await writeFile(join(directory, 'b.wav'), wav(2));
    await rename(join(directory, 'b.wav'), path);
    assert.is((await sounds.sound('a.wav', PCMU)).audio.length, 16_000, 'another file');
  }));

test('many who want the same file at once have it made once; different ones are made one after another', () =>
  withRig(async ({ sounds, stretches, directory }) => {
    await writeFile(join(directory, 'a.wav'), wav(2));
    await writeFile(join(directory, 'b.wav'), wav(2));
    const names = ['a.wav', 'a.wav', 'b.wav', 'a.wav', 'b.wav'];
    const all = await Promise.all(names.map((name) => sounds.sound(name, PCMU)));
    // Which of them is first is the file system's to say.
    for (const name of ['a.wav', 'b.wav']) {
      const made = all.filter(({ cached }, at) => names[at] === name && !cached);
      assert.is(made.length, 1, name);
    }
    assert.ok(Math.max(...stretches) <= SLICE_SAMPLES + 960, 'two never share a turn');
    assert.is(
      stretches.reduce((sum, each) => sum + Math.ceil(each / (SLICE_SAMPLES + 960)), 0),
      20,
    );
  }));

test('more than may wait is refused at once, and what waits is made', () =>
  withRig(async ({ sounds, directory }) => {
    const names = Array.from({ length: LIMITS.soundConversions + 1 }, (_, n) => `${n}.wav`);
    const small = wav(1, 8_000);
    await Promise.all(names.map((name) => writeFile(join(directory, name), small)));
    const all = await Promise.allSettled(names.map((name) => sounds.sound(name, PCMU)));
    const failures = all.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    assert.is(failures.length, 1);
    assert.ok(hasCode(failures[0], 'ERR_TALKSPURT_SOUND'));
    assert.is((await sounds.sound('0.wav', PCMU)).audio.length, 8_000);
  }));

test('what is kept is bounded: the sound that was not heard for longest goes', () =>
  withRig(async ({ sounds, directory }) => {
    const wide: AudioFormat = { codec: 'l16', sampleRateHz: 48_000 };
    const minute = writeWav({ sampleRateHz: 8_000, channels: [new Int16Array(8_000 * 115)] });
    const each = 115 * 96_000;
    const room = Math.floor(LIMITS.soundCacheBytes / each);
    for (let n = 0; n <= room; n += 1) {
      await writeFile(join(directory, `${n}.wav`), minute);
      await sounds.sound(`${n}.wav`, wide);
    }
    assert.is((await sounds.sound(`${room}.wav`, wide)).cached, true);
    assert.is((await sounds.sound('0.wav', wide)).cached, false);
  }));

test('speech is kept where it is to be, and says so', () =>
  withRig(async ({ sounds, said }) => {
    assert.is((await sounds.speech('hello', PCMU, true)).cached, false);
    assert.is((await sounds.speech('hello', PCMU, true)).cached, true);
    assert.is((await sounds.speech('bye', PCMU, false)).cached, false);
    assert.is((await sounds.speech('bye', PCMU, false)).cached, false);
    assert.equal(said, ['hello', 'bye', 'bye']);
  }));

test('a name may begin with two dots; a way out of the directory is none, and neither is a link to outside', () =>
  withRig(async ({ sounds, directory }) => {
    await writeFile(join(directory, '..name.wav'), wav(1, 8_000));
    await mkdir(join(directory, '..folder'));
    await writeFile(join(directory, '..folder', 'a.wav'), wav(1, 8_000));
    assert.is((await sounds.sound('..name.wav', PCMU)).audio.length, 8_000);
    assert.is((await sounds.sound('..folder/a.wav', PCMU)).audio.length, 8_000);
    await symlink('/etc/hostname', join(directory, 'link.wav'));
    for (const name of ['../x', '..', 'a/../../x', '..folder/../../x', '/etc/hostname', './..', '..//x']) {
      assert.match(await refused(sounds.sound(name, PCMU), 'ERR_TALKSPURT_SOUND'), /inside sounds\.directory/, name);
    }
    assert.match(await refused(sounds.sound('link.wav', PCMU), 'ERR_TALKSPURT_SOUND'), /link/);
    assert.match(await refused(sounds.sound('none.wav', PCMU), 'ERR_TALKSPURT_SOUND'), /no such file/);
  }));

test('sounds that are none, too long or of a rate that is not ours', () =>
  withRig(async ({ sounds, directory }) => {
    await writeFile(join(directory, 'text.wav'), 'hello');
    await writeFile(join(directory, 'cd.wav'), wav(1, 44_100));
    await writeFile(join(directory, 'long.wav'), wav(LIMITS.soundMs / 1000 + 1, 8_000));
    await refused(sounds.sound('text.wav', PCMU), 'ERR_TALKSPURT_WAV_INVALID');
    assert.match(await refused(sounds.sound('cd.wav', PCMU), 'ERR_TALKSPURT_SOUND'), /44100/);
    assert.match(await refused(sounds.sound('long.wav', PCMU), 'ERR_TALKSPURT_SOUND'), /longer than/);
    await refused(sounds.sound('text.wav', PCMU), 'ERR_TALKSPURT_WAV_INVALID');
  }));

test('URLs: only where they are allowed, only from hosts that are, within a size; a redirect is not followed', async () => {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    if (request.url === '/away') response.writeHead(302, { Location: '/a.wav' }).end();
    else if (request.url === '/huge') response.end(Buffer.alloc(LIMITS.soundBytes + 1));
    else response.end(wav(1, 8_000));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await withRig(async ({ sounds }) => {
      await refused(sounds.sound(`${url}/a.wav`, PCMU), 'ERR_TALKSPURT_NOT_SUPPORTED');
    });
    const elsewhere = new HostList('sounds.allow', ['sounds.example.com', '10.0.0.0/8']);
    await withRig(
      async ({ sounds }) => {
        assert.match(await refused(sounds.sound(`${url}/a.wav`, PCMU), 'ERR_TALKSPURT_HOST_DENIED'), /sounds\.allow/);
      },
      { urls: true, hosts: elsewhere },
    );
    assert.is(asked, 0, 'nobody was connected to');
    await withRig(
      async ({ sounds }) => {
        assert.is((await sounds.sound(`${url}/a.wav`, PCMU)).audio.length, 8_000);
        await refused(sounds.sound(`${url}/away`, PCMU), 'ERR_TALKSPURT_SOUND');
        assert.match(await refused(sounds.sound(`${url}/huge`, PCMU), 'ERR_TALKSPURT_SOUND'), /larger/);
      },
      { urls: true, hosts: new HostList('sounds.allow', ['127.0.0.0/8']) },
    );
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test('on hold: a file where one is configured, else two quiet notes, made once for each format', () =>
  withRig(async ({ sounds }) => {
    const made = await sounds.hold({ codec: 'pcmu', sampleRateHz: 8000 });
    assert.equal([made.audio.length, made.cached], [32_000, false]);
    assert.ok(new Set(made.audio).size > 50, 'it is no silence');
    assert.is((await sounds.hold({ codec: 'pcmu', sampleRateHz: 8000 })).cached, true);
    assert.is((await sounds.hold({ codec: 'l16', sampleRateHz: 16_000 })).audio.length, 128_000);
  }, {}));

test('on hold: a file that is not there is told', () =>
  withRig(
    async ({ sounds }) => {
      const error = await sounds.hold({ codec: 'pcmu', sampleRateHz: 8000 }).catch((reason: unknown) => reason);
      assert.is((error as { code?: string }).code, 'ERR_TALKSPURT_SOUND');
    },
    { hold: 'nosuch.wav' },
  ));

test.run();
