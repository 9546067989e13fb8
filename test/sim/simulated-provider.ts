/**
 * A provider of the Realtime interface that fails as it is told, under the real stream of that backend: what stands between is a
 * socket that is none, on a clock that is none.
 */
import type { Backend, BackendCall, BackendSink, BackendStream } from '../../src/backend/backend.ts';
import type { BackendSocket } from '../../src/backend/backend-socket.ts';
import { OpenAiStream } from '../../src/backend/openai-stream.ts';
import { OPENAI_HINTS } from '../../src/backend/openai-config.ts';
import { refusalByStatus } from '../../src/backend/upgrade-refusal.ts';
import { delay } from '../../src/core/clock.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import type { OpeningKind, ReplyKind } from './fault-plan.ts';
import type { FakeClock } from './fake-clock.ts';
import { FRAME_BYTES } from './marked-audio.ts';
import type { AgentVoice } from './marked-voice.ts';
import { ProviderSession } from './provider-session.ts';
import { sentenceOf, sentencesIn } from './written-answers.ts';

const FORMAT: AudioFormat = { codec: 'pcmu', sampleRateHz: 8000 };
const LATENCY_MS = 40;
const SLOW_MS = 900;
const OPEN_TIMEOUT_MS = 4_000;
/** Longer than anybody waits for a stream. */
const LATE_MS = 7_000;
const SESSION_MS = 3_600_000;

/** One backend of a run. */
export class SimulatedProvider implements Backend {
  readonly name: string;
  readonly sessions: ProviderSession[] = [];
  readonly openings: OpeningKind[] = [];
  readonly replies: ReplyKind[] = [];
  readonly #clock: FakeClock;
  readonly #detectsTurns: boolean;
  readonly #writes: boolean;
  readonly #voiceOf: (callId: string) => AgentVoice;
  readonly #nextAnswer: () => number;

  constructor(options: {
    name: string;
    clock: FakeClock;
    detectsTurns: boolean;
    /** It writes what is to be said. */
    writes: boolean;
    /** Who numbers what a call's agents say. */
    voiceOf: (callId: string) => AgentVoice;
    /** Numbers the answers of a run. */
    nextAnswer: () => number;
  }) {
    this.name = options.name;
    this.#clock = options.clock;
    this.#detectsTurns = options.detectsTurns;
    this.#writes = options.writes;
    this.#voiceOf = options.voiceOf;
    this.#nextAnswer = options.nextAnswer;
  }

  /** Sessions whose sockets are open. */
  get live(): ProviderSession[] {
    return this.sessions.filter(({ isOpen }) => isOpen);
  }

  /** No fault waits any more; who no longer answers is cut off. */
  heal(): void {
    this.openings.length = 0;
    this.replies.length = 0;
    for (const session of this.live) session.heal();
  }

  async open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<BackendStream> {
    await this.#dial(this.openings.shift() ?? 'ok', signal);
    const session = new ProviderSession({
      backend: this.name,
      callId: call.callId,
      clock: this.#clock,
      detectsTurns: this.#detectsTurns,
      nextReply: () => this.replies.shift() ?? 'normal',
      nextAnswer: this.#nextAnswer,
      voice: this.#voiceOf(call.callId),
      history: (call.history ?? []).map(({ by, text }) => `${by}: ${text}`),
      writes: this.#writes,
    });
    this.sessions.push(session);
    this.#checkHistory(session, call);
    const opened = {
      socket: session.socket as unknown as BackendSocket,
      expiresAtMs: this.#clock.nowMs() + SESSION_MS,
      handOver: (listener: OpenAiStream): void => session.handOver(listener),
    };
    const turnDetection = { type: this.#detectsTurns ? ('server_vad' as const) : ('none' as const) };
    const config = {
      name: this.name,
      model: 'm',
      apiKey: '',
      turnDetection,
      responseTimeoutMs: 5_000,
      writes: this.#writes,
    };
    const stream = new OpenAiStream(config, FORMAT, FRAME_BYTES, opened, this.#clock, sink);
    stream.restore(call);
    return stream;
  }

  /** Who takes over knows of every sentence that was heard. */
  #checkHistory(session: ProviderSession, { callId, history = [] }: BackendCall): void {
    const known = new Set(sentencesIn(history.map(({ text }) => text).join(' ')).map(({ first }) => first));
    const [unknown, ...more] = this.#voiceOf(callId).heardWhole.filter(({ first }) => !known.has(first));
    // All of a sentence had come, and nobody had said that it was all.
    const unsure = history.filter(({ text }) => text.endsWith('…')).length;
    if (unknown !== undefined && more.length >= unsure)
      session.unknown = `'${sentenceOf(unknown)}' was heard, and who takes over is not told`;
  }

  /** Resolves when a session is there. @throws what the opening is to fail with */
  async #dial(opening: OpeningKind, signal: AbortSignal): Promise<void> {
    // One that heeds no signal opens for nobody.
    if (opening === 'late') return await this.#pause(LATE_MS);
    signal.throwIfAborted();
    await this.#pause(opening === 'slow' ? SLOW_MS : LATENCY_MS, signal);
    switch (opening) {
      case 'ok':
      case 'slow':
        return;
      case 'hang':
        await this.#pause(OPEN_TIMEOUT_MS, signal);
        throw new TalkspurtError('ERR_TALKSPURT_BACKEND_TIMEOUT', 'no session in time');
      case 'refused':
      case 'tls':
        throw new TalkspurtError('ERR_TALKSPURT_BACKEND_REFUSED', `cannot be reached (${opening})`);
      default:
        throw refusalByStatus(
          this.name,
          Number(opening),
          OPENAI_HINTS,
          opening === '429' ? { retryAfterMs: 3_000 } : {},
        );
    }
  }

  #pause(ms: number, signal?: AbortSignal): Promise<void> {
    return delay(this.#clock, ms, signal);
  }
}
