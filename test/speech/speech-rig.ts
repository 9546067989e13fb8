/** Engines that a test speaks through, and the parts of speech by sentence around them, on a fake clock. */
import type { BackendSink, BackendStream } from '../../src/backend/backend.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { bytesPerMs } from '../../src/core/media.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { ErrorCode, ErrorDetails } from '../../src/core/errors.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import type { BreakerChange } from '../../src/resilience/circuit-breaker.ts';
import { SentenceVoice } from '../../src/speech/sentence-voice.ts';
import { SpeechCache } from '../../src/speech/speech-cache.ts';
import { spokenBackend } from '../../src/speech/spoken-backend.ts';
import type { SpokenBackendOptions } from '../../src/speech/spoken-backend.ts';
import { TtsBreaker } from '../../src/speech/tts-breaker.ts';
import type { TtsEngine } from '../../src/speech/tts-engine.ts';
import { TurnBudget } from '../../src/speech/turn-budget.ts';
import { LIMITS } from '../../src/limits.ts';
import { RecordingSink } from '../backend/recording-sink.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';
import { FakeBackend, FakeStream, PCMU_LEG, RecordingEvents } from '../sim/fake-peers.ts';

/** One request that an engine was given: the test decides what comes of it. */
export class SpeechRequest {
  readonly text: string;
  readonly signal: AbortSignal;
  /** Its generator was left, for whatever reason. */
  left = false;
  readonly #format: AudioFormat;
  readonly #pieces: (Uint8Array | Error | null)[] = [];
  #wake: () => void = () => undefined;

  constructor(text: string, signal: AbortSignal, format: AudioFormat) {
    this.text = text;
    this.signal = signal;
    this.#format = format;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /** `ms` of audio, every byte `value`. */
  give(ms: number, value = 0x20): void {
    this.#put(new Uint8Array(ms * bytesPerMs(this.#format)).fill(value));
  }

  finish(): void {
    this.#put(null);
  }

  /** All at once. */
  speak(ms: number, value = 0x20): void {
    this.give(ms, value);
    this.finish();
  }

  fail(code: ErrorCode = 'ERR_TALKSPURT_TTS_FAILED', details: ErrorDetails = {}): void {
    this.#put(new TalkspurtError(code, 'as the engine says', { details }));
  }

  async *pieces(): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        if (this.signal.aborted) throw this.signal.reason;
        const piece = this.#pieces.shift();
        if (piece === null) return;
        if (piece instanceof Error) throw piece;
        if (piece === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
        else yield piece;
      }
    } finally {
      this.left = true;
    }
  }

  #put(piece: Uint8Array | Error | null): void {
    this.#pieces.push(piece);
    this.#wake();
  }
}

/** Writes its requests down and waits to be told; or answers at once by `onRequest`. */
export class FakeEngine implements TtsEngine {
  readonly name: string;
  readonly voice = 'v';
  readonly format: AudioFormat;
  readonly requests: SpeechRequest[] = [];
  onRequest: (request: SpeechRequest) => void = () => undefined;

  constructor(name = 'first', format: AudioFormat = { codec: 'pcmu', sampleRateHz: 8000 }) {
    this.name = name;
    this.format = format;
  }

  get last(): SpeechRequest {
    return this.requests.at(-1)!;
  }

  get texts(): string[] {
    return this.requests.map(({ text }) => text);
  }

  /** Requests that have not ended. */
  get open(): number {
    return this.requests.filter(({ left }) => !left).length;
  }

  speak(text: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const request = new SpeechRequest(text, signal, this.format);
    this.requests.push(request);
    this.onRequest(request);
    return request.pieces();
  }
}

/** Speaks every sentence at once, `msPerCharacter` long. */
export function speaksAtOnce(engine: FakeEngine, msPerCharacter = 50): FakeEngine {
  engine.onRequest = (request) => request.speak(request.text.length * msPerCharacter);
  return engine;
}

/** A voice with its parts. */
export function voiceRig(
  given: {
    fallback?: FakeEngine;
    first?: FakeEngine;
    cacheBytes?: number;
    clock?: FakeClock;
    dspLibrary?: typeof loadDsp;
  } = {},
) {
  const { first = new FakeEngine(), fallback = null, cacheBytes = 1_000_000, clock = new FakeClock() } = given;
  const { dspLibrary = loadDsp } = given;
  const changes: BreakerChange[] = [];
  const breaker = new TtsBreaker({
    name: 'b',
    clock,
    hasFallback: fallback !== null,
    onChange: (change) => changes.push(change),
  });
  const cache = new SpeechCache(cacheBytes);
  const turns = new TurnBudget(clock, LIMITS.ttsTurnMs);
  const voice = new SentenceVoice({ clock, first, fallback, breaker, cache, dspLibrary, turns });
  return { clock, first, fallback, breaker, cache, voice, changes };
}

