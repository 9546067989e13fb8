/** A session of the embedded backend without a socket, on a clock that only moves when told to. */
import type { Clock, Timer } from '../../src/core/clock.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import type { Dialogue } from '../../src/simulator/dialogue.ts';
import type { RealtimeBehaviour, RealtimeFault } from '../../src/simulator/realtime-behaviour.ts';
import type { ServerEvent } from '../../src/simulator/realtime-event.ts';
import { RealtimeSession } from '../../src/simulator/realtime-session.ts';
import type { SpeechSource } from '../../src/simulator/speech.ts';
import { fromLinear } from '../../src/simulator/wire-audio.ts';

export class StillClock implements Clock {
  #nowMs = 5_000;
  readonly #timers = new Set<{ dueMs: number; run: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  wallTimeMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  every(): Timer {
    throw new Error('nothing here repeats');
  }

  random(): number {
    return 0;
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on, and lets promises settle after each timer. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
      await settle();
    }
    this.#nowMs = endMs;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** Every sentence is a tone of one second at 16 kHz. */
export const TONE_VOICE: SpeechSource = {
  synthesize: (text) =>
    text === 'unspeakable'
      ? Promise.reject(new Error('the voice is gone'))
      : Promise.resolve({ samples: tone(1000, 16_000), sampleRateHz: 16_000 }),
};

export const TWO_ANSWERS: Dialogue = {
  greeting: ['Hello.'],
  answers: [
    {
      phrases: ['times please'],
      call: { name: 'look_up', arguments: { day: 'today' } },
      say: ['First.', 'At {result.hour}.'],
    },
    { say: ['Second.'] },
  ],
  prompt: ['Still here.'],
};

type Sent = ServerEvent & { readonly type: string };

export class SessionBench {
  readonly clock = new StillClock();
  readonly sent: Sent[] = [];
  readonly session: RealtimeSession;
  ended: string | null = null;
  fault: RealtimeFault | null = null;
  readonly counts: Record<string, number> = {};

  constructor(pool: WasmDspPool, options: Partial<RealtimeBehaviour> = {}) {
    const behaviour: RealtimeBehaviour = {
      clock: this.clock,
      dspPool: pool,
      speech: TONE_VOICE,
      hearing: null,
      dialogue: TWO_ANSWERS,
      voice: 'rms',
      thinkMs: 100,
      pieceMs: 200,
      speedUp: 4,
      sessionMs: 3_600_000,
      fault: () => this.fault,
      ...options,
    };
    this.session = new RealtimeSession(behaviour, 'gpt-realtime', {
      send: (event) => void this.sent.push(event),
      end: (reason) => {
        this.ended = reason;
      },
      count: (what, by) => {
        this.counts[what] = (this.counts[what] ?? 0) + by;
      },
    });
  }

  /** Sends an event as a client would, and returns what came back at once. */
  send(event: unknown): Sent[] {
    const before = this.sent.length;
    this.session.receive(typeof event === 'string' ? event : JSON.stringify(event));
    return this.sent.slice(before);
  }

  /** The error that came back at once: code and param. @throws Error when there is none */
  refusal(event: unknown): { code: unknown; param: unknown; message: string; eventId: unknown } {
    const [answer, more] = this.send(event);
    if (answer?.type !== 'error' || more !== undefined) throw new Error(`not refused: ${JSON.stringify(answer)}`);
    const { code, param, message, event_id: eventId } = answer.error;
    return { code, param, message, eventId };
  }

  setUp(session: object): void {
    const [answer] = this.send({ type: 'session.update', session: { type: 'realtime', ...session } });
    if (answer?.type !== 'session.updated') throw new Error(JSON.stringify(answer));
  }

  /** Says samples in 20 ms pieces. */
  hears(samples: Int16Array, format: AudioFormat): void {
    const bytes = Buffer.from(fromLinear(samples, format.codec));
    const step = (format.sampleRateHz / 50) * (format.codec === 'l16' ? 2 : 1);
    for (let at = 0; at < bytes.length; at += step) {
      this.send({ type: 'input_audio_buffer.append', audio: bytes.subarray(at, at + step).toString('base64') });
    }
  }

  types(from = 0): string[] {
    return this.sent.slice(from).map((event) => event.type);
  }

  of<T extends Sent['type']>(type: T): Extract<Sent, { type: T }>[] {
    return this.sent.filter((event): event is Extract<Sent, { type: T }> => event.type === type);
  }
}

export function tone(hz: number, rateHz: number, ms = 1000): Int16Array {
  return Int16Array.from({ length: (rateHz * ms) / 1000 }, (_, i) => 8000 * Math.sin((2 * Math.PI * hz * i) / rateHz));
}

/** One pool for a whole test file; a second one would only cost time. */
export function makePool(): Promise<WasmDspPool> {
  return WasmDspPool.create({ size: 2 });
}
