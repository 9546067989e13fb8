import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamFramer } from '../../src/backend/stream-framer.ts';
import type { StreamMix } from '../../src/backend/stream-backend.ts';
import recorded from '../fixtures/freeswitch-transcripts/mod-audio-stream.json' with { type: 'json' };
import { l16 } from './stream-rig.ts';

interface Framed {
  framer: StreamFramer;
  messages: Buffer[];
}

function framed(mix: StreamMix, sampleRateHz: number, frameMs: number | 'adaptive'): Framed {
  const messages: Buffer[] = [];
  const framer = new StreamFramer(mix, sampleRateHz, frameMs, (message) => messages.push(Buffer.from(message)) > 0);
  return { framer, messages };
}

/** `samples` cut into frames of `frameSamples`. */
function frames(samples: readonly number[], frameSamples: number): Buffer[] {
  return Array.from({ length: samples.length / frameSamples }, (_, i) =>
    l16(samples.slice(i * frameSamples, (i + 1) * frameSamples)),
  );
}

function ramp(samples: number): number[] {
  return Array.from({ length: samples }, (_, i) => ((i * 37) % 65536) - 32768);
}

test('messages have the sizes that the module sends', () => {
  const rates: Readonly<Record<string, number>> = { '8k': 8000, '16k': 16000 };
  assert.ok(recorded.frames.length >= 5);
  for (const { mix, rate, sizes } of recorded.frames) {
    const sampleRateHz = rates[rate] ?? Number(rate);
    const { framer, messages } = framed(mix as StreamMix, sampleRateHz, 20);
    framer.push(new Uint8Array(sampleRateHz / 25));
    assert.equal(
      messages.map(({ length }) => String(length)),
      Object.keys(sizes),
    );
  }
});

test('mono: the same bytes, however the call cuts them', () => {
  const samples = ramp(160 * 12);
  for (const ptimeMs of [10, 20, 30, 40, 60]) {
    for (const frameMs of [20, 40, 60, 120, 240]) {
      const { framer, messages } = framed('mono', 8000, frameMs);
      for (const frame of frames(samples, ptimeMs * 8)) assert.is(framer.push(frame), true);
      assert.equal(Buffer.concat(messages), l16(samples), `${ptimeMs} ms into ${frameMs} ms`);
      assert.ok(messages.every(({ length }) => length === frameMs * 16));
    }
  }
});

test('mixed: the sum, held at the ends of the scale', () => {
  const { framer, messages } = framed('mixed', 8000, 20);
  const caller = [100, 32767, -32768, 30000, -30000, -1];
  const agent = [-40, 1, -1, 30000, -30000, -1];
  const rest = Array.from({ length: 154 }, () => 5);
  framer.played(l16([...agent, ...rest]));
  framer.push(l16([...caller, ...rest]));
  assert.equal(messages, [l16([60, 32767, -32768, 32767, -32768, -2, ...rest.map(() => 10)])]);
});

test('an agent who is silent, or ends within the tick, is silence', () => {
  const { framer, messages } = framed('stereo', 8000, 20);
  const caller = ramp(160);
  framer.played(null);
  framer.push(l16(caller));
  framer.played(l16([7, 8]));
  framer.push(l16(caller));
  // The side of one tick is not heard in the next.
  framer.push(l16(caller));
  const side = (message: Buffer, channel: number): number[] =>
    Array.from({ length: 160 }, (_, i) => message.readInt16LE(i * 4 + channel * 2));
  assert.equal(
    messages.map((message) => side(message, 0)),
    [caller, caller, caller],
  );
  const silence = Array.from({ length: 160 }, () => 0);
  assert.equal(
    messages.map((message) => side(message, 1)),
    [silence, [7, 8, ...silence.slice(2)], silence],
  );
});

test('whatever is pushed, sizes are right and both sides stay in step', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<StreamMix>('mixed', 'stereo'),
      fc.constantFrom(20, 40, 100),
      fc.array(fc.tuple(fc.constantFrom(10, 20, 30, 60), fc.boolean()), { maxLength: 30 }),
      (mix, frameMs, ticks) => {
        const { framer, messages } = framed(mix, 8000, frameMs);
        let count = 0;
        for (const [ptimeMs, speaking] of ticks) {
          const caller = Array.from({ length: ptimeMs * 8 }, (_, i) => (count + i) % 1000);
          framer.played(speaking ? l16(caller.map((sample) => -sample)) : null);
          framer.push(l16(caller));
          count += caller.length;
        }
        const perMessage = frameMs * 8;
        assert.is(messages.length, Math.floor(count / perMessage));
        messages.forEach((message, m) => {
          assert.is(message.length, perMessage * (mix === 'stereo' ? 4 : 2));
          for (let i = 0; i < perMessage; i += 1) {
            const sample = (m * perMessage + i) % 1000;
            if (mix === 'mixed') assert.ok([0, sample].includes(message.readInt16LE(i * 2)));
            else {
              assert.is(message.readInt16LE(i * 4), sample);
              assert.ok([0, -sample].includes(message.readInt16LE(i * 4 + 2)));
            }
          }
        });
      },
    ),
    { numRuns: 60 },
  );
});

test('a full message that cannot be sent is lost, and the next one begins afresh', () => {
  let open = false;
  const messages: Buffer[] = [];
  const framer = new StreamFramer('mono', 8000, 40, (message) => {
    if (open) messages.push(Buffer.from(message));
    return open;
  });
  assert.is(framer.push(new Uint8Array(320).fill(1)), true);
  assert.is(framer.push(new Uint8Array(320).fill(1)), false);
  open = true;
  framer.push(new Uint8Array(320).fill(2));
  framer.reset();
  framer.push(new Uint8Array(320).fill(3));
  framer.push(new Uint8Array(320).fill(4));
  assert.equal(messages, [Buffer.concat([Buffer.alloc(320, 3), Buffer.alloc(320, 4)])]);
});

test('adaptive: a tick a message while either side is heard, longer ones in silence, and both sides stay together', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<StreamMix[]>('mono', 'mixed', 'stereo'),
      fc.array(fc.record({ silentMs: fc.constantFrom(0, 1_180, 1_200, 9_000), agent: fc.boolean() }), {
        maxLength: 80,
      }),
      (mix, ticks) => {
        const { framer, messages } = framed(mix, 8000, 'adaptive');
        const whole = framed(mix, 8000, 20);
        let sent = 0;
        let heldTicks = 0;
        for (const [n, { silentMs, agent }] of ticks.entries()) {
          const caller = l16(Array.from({ length: 160 }, (_, i) => n * 100 + i));
          const said = agent ? l16(Array.from({ length: 160 }, (_, i) => -n * 100 - i)) : null;
          for (const each of [framer, whole.framer]) {
            if (each.wantsPlayed) each.played(said);
            assert.is(each.push(caller, silentMs), true);
          }
          const quiet = silentMs >= 1_200 && !(agent && mix !== 'mono');
          heldTicks = quiet && heldTicks < 4 ? heldTicks + 1 : 0;
          sent += heldTicks === 0 ? 1 : 0;
          assert.is(messages.length, sent);
        }
        const bytes = Buffer.concat(messages);
        assert.equal(bytes, Buffer.concat(whole.messages).subarray(0, bytes.length));
        assert.is(bytes.length, (ticks.length - heldTicks) * 320 * (mix === 'stereo' ? 2 : 1));
      },
    ),
    { numRuns: 100 },
  );
});

test.run();
