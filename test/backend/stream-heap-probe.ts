/** Prints heap bytes per tick of a stream's framer, for each mix, and of a control that is known to allocate, as JSON. */
import { StreamFramer } from '../../src/backend/stream-framer.ts';
import type { StreamMix } from '../../src/backend/stream-backend.ts';

const TICKS = 50_000;
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('run with --expose-gc');
const frame = new Uint8Array(640);
let sent = 0;

function bytesPerTick(tick: () => void): number {
  for (let n = 0; n < 20_000; n += 1) tick();
  collect?.();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < TICKS; n += 1) tick();
  return (process.memoryUsage().heapUsed - before) / TICKS;
}

function measure(mix: StreamMix): number {
  const framer = new StreamFramer(mix, 16000, 40, (message) => {
    sent += message.length;
    return true;
  });
  return bytesPerTick(() => {
    framer.played(frame);
    framer.push(frame);
  });
}

const kept: Uint8Array[] = [];
const report = {
  mono: measure('mono'),
  mixed: measure('mixed'),
  stereo: measure('stereo'),
  control: bytesPerTick(() => {
    kept[0] = frame.slice(0, 40);
  }),
  sent,
};
process.stdout.write(JSON.stringify(report));
