/**
 * How long a caller is without a backend that hears: an order to switch, a loss with another backend in the list, and the work of the
 * swap itself, with real signal chains and backends that open at once. The media tick runs all the while.
 *
 *   npm run bench -- failover
 *
 * *switch*: from the order to the other stream in use. *loss*: from the loss to a stream in use, the breaker of the first backend being
 * open. *swap*: the work between two ticks, with 5 s of the caller and 20 s of the agent waiting; between two formats it is converted.
 */
import { createHash } from 'node:crypto';
import type { Backend, BackendSink, BackendStream } from '../src/backend/backend.ts';
import { SystemClock, delay } from '../src/core/clock.ts';
import { TalkspurtError } from '../src/core/errors.ts';
import type { TalkspurtEvent } from '../src/core/events.ts';
import { bytesPerMs, frameBytes } from '../src/core/media.ts';
import type { AudioFormat } from '../src/core/media.ts';
import { WasmDspPool } from '../src/dsp/dsp-pool.ts';
import { loadDsp } from '../src/dsp/library.ts';
import { audioConverter } from '../src/session/audio-converter.ts';
import { BackendRelay } from '../src/session/backend-relay.ts';
import { CallMedia } from '../src/session/call-media.ts';
import { MediaScheduler } from '../src/session/media-scheduler.ts';
import { DEFAULT_SESSION_OPTIONS } from '../src/session/session-options.ts';
import { Session } from '../src/session/session.ts';
import type { CallLeg } from '../src/switch/switch-adapter.ts';
import type { MediaSink, MediaTransport } from '../src/transport/media-transport.ts';
import { Samples } from './load/percentiles.ts';

const LEG = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 } as const;
const WIDE: AudioFormat = { codec: 'l16', sampleRateHz: 24_000 };
const clock = new SystemClock();

/** Opens at once, and counts what it hears. */
class MockBackend implements Backend {
  readonly name: string;
  readonly #format: AudioFormat;
  refused: TalkspurtError | null = null;
  sink: BackendSink | null = null;
  frames = 0;
  opens = 0;

  constructor(name: string, format: AudioFormat) {
    this.name = name;
    this.#format = format;
  }

  refusal(): TalkspurtError | null {
    return this.refused;
  }

