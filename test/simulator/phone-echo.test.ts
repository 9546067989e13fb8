/** What is heard comes back as late and as quiet as it is told, and in no other way. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EchoingPhone } from '../../src/simulator/phone-echo.ts';
import type { SimulatedPhone } from '../../src/simulator/phone.ts';

const FRAME = 160;

class Mouth implements SimulatedPhone {
  hungUp = false;
  voice = 0;
  heard = 0;
  speak(frame: Int16Array): boolean {
    frame.fill(this.voice);
    return true;
  }
  hear(frame: Int16Array | null): void {
    if (frame !== null) this.heard += 1;
  }
  takeDigits(): string {
    return '1';
  }
  onHangup(): void {
    this.hungUp = true;
  }
}

/** Ten frames, of which the first is heard at `level`; what is said, in one piece. */
function line(
  path: { lossDb: number; delayMs: number },
  voice = 0,
  heard: (n: number) => Int16Array | null = () => null,
) {
  const mouth = new Mouth();
  mouth.voice = voice;
  const phone = new EchoingPhone(mouth, path);
  const said: number[] = [];
  for (let n = 0; n < 20; n += 1) {
    const frame = new Int16Array(FRAME);
    assert.is(phone.speak(frame, 8000), true);
    said.push(...frame);
    phone.hear(heard(n), 8000);
  }
  return { said, mouth, phone };
}

/** Noise with a seed. */
function noise(): Int16Array {
  let seed = 7;
  return Int16Array.from({ length: FRAME }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return seed / 2 ** 19;
  });
}

test('so many dB quieter, so many ms later', () => {
  const sent = noise();
  const energy = (samples: ArrayLike<number>): number => Array.from(samples).reduce((sum, x) => sum + x * x, 0);
  for (const delayMs of [60, 100, 200]) {
    // Heard in the first frame: the loop of a simulated channel says a frame, and then hears one.
    const { said } = line({ lossDb: 10, delayMs }, 0, (n) => (n === 0 ? sent : null));
    const from = delayMs * 8;
    assert.is(energy(said.slice(0, from)), 0, 'not before');
    const back = said.slice(from, from + FRAME + 8);
    assert.ok(Math.abs(10 * Math.log10(energy(back) / energy(sent)) + 10) < 1, `${delayMs} ms`);
    assert.is(energy(said.slice(from + FRAME + 8)), 0, 'nor after');
  }
});

test('it is added to what the phone says, never beyond full scale; where nothing is sent there is silence', () => {
  const loud = new Int16Array(FRAME).fill(32_767);
  const { said } = line({ lossDb: 3, delayMs: 60 }, 30_000, () => loud);
  assert.is(Math.max(...said), 32_767);
  assert.ok(Math.min(...said) >= -32_767);
  assert.equal([...new Set(line({ lossDb: 3, delayMs: 60 }, 5).said)], [5]);
});

test('all else is the phone’s own', () => {
  const { mouth, phone } = line({ lossDb: 10, delayMs: 60 }, 0, () => noise());
  assert.is(mouth.heard, 20);
  assert.is(phone.takeDigits(), '1');
  assert.is(phone.leavesWith, null);
  phone.playDigits('1');
  phone.hold(true);
  phone.onAnswer();
  phone.onHangup(16);
  assert.is(phone.hungUp, true);
});

test.run();