/** What became of a sentence. */
export interface Said {
  bytes: number;
  engine: string;
  cached: boolean;
  attempts: number;
  error: string | null;
  over: boolean;
}

/** Says it, and writes down what comes of it. */
export function saying(
  voice: SentenceVoice,
  text = 'Good day.',
  signal: AbortSignal = new AbortController().signal,
): Said {
  const result: Said = { bytes: 0, engine: '', cached: false, attempts: 0, error: null, over: false };
  const run = async (): Promise<void> => {
    try {
      for await (const piece of voice.say(text, signal, result)) result.bytes += piece.length;
    } catch (error) {
      result.error = error instanceof TalkspurtError ? error.code.replace('ERR_TALKSPURT_', '') : String(error);
    }
    result.over = true;
  };
  void run();
  return result;
}

/** The same, to its end, over whatever pauses there are. */
export async function said(rig: ReturnType<typeof voiceRig>, text?: string): Promise<Said> {
  const result = saying(rig.voice, text);
  for (let turn = 0; turn < 50 && !result.over; turn += 1) {
    await settle();
    if (!result.over) rig.clock.advance(250);
  }
  return result;
}

/** Fails every request. */
export function fails(engine: FakeEngine, ...[code, details]: Parameters<FakeEngine['last']['fail']>): FakeEngine {
  engine.onRequest = (request) => request.fail(code, details);
  return engine;
}

/** A backend that writes, wrapped, with its sink written down. */
export async function spokenRig(given: Partial<SpokenBackendOptions> = {}, can: Partial<BackendStream> = {}) {
  const clock = new FakeClock();
  const engine = new FakeEngine();
  const events = new RecordingEvents();
  const notes: [string | null, string][] = [];
  const inner = new FakeStream();
  Object.assign(inner, { noteHeard: (id: string | null, heard: string) => notes.push([id, heard]) } satisfies Pick<
    BackendStream,
    'noteHeard'
  >);
  Object.assign(inner, can);
  const backend = new FakeBackend(inner);
  const sink = new RecordingSink();
  const spoken = spokenBackend(backend, {
    engine: () => engine,
    clock,
    events,
    splitter: { earlyCharacters: 0 },
    ...given,
  });
  const call = { callId: 'call-1', leg: PCMU_LEG, from: '', to: '', variables: new Map<string, string>() };
  const stream = await spoken.open(call, sink, new AbortController().signal);
  const rig = {
    clock,
    engine,
    events,
    notes,
    inner,
    sink,
    stream,
    get writer() {
      return backend.sink!;
    },
    /** A whole answer, as text. */
    write(id: string, text: string): void {
      backend.sink!.onResponseStarted(id);
      for (const piece of text.match(/.{1,7}/gsu) ?? []) backend.sink!.onTranscript('agent', piece, false);
      backend.sink!.onTranscript('agent', text, true);
      backend.sink!.onResponseDone(id, 'completed');
    },
    /** What the session was told, in order, without transcripts and bytes. */
    get story(): string[] {
      return sink.all.flatMap((each) => {
        if (each.kind === 'audio') return [`${each.itemId} ${each.audio.length / 8}`];
        if (each.kind === 'audio-done') return [`${each.itemId} done`];
        if (each.kind === 'started') return [`start ${each.responseId}`];
        if (each.kind === 'done') return [`${each.status} ${each.responseId}`];
        return each.kind === 'error' ? [each.error.code] : [];
      });
    },
    settle,
  };
  return rig;
}

/** A whole answer of a backend that writes, as it comes in; `over` false: more is to come. */
export function writeAnswer(sink: BackendSink, id: string, text: string, over = true): void {
  sink.onResponseStarted(id);
  for (const piece of text.match(/.{1,5}/gsu) ?? []) sink.onTranscript('agent', piece, false);
  if (!over) return;
  sink.onTranscript('agent', text, true);
  sink.onResponseDone(id, 'completed');
}

/** How many ms of each µ-law byte but silence were sent, in the order in which they came first. */
export function bytesHeard(sent: readonly { readonly payload: readonly number[] }[]): Map<number, number> {
  const bytes = new Map<number, number>();
  for (const { payload } of sent) {
    for (const byte of payload) if (byte !== 0xff) bytes.set(byte, (bytes.get(byte) ?? 0) + 1 / 8);
  }
  return bytes;
}

/** Requests for that text are never answered from now on. */
export function stallsAt(engine: FakeEngine, text: string): void {
  const speak = engine.onRequest;
  engine.onRequest = (request) => (request.text === text ? undefined : speak(request));
}