  open(_call: unknown, sink: BackendSink): Promise<BackendStream> {
    this.sink = sink;
    this.opens += 1;
    return Promise.resolve(mockStream(this.#format, () => (this.frames += 1)));
  }

  /** `ms` of speech, which wait to be heard. */
  speak(ms: number): void {
    this.sink?.onAudio(new Uint8Array(ms * bytesPerMs(this.#format)).fill(0x21), 'item');
    this.sink?.onAudioDone('item');
  }
}

/** One call on the machine's clock whose caller sends a frame every 20 ms. */
class Call {
  readonly events: TalkspurtEvent[] = [];
  readonly session: Session;
  readonly #scheduler = new MediaScheduler({ clock });
  #sink: MediaSink | null = null;
  #packets = 0;
  readonly #timer = clock.every(20, () => {
    this.#packets += 1;
    this.#sink?.onFrame(
      new Uint8Array(frameBytes(LEG)).fill(0x91),
      this.#packets & 0xffff,
      this.#packets * 160,
      clock.nowMs(),
    );
  });

  constructor(pool: WasmDspPool, backends: readonly MockBackend[], library: Awaited<ReturnType<typeof loadDsp>>) {
    const transport = nullTransport((sink) => (this.#sink = sink));
    const done = (): Promise<void> => Promise.resolve();
    const leg: CallLeg = {
      ...{ id: 'call', switchName: 'bench', from: '', to: '', variables: new Map<string, string>() },
      ...{ listen: () => undefined, answer: done, openMedia: () => Promise.resolve(transport), sendDtmf: done },
      ...{ transfer: done, hangup: done, release: done },
    };
    const [backend, ...fallbacks] = backends;
    if (backend === undefined) throw new Error('a call needs a backend');
    this.session = new Session({
      ...{ callId: 'call', profile: 'p', leg, backend, fallbacks, dspPool: pool, scheduler: this.#scheduler, clock },
      events: { emit: (event) => this.events.push(event) },
      sounds: {
        sound: () => Promise.reject(new TalkspurtError('ERR_TALKSPURT_SOUND', 'there are none')),
        dspLibrary: () => Promise.resolve(library),
      },
    });
  }

  async end(): Promise<void> {
    this.#timer.cancel();
    await this.session.stop('stopped');
    this.#scheduler.stop();
  }
}

/** Prints a table. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const rounds = small ? 2 : 40;
  const pool = await WasmDspPool.create({ size: 1 });
  const library = await loadDsp();
  const hash = createHash('sha256');
  process.stdout.write('what          formats            p50 ms   p99 ms   most ms\n');
  for (const [label, other] of [
    ['pcmu → pcmu', LEG],
    ['pcmu → l16/24000', WIDE],
  ] as const) {
    const [switches, losses, swaps] = [new Samples(), new Samples(), new Samples()];
    let heard = 0;
    for (let round = 0; round < rounds; round += 1) {
      const [one, two] = [new MockBackend('one', LEG), new MockBackend('two', other)];
      const call = new Call(pool, [one, two], library);
      await call.session.start();
      one.speak(20_000);
      await delay(clock, 100 + 20 * clock.random());
      const since = clock.nowMs();
      await call.session.switchBackend(two, library);
      switches.add(clock.nowMs() - since);
      await delay(clock, 60);
      await call.session.switchBackend(one, library);
      one.speak(20_000);
      await delay(clock, small ? 60 : 300);
      // A list that the first of is closed: the other one is tried at once.
      one.refused = new TalkspurtError('ERR_TALKSPURT_BACKEND_BREAKER_OPEN', 'open', {
        details: { retryInMs: 30_000 },
      });
      one.sink?.onClosed(
        new TalkspurtError('ERR_TALKSPURT_BACKEND_CLOSED', 'cut off', { details: { closeCode: 1006 } }),
      );
      while (call.session.state === 'reconnecting') await delay(clock, 1);
      const told = call.events.find((event) => event.type === 'backend.reconnected');
      if (told?.type !== 'backend.reconnected') throw new Error('the other did not take over');
      losses.add(told.gapMs);
      heard += Math.min(1, two.frames);
      await call.end();
      swaps.add(swapMs(pool, library, other));
    }
    for (const [what, samples] of [
      ['switch', switches],
      ['loss', losses],
      ['swap', swaps],
    ] as const) {
      const [p50, p99, most] = [samples.at(0.5), samples.at(0.99), samples.at(1)];
      const figures = [p50, p99, most].map((ms) => ms.toFixed(2).padStart(8)).join(' ');
      process.stdout.write(`${what.padEnd(13)} ${label.padEnd(17)} ${figures}\n`);
    }
    hash.update(`${label} ${heard === rounds}`);
  }
  process.stdout.write(`# ${hash.digest('hex').slice(0, 16)}\n`);
}

/** The work of one swap: 5 s of the caller and 20 s of the agent wait. */
function swapMs(pool: WasmDspPool, library: Awaited<ReturnType<typeof loadDsp>>, other: AudioFormat): number {
  const dsp = pool.acquire({ leg: LEG, backendInput: LEG, backendOutput: LEG });
  const nothing = (): void => undefined;
  const listener = { onSpeech: nothing, onPlayout: nothing, onFaded: nothing, onHeard: nothing, onFault: nothing };
  const media = new CallMedia({ transport: nullTransport(nothing), dsp, options: DEFAULT_SESSION_OPTIONS, listener });
  const [before, after] = [mockStream(LEG, nothing), mockStream(other, nothing)];
  media.connect(before);
  const relay = new BackendRelay(before, { ptimeMs: 20, bufferMs: 5_000, catchUpRate: 4 });
  relay.detach();
  for (let frames = 0; frames < 250; frames += 1) relay.sendAudio(new Uint8Array(160).fill(frames));
  media.playout.push(new Uint8Array(20_000 * bytesPerMs(LEG)).fill(0x21));
  const convert = audioConverter(library);
  const since = clock.nowMs();
  const kept = media.change(relay, after.inputFormat, after.outputFormat, convert);
  relay.attach(after, '', convert);
  const tookMs = clock.nowMs() - since;
  if (!kept || relay.keptMs < 4_980 || media.playout.waitingMs < 19_980) throw new Error('something was lost');
  pool.release(dsp);
  return tookMs;
}

function mockStream(format: AudioFormat, onFrame: () => void): BackendStream {
  const nothing = (): void => undefined;
  return {
    inputFormat: format,
    outputFormat: format,
    detectsTurns: true,
    droppedFrames: 0,
    sendAudio: () => (onFrame(), true),
    commitTurn: nothing,
    cancelResponse: nothing,
    requestResponse: nothing,
    sendText: nothing,
    sendToolResult: nothing,
    close: () => Promise.resolve(),
  };
}

function nullTransport(onStart: (sink: MediaSink) => void): MediaTransport {
  return {
    kind: 'null',
    format: LEG,
    stats: { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 },
    start: onStart,
    send: () => undefined,
    playedFrames: () => null,
    flush: () => undefined,
    close: () => Promise.resolve(),
  };
}
