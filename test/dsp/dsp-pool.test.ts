/** The pool: made at boot, bounded, and every acquired instance a fresh one. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import type { Dsp, DspOptions } from '../../src/dsp/dsp.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import type { WasmDsp } from '../../src/dsp/wasm-dsp.ts';
import { sine, toBytes } from './wire.ts';

const OPTIONS: DspOptions = {
  leg: { codec: 'pcma', sampleRateHz: 8000, ptimeMs: 20 },
  backendInput: { codec: 'l16', sampleRateHz: 24000 },
  backendOutput: { codec: 'l16', sampleRateHz: 24000 },
};

/** Everything that a second of a call gives out. */
function talk(dsp: Dsp): string {
  const out: string[] = [];
  for (let n = 0; n < 50; n += 1) {
    const heard = dsp.capture(n % 9 === 8 ? null : toBytes('pcma', sine(150 + 9 * n, 8000, n * 160, 160, 11000)));
    out.push(Buffer.from(heard).toString('base64'));
    const said = dsp.render(n % 6 === 5 ? null : toBytes('l16', sine(440, 24000, n * 480, 480, 15000)));
    out.push(Buffer.from(said).toString('base64'));
    out.push(`${dsp.speechProbability} ${dsp.captureLevelDbov} ${dsp.renderLevelDbov}`);
    if (n === 20) dsp.rampGain(0.3, 100);
  }
  return out.join('\n');
}

test('a restored instance is bit for bit a new one, whatever was said before', async () => {
  const pool = await WasmDspPool.create({ size: 1 });
  const first = pool.acquire(OPTIONS);
  const fresh = talk(first);
  pool.release(first);

  const other = pool.acquire({
    ...OPTIONS,
    leg: { codec: 'l16', sampleRateHz: 48000, ptimeMs: 60 },
    vadAggressiveness: 0,
  });
  for (let n = 0; n < 10; n += 1) other.capture(toBytes('l16', sine(700, 48000, 0, 2880, 30000)));
  other.rampGain(3, 0);
  pool.release(other);

  const again = pool.acquire(OPTIONS);
  assert.is(talk(again), fresh);

  const second = await WasmDspPool.create({ size: 1 });
  assert.is(talk(second.acquire(OPTIONS)), fresh);
});

test('what a call said is gone from memory when it is released', async () => {
  const pool = await WasmDspPool.create({ size: 1 });
  const dsp = pool.acquire(OPTIONS) as WasmDsp;
  pool.release(dsp);
  const before = dsp.snapshot();
  talk(pool.acquire(OPTIONS));
  assert.not.equal(Buffer.compare(dsp.snapshot(), before), 0);
  pool.release(dsp);
  assert.is(Buffer.compare(dsp.snapshot(), before), 0);
});

test('calls are isolated from each other', async () => {
  const pool = await WasmDspPool.create({ size: 2 });
  const alone = talk(pool.acquire(OPTIONS));
  const both = await WasmDspPool.create({ size: 2 });
  const a = both.acquire(OPTIONS);
  const b = both.acquire(OPTIONS);
  b.rampGain(0, 0);
  for (let n = 0; n < 20; n += 1) {
    b.capture(null);
    b.render(new Uint8Array(960).fill(77));
  }
  assert.is(talk(a), alone);
});

test('bounded: one more than the pool holds is refused; releasing makes room, twice does not', async () => {
  const pool = await WasmDspPool.create({ size: 2 });
  assert.is(pool.size, 2);
  assert.is(pool.inUse, 0);
  const a = pool.acquire(OPTIONS);
  const b = pool.acquire(OPTIONS);
  assert.is(pool.inUse, 2);
  assert.throws(
    () => pool.acquire(OPTIONS),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_DSP_POOL_EMPTY') && error.retryable,
  );
  pool.release(a);
  pool.release(a);
  assert.is(pool.inUse, 1);
  const c = pool.acquire(OPTIONS);
  assert.is.not(c, b);
  assert.throws(() => pool.acquire(OPTIONS));
  const stranger = await WasmDspPool.create({ size: 1 });
  pool.release(stranger.acquire(OPTIONS));
  assert.is(pool.inUse, 2);
});

test('options that are refused cost no instance', async () => {
  const pool = await WasmDspPool.create({ size: 1 });
  const bad = { ...OPTIONS, backendInput: { codec: 'l16', sampleRateHz: 22050 } } as unknown as DspOptions;
  assert.throws(
    () => pool.acquire(bad),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_DSP_OPTIONS'),
  );
  assert.is(pool.inUse, 0);
  pool.acquire(OPTIONS);
});

test('a size that is no positive integer is refused', async () => {
  for (const size of [0, -1, 1.5, Number.NaN]) {
    try {
      await WasmDspPool.create({ size });
      assert.unreachable(String(size));
    } catch (error) {
      assert.ok(hasCode(error, 'ERR_TALKSPURT_DSP_OPTIONS'));
    }
  }
});

test.run();
