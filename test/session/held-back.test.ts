/** Against a plain list. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HeldBack } from '../../src/session/held-back.ts';
import { FakeStream } from '../sim/fake-peers.ts';

class Ears extends FakeStream {
  readonly heard: number[] = [];
  override sendAudio(frame?: Uint8Array): boolean {
    this.heard.push(frame?.[0] ?? -1);
    return true;
  }
}

test('the newest frames, in their order, of the time since shortly before the onset', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.oneof(fc.constant('push' as const), fc.constant('forget' as const), fc.nat({ max: 400 })), {
        maxLength: 80,
      }),
      (room, steps) => {
        const held = new HeldBack(4, room, 20);
        let expected: number[] = [];
        let number = 0;
        for (const step of steps) {
          if (step === 'push') {
            number = (number + 1) & 255;
            held.push(new Uint8Array(4).fill(number));
            expected = [...expected, number].slice(-room);
          } else if (step === 'forget') {
            held.forget();
            expected = [];
          } else {
            const ears = new Ears();
            held.release(ears, step);
            // The frame of the moment itself is not among them.
            const frames = Math.ceil((step + 100) / 20) - 1;
            assert.equal(ears.heard, expected.slice(-frames));
            expected = [];
          }
          assert.is(held.count, expected.length);
        }
      },
    ),
  );
});

test('a frame of another size is left out, and without room nothing is kept', () => {
  const held = new HeldBack(4, 2, 20);
  held.push(new Uint8Array(3));
  assert.is(held.count, 0);
  const none = new HeldBack(0, 0, 20);
  none.push(new Uint8Array(4));
  none.release(new Ears(), 100);
  assert.is(none.count, 0);
});

test.run();
