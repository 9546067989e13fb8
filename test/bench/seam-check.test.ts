/** What the bench of barge-in counts as lost or repeated in a phrase with a pause that was taken back: damage, and nothing else. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SeamCheck } from '../../bench/barge-in/seam-check.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import type { Dsp } from '../../src/dsp/dsp.ts';
import { MU_LAW } from '../../src/simulator/g711-table.ts';
import { say } from '../dsp/speech.ts';
import { LineCall } from '../sim/line-call.ts';

const pool = await WasmDspPool.create({ size: 1 });
const decode = (wire: Uint8Array): Int16Array => Int16Array.from(wire, (code) => MU_LAW.decode[code]!);
const encode = (pcm: Int16Array): Uint8Array => Uint8Array.from(pcm, (x) => MU_LAW.encode[x + 32_768]!);
const PHRASE = encode(
  say('I can offer you an appointment on Thursday at a quarter past nine.', 'slt').subarray(0, 16_000),
);
const TICKS = 160;

interface Heard {
  /** Ticks in which speech is heard. */
  readonly speech: (tick: number) => boolean;
  /** From this tick on it is not known what of an echo there is. */
  readonly unsettledFrom?: number;
  /** What should be on the wire, where it is not the phrase. */
  readonly given?: Int16Array;
}

/** One phrase with a far end that is heard to speak by order. */
function damageOf({ speech, unsettledFrom = Infinity, given = decode(PHRASE) }: Heard) {
  let tick = 0;
  const wrap = (dsp: Dsp): Dsp =>
    new Proxy(dsp, {
      get: (target, key) => {
        if (key === 'speechProbability') return speech(tick) ? 1 : 0;
        if (key === 'echoSettled') return tick < unsettledFrom;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  const options = { greeting: '' };
  const call = new LineCall({ pool, decode, encode, wrap, options, farEnd: () => new Int16Array(160) });
  const seams = new SeamCheck();
  call.say(PHRASE);
  seams.begin(given);
  for (; tick < TICKS; tick += 1) {
    const { bargeIns } = call.turns;
    call.tick();
    seams.take(decode(call.sent.at(-1)!), call.media, call.turns.bargeIns > bargeIns);
  }
  call.close();
  return { damaged: seams.damagedSamples, pauses: call.of('barge-in.withdrawn').length, stops: call.turns.bargeIns };
}

const cough = (tick: number): boolean => tick === 30;

test('a pause that was taken back costs nothing', () => {
  assert.equal(damageOf({ speech: cough }), { damaged: 0, pauses: 1, stops: 0 });
});

test('a stop after such a pause is no damage: neither with a pause of its own nor without one', () => {
  const caller = (tick: number): boolean => cough(tick) || tick >= 60;
  assert.equal(damageOf({ speech: caller }), { damaged: 0, pauses: 1, stops: 1 });
  assert.equal(damageOf({ speech: caller, unsettledFrom: 55 }), { damaged: 0, pauses: 1, stops: 1 });
});

test('what is lost or said twice is counted, also where the agent is stopped afterwards', () => {
  const given = decode(PHRASE);
  const lost = Int16Array.from([...given.subarray(0, 6400), ...given.subarray(6720)]);
  assert.ok(damageOf({ speech: cough, given: lost }).damaged >= 320);
  const caller = (tick: number): boolean => cough(tick) || tick >= 70;
  assert.ok(damageOf({ speech: caller, unsettledFrom: 65, given: lost }).damaged >= 320);
});

test.run();
