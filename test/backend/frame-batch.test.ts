/** Frames into messages: sizes, order, bytes, and that speech waits for nothing. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FrameBatch } from '../../src/backend/frame-batch.ts';
import type { MessageMs } from '../../src/backend/frame-batch.ts';

/** G.711. */
const BYTES_PER_MS = 8;
const PTIME_MS = 20;
const QUIET_MS = 1_200;

interface Rig {
  readonly batch: FrameBatch;
  readonly messages: Buffer[];
  /** What the peer does with the next message. */
  open: boolean;
}

function rig(messageMs: MessageMs = 'adaptive', quietMs = 0): Rig {
  const messages: Buffer[] = [];
  const made = { messages, open: true };
  const send = (audio: Uint8Array): boolean => made.open && messages.push(Buffer.from(audio)) > 0;
  return Object.assign(made, { batch: new FrameBatch({ messageMs, bytesPerMs: BYTES_PER_MS, quietMs, send }) });
}

/** Frame number `n`, in a buffer that is used again, as the signal chain's is. */
const lent = new Uint8Array(60 * BYTES_PER_MS);
function frame(n: number, ms = PTIME_MS): Uint8Array {
  return lent.fill(n & 0xff).subarray(0, ms * BYTES_PER_MS);
}

function sizesMs(messages: readonly Buffer[]): number[] {
  return messages.map(({ length }) => length / BYTES_PER_MS);
}

test('speech: every frame is a message, at once', () => {
  const { batch, messages } = rig();
  for (let n = 0; n < 7; n += 1) {
    assert.is(batch.push(frame(n), n * PTIME_MS), true);
    assert.is(messages.length, n + 1);
  }
  assert.equal(sizesMs(messages), [20, 20, 20, 20, 20, 20, 20]);
});

test('long silence: five frames a message; not before its time', () => {
  const { batch, messages } = rig();
  for (let ms = PTIME_MS; ms < QUIET_MS; ms += PTIME_MS) batch.push(frame(ms), ms);
  assert.is(messages.length, QUIET_MS / PTIME_MS - 1);
  messages.length = 0;
  for (let n = 0; n < 10; n += 1) batch.push(frame(n), QUIET_MS + n * PTIME_MS);
  assert.equal(sizesMs(messages), [100, 100]);
  assert.equal(
    [...messages[1]!].filter((_, at) => at % 160 === 0),
    [5, 6, 7, 8, 9],
  );
});

test('a backend that waits longer for the end of a turn gets its frames one by one for longer', () => {
  const { batch, messages } = rig('adaptive', 2_700);
  for (let ms = QUIET_MS; ms < 2_700; ms += PTIME_MS) batch.push(frame(ms), ms);
  assert.ok(messages.every(({ length }) => length === 160));
  messages.length = 0;
  for (let n = 0; n < 5; n += 1) batch.push(frame(n), 2_700);
  assert.equal(sizesMs(messages), [100]);
});

test('the first frame that may be speech takes with it what was held', () => {
  for (let held = 0; held < 5; held += 1) {
    const { batch, messages } = rig();
    for (let n = 0; n < held; n += 1) batch.push(frame(n), 5_000);
    assert.equal(messages, []);
    batch.push(frame(9), 0);
    assert.equal(sizesMs(messages), [20 * (held + 1)]);
    assert.is(messages[0]!.at(-1), 9);
    batch.push(frame(9), 0);
    assert.is(messages.length, 2);
  }
});

test('a fixed size: whatever is heard', () => {
  for (const [messageMs, ptimeMs, size] of [
    [20, 20, 20],
    [20, 10, 20],
    [40, 20, 40],
    [100, 20, 100],
    [100, 30, 90],
    [20, 60, 60],
    [50, 20, 40],
  ] as const) {
    const { batch, messages } = rig(messageMs);
    for (let n = 0; n < 40; n += 1) batch.push(frame(n, ptimeMs), n % 2 === 0 ? 0 : 9_000);
    assert.ok(messages.length > 0);
    assert.ok(
      sizesMs(messages).every((ms) => ms === size),
      `${messageMs} of ${ptimeMs}: ${sizesMs(messages).join(' ')}`,
    );
  }
});

test('what a dropped message held is counted, and not sent later', () => {
  const made = rig();
  for (let n = 0; n < 4; n += 1) assert.is(made.batch.push(frame(n), 5_000), true);
  made.open = false;
  assert.is(made.batch.push(frame(4), 5_000), false);
  assert.is(made.batch.push(frame(5), 0), false);
  assert.is(made.batch.droppedFrames, 6);
  made.open = true;
  assert.is(made.batch.push(frame(6), 0), true);
  assert.equal(made.messages, [Buffer.alloc(160, 6)]);
});

test('for any silences, lengths and flushes: the same bytes in the same order, none later than its message may be long', () => {
  const step = fc.record({
    ms: fc.constantFrom(10, 20, 20, 20, 30, 40, 60),
    silentMs: fc.constantFrom(0, 0, 20, 1_180, 1_200, 4_000),
    flush: fc.boolean(),
  });
  const size = fc.constantFrom<MessageMs[]>('adaptive', 20, 33, 40, 100);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), size, (steps, messageMs) => {
      const { batch, messages } = rig(messageMs);
      const said: Buffer[] = [];
      const sentBytes = (): number => messages.reduce((sum, { length }) => sum + length, 0);
      let saidBytes = 0;
      for (const [n, { ms, silentMs, flush }] of steps.entries()) {
        said.push(Buffer.from(frame(n, ms)));
        saidBytes += ms * BYTES_PER_MS;
        assert.is(batch.push(frame(n, ms), silentMs), true);
        if (flush) batch.flush();
        const heldMs = (saidBytes - sentBytes()) / BYTES_PER_MS;
        assert.ok(heldMs < (messageMs === 'adaptive' ? 100 : messageMs));
        if (flush || (messageMs === 'adaptive' && silentMs < QUIET_MS)) assert.is(heldMs, 0);
      }
      batch.flush();
      assert.equal(Buffer.concat(messages), Buffer.concat(said));
    }),
    { numRuns: 300 },
  );
});

test.run();
