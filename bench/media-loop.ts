/**
 * One tick of one call with the real signal chain and edges that cost nothing: time and heap bytes per tick, for a G.711
 * backend (pass-through) and a 24 kHz one. The caller speaks half of the time, the agent the other half. The hash covers
 * every byte sent either way.
 */
import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { BackendStream } from '../src/backend/backend.ts';
import type { AudioFormat, MediaFormat } from '../src/core/media.ts';
import { bytesPerMs, describeAudio, frameBytes } from '../src/core/media.ts';
import { WasmDspPool } from '../src/dsp/dsp-pool.ts';
import { CallMedia } from '../src/session/call-media.ts';
import { runMediaTick } from '../src/session/media-loop.ts';
import { DEFAULT_SESSION_OPTIONS } from '../src/session/session-options.ts';
import type { MediaTransport } from '../src/transport/media-transport.ts';

const LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
const BACKENDS: readonly AudioFormat[] = [LEG, { codec: 'l16', sampleRateHz: 24000 }];
/** Half a second of speech, half a second of none: in ticks. */
const TURN_TICKS = 25;
/** Agent audio that comes at once, ms. */
const DELTA_MS = 100;

/** Runs the bench; `small` is for the test suite. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const ticks = small ? 5_000 : 200_000;
  const pool = await WasmDspPool.create({ size: 1 });
  console.log(`media loop: one call, ${ticks} ticks of 20 ms`);
  console.log('  backend        ns a tick   heap bytes a tick   calls per core by this alone');
  for (const format of BACKENDS) {
    const hash = measured(pool, format, Math.min(ticks, 2_000), true).digest;
    const { nsPerTick, heapBytes } = measured(pool, format, ticks, false);
    const calls = Math.floor((LEG.ptimeMs * 1e6) / nsPerTick);
    const figures = [nsPerTick.toFixed(0).padStart(9), heapBytes.toFixed(1).padStart(20), String(calls).padStart(31)];
    console.log(`  ${describeAudio(format).padEnd(15)}${figures.join('')}   ${hash}`);
  }
}

/** A voice of a kind: a vowel-like sum of tones with an envelope, as µ-law wants it. */
function caller(ticks: number): Uint8Array[] {
  const spoken = Array.from({ length: TURN_TICKS }, (_, frame) =>
    Uint8Array.from({ length: frameBytes(LEG) }, (__, n) => {
      const t = (frame * 160 + n) / 8000;
      const wave = Math.sin(2 * Math.PI * 140 * t) + Math.sin(2 * Math.PI * 700 * t) + Math.sin(2 * Math.PI * 1100 * t);
      const level = Math.round(Math.min(1, Math.abs(wave) / 2) * 100);
      return (wave < 0 ? 0x7f : 0xff) - level;
    }),
  );
  const silent = new Uint8Array(frameBytes(LEG)).fill(0xff);
  return Array.from({ length: ticks }, (_, tick) =>
    Math.floor(tick / TURN_TICKS) % 2 === 0 ? (spoken[tick % TURN_TICKS] ?? silent) : silent,
  );
}

function measured(
  pool: WasmDspPool,
  format: AudioFormat,
  ticks: number,
  hashed: boolean,
): { nsPerTick: number; heapBytes: number; digest: string } {
  const hash = createHash('sha256');
  let bytes = 0;
  const take = (frame: Uint8Array): true => {
    bytes += frame.length;
    if (hashed) hash.update(frame);
    return true;
  };
  const dsp = pool.acquire({ leg: LEG, backendInput: format, backendOutput: format });
  const nothing = (): void => undefined;
  const listener = {
    onSpeech: nothing,
    onPlayout: nothing,
    onFaded: nothing,
    onHeard: () => undefined,
    onFault: nothing,
  };
  const media = new CallMedia({ transport: transportTo(take), dsp, options: DEFAULT_SESSION_OPTIONS, listener });
  media.connect(streamTo(take, format));
  const frames = caller(TURN_TICKS * 2);
  const delta = new Uint8Array(bytesPerMs(format) * DELTA_MS).map((_, n) => n * 7);
  const sink = media.sink(nothing, nothing);
  const silence = frames.at(-1) ?? delta;
  const oneTick = (tick: number): void => {
    const nowMs = tick * LEG.ptimeMs;
    sink.onFrame(frames[tick % frames.length] ?? silence, tick & 0xffff, (tick * 160) >>> 0, nowMs);
    if ((tick * LEG.ptimeMs) % DELTA_MS === 0 && Math.floor(tick / TURN_TICKS) % 2 === 1) media.playout.push(delta);
    runMediaTick(media, nowMs);
  };
  const warmUp = hashed ? 0 : Math.min(ticks, 20_000);
  for (let tick = 0; tick < warmUp; tick += 1) oneTick(tick);
  (globalThis as { gc?: () => void }).gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const beganMs = performance.now();
  for (let tick = warmUp; tick < warmUp + ticks; tick += 1) oneTick(tick);
  const tookMs = performance.now() - beganMs;
  const heapBytes = Math.max(0, (process.memoryUsage().heapUsed - heapBefore) / ticks);
  pool.release(dsp);
  if (bytes === 0) throw new Error('nothing was sent');
  return { nsPerTick: (tookMs * 1e6) / ticks, heapBytes, digest: hash.digest('hex').slice(0, 16) };
}

function transportTo(take: (frame: Uint8Array) => true): MediaTransport {
  const stats = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  const done = (): Promise<void> => Promise.resolve();
  const nothing = (): void => undefined;
  return {
    kind: 'none',
    format: LEG,
    stats,
    start: nothing,
    send: take,
    playedFrames: () => null,
    flush: nothing,
    close: done,
  };
}

function streamTo(take: (frame: Uint8Array) => true, format: AudioFormat): BackendStream {
  const nothing = (): void => undefined;
  return {
    inputFormat: format,
    outputFormat: format,
    detectsTurns: true,
    droppedFrames: 0,
    sendAudio: take,
    commitTurn: nothing,
    cancelResponse: nothing,
    requestResponse: nothing,
    sendText: nothing,
    sendToolResult: nothing,
    close: () => Promise.resolve(),
  };
}
