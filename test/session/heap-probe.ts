/**
 * Prints heap bytes per tick of the media loop with the real signal chain and edges that allocate nothing, and of a control
 * that is known to allocate, as JSON.
 */
import type { BackendStream } from '../../src/backend/backend.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { frameBytes } from '../../src/core/media.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import { BackendRelay } from '../../src/session/backend-relay.ts';
import { CallMedia } from '../../src/session/call-media.ts';
import { HoldSound } from '../../src/session/hold-sound.ts';
import { runMediaTick } from '../../src/session/media-loop.ts';
import { DEFAULT_SESSION_OPTIONS } from '../../src/session/session-options.ts';
import type { MediaTransport } from '../../src/transport/media-transport.ts';

const TICKS = 50_000;
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('run with --expose-gc');
const leg = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 } as const;

/** Bytes that `tick` leaves on the heap, live or garbage; the young generation is too large to be collected meanwhile. */
function bytesPerTick(tick: (n: number) => void): number {
  for (let n = 0; n < 20_000; n += 1) tick(n);
  collect?.();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < TICKS; n += 1) tick(n);
  return (process.memoryUsage().heapUsed - before) / TICKS;
}

const pool = await WasmDspPool.create({ size: 1 });

/**
 * `fastSender`: it sends a packet too many now and then, so that time is scaled. `lossy`: the backend is lost every 8 s for 4 s, in
 * which the caller is kept and hears a sound, and catches up.
 */
function measure(format: AudioFormat, { fastSender = false, lossy = false } = {}): number {
  let bytes = 0;
  const transport: MediaTransport = {
    kind: 'null',
    format: leg,
    stats: { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 },
    start: () => undefined,
    send: (payload) => void (bytes += payload.length),
    playedFrames: () => null,
    flush: () => undefined,
    close: () => Promise.resolve(),
  };
  const nothing = (): void => undefined;
  const stream: BackendStream = {
    inputFormat: format,
    outputFormat: format,
    detectsTurns: true,
    droppedFrames: 0,
    sendAudio: (frame) => {
      bytes += frame.length;
      return true;
    },
    commitTurn: nothing,
    cancelResponse: nothing,
    requestResponse: nothing,
    sendText: nothing,
    sendToolResult: nothing,
    close: () => Promise.resolve(),
  };
  const dsp = pool.acquire({ leg, backendInput: format, backendOutput: format });
  const listener = { onSpeech: nothing, onPlayout: nothing, onFaded: nothing, onHeard: nothing, onFault: nothing };
  const media = new CallMedia({ transport, dsp, options: DEFAULT_SESSION_OPTIONS, listener });
  media.connect(stream);
  const relay = new BackendRelay(stream, { ptimeMs: 20, bufferMs: 5_000, catchUpRate: 4 });
  const comfort = new HoldSound(new Uint8Array(8_000).fill(3), format, 20);
  let keptMs = 0;
  const wire = new Uint8Array(160).fill(0x91);
  const said = new Uint8Array(100 * frameBytes({ ...format, ptimeMs: 20 })).fill(5);
  let number = 0;
  const receive = (n: number): void => {
    media.jitter.push(wire, number & 0xffff, (number * 160) >>> 0, n * 20);
    number += 1;
  };
  const perTick = bytesPerTick((n) => {
    if (fastSender) {
      receive(n);
      if (n % 25 === 0) receive(n);
    } else if (n % 50 !== 0) {
      media.jitter.push(wire, n & 0xffff, (n * 160) >>> 0, n * 20);
    }
    // Taking audio in is the control path and may allocate: seldom, so that it does not count.
    if (n % 110 === 0) media.playout.push(said);
    if (lossy && n % 400 === 0) {
      relay.detach();
      media.stream = relay;
      media.comfort = comfort;
    } else if (lossy && n % 400 === 200) {
      keptMs += relay.keptMs;
      relay.attach(stream, '', null);
      media.comfort = null;
    }
    runMediaTick(media, n * 20);
  });
  if (lossy && (keptMs === 0 || relay.lostFrames > 0)) throw new Error('nothing was kept');
  if (fastSender && dsp.cutMs < 10_000) throw new Error('nothing was scaled');
  pool.release(dsp);
  if (bytes === 0 || media.capturedFrames === 0 || media.speakingTicks === 0) throw new Error('nothing was moved');
  return perTick;
}

const kept: Uint8Array[] = [];
process.stdout.write(
  JSON.stringify({
    passThrough: measure(leg),
    scaled: measure(leg, { fastSender: true }),
    lossy: measure(leg, { lossy: true }),
    realtime: measure({ codec: 'l16', sampleRateHz: 24000 }),
    control: bytesPerTick((n) => (kept[n & 7] = new Uint8Array(8))),
  }),
);
