/**
 * Runs the demo's call over real sockets: a switch and a caller on one side, a backend on the other, and between them the
 * gateway as `talkspurt serve` would run it.
 */
import { randomBytes } from 'node:crypto';
import { loadConfig } from '../../config.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { TalkspurtEvent } from '../../core/events.ts';
import { startRuntime } from '../../gateway-from-config.ts';
import type { SessionSnapshot } from '../../observe/health.ts';
import { SimulatedCaller } from '../../simulator/caller.ts';
import type { CallerRecording, CallerStep } from '../../simulator/caller.ts';
import type { Hearing } from '../../simulator/hearing.ts';
import { FERRY_OFFICE } from '../../simulator/dialogue.ts';
import { EchoingPhone } from '../../simulator/phone-echo.ts';
import type { EchoPath } from '../../simulator/phone-echo.ts';
import type { SimulatedPhone } from '../../simulator/phone.ts';
import type { SpeechSynthesizer } from '../../simulator/speech.ts';
import { openAsteriskSwitch } from './asterisk-switch.ts';
import type { DemoMedia } from './asterisk-switch.ts';
import { AGENT_VOICE } from './demo-checks.ts';
import type { DemoSwitch } from './demo-switch.ts';
import { embeddedBackend } from './embedded-backend.ts';
import type { EmbeddedWire } from './embedded-backend.ts';
import { openEmbeddedSwitch } from './embedded-switch.ts';

/** Who answers: a scripted agent on the wire of the one vendor or the other, or a service with the key of the environment. */
export type DemoBackend = 'embedded' | 'embedded-deepgram' | 'embedded-gemini' | 'openai' | 'deepgram' | 'gemini';

/** What the call is made of, and who is shown what happens in it. */
export interface DemoCallOptions {
  readonly clock: Clock;
  readonly speech: SpeechSynthesizer;
  readonly hearing: Hearing | null;
  readonly script: readonly CallerStep[];
  /** What of the agent's voice comes back from the caller's end; null: nothing. */
  readonly echo: EchoPath | null;
  readonly switch: 'embedded' | 'asterisk';
  /** How the audio comes from Asterisk. */
  readonly media: DemoMedia;
  readonly backend: DemoBackend;
  /** Undefined: the one that suits the backend. */
  readonly model: string | undefined;
  readonly voice: string | undefined;
  /** Who speaks what the backend writes; null: it speaks itself. */
  readonly spokenBy: 'embedded' | null;
  onEvent(event: TalkspurtEvent): void;
  /** About ten times a second, with the call's counters. */
  onTick(snapshot: SessionSnapshot): void;
  onStep(line: string): void;
}

/** What is left of the call. */
export interface DemoCallResult {
  readonly switchKind: string;
  readonly events: readonly TalkspurtEvent[];
  /** The clock's time of the recording's first sample, ms. */
  readonly originMs: number;
  readonly recording: CallerRecording;
  readonly snapshot: SessionSnapshot;
  readonly cpuMs: number;
  /** The most of an echo that was taken out, dB. */
  readonly erleDb: number;
}

const GREETING = 'Greet the caller in one or two short sentences and ask how you can help.';
const INSTRUCTIONS =
  'You work at a ferry office and speak on the telephone. Be friendly. Answer questions about departures at some length.';
const TICK_MS = 100;
/** The whole call; a script that hangs ends here. */
const CALL_LIMIT_MS = 180_000;

/** Until the link to the switch is up. */
const LINK_LIMIT_MS = 15_000;

/** Runs one call to its end and frees everything. @throws what setting it up throws; ERR_TALKSPURT_SWITCH_COMMAND when it cannot be started */
export async function runDemoCall(options: DemoCallOptions): Promise<DemoCallResult> {
  const { clock } = options;
  const password = randomBytes(12).toString('hex');
  const closers: (() => Promise<void>)[] = [];
  try {
    const demoSwitch = await openSwitch(options, password);
    closers.push(() => demoSwitch.close());

    const url = await openBackend(options, closers);
    const watch = new EventWatch(options);
    const config = loadConfig({
      text: configText(options, demoSwitch, url),
      env: demoEnvironment(options, password),
    });
    const runtime = await startRuntime(config, { clock, sinks: [watch], quiet: true });
    closers.push(() => runtime.close());
    await watch.within(watch.linked, LINK_LIMIT_MS, `talkspurt could not attach to ${demoSwitch.label}`);
    const frontDoorPort = runtime.frontDoorPort ?? 0;
    options.onStep(`talkspurt is attached; its front door is 127.0.0.1:${frontDoorPort}`);

    const caller = new SimulatedCaller({ script: options.script });
    const phone = new FirstFrame(options.echo === null ? caller : new EchoingPhone(caller, options.echo), clock);
    const cpuBefore = process.cpuUsage();
    const call = await demoSwitch.call(phone, { frontDoorPort, talking: watch.talking });
    const session = runtime.gateway.session(call.channelId);
    if (session === undefined)
      throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'the call ended as soon as it had begun');
    let snapshot = session.snapshot();
    let erleDb = 0;
    const ticks = clock.every(TICK_MS, () => {
      snapshot = session.snapshot();
      erleDb = Math.max(erleDb, snapshot.erleDb ?? 0);
      options.onTick(snapshot);
    });
    let limit: Timer | undefined;
    const tooLong = new Promise<void>((resolve) => {
      limit = clock.after(CALL_LIMIT_MS, () => {
        call.hangup();
        resolve();
      });
    });
    await Promise.race([session.ended, tooLong]);
    await session.ended;
    ticks.cancel();
    limit?.cancel();
    const cpu = process.cpuUsage(cpuBefore);
    return {
      switchKind: demoSwitch.label,
      events: watch.events,
      originMs: phone.firstMs,
      recording: caller.recording(),
      snapshot: session.snapshot(),
      cpuMs: (cpu.user + cpu.system) / 1000,
      erleDb,
    };
  } finally {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  }
}

/** The embedded server of the wire that is wanted, and its address; null for a service. */
async function openBackend(options: DemoCallOptions, closers: (() => Promise<void>)[]): Promise<string | null> {
  const { clock, speech, hearing, backend } = options;
  if (!isEmbedded(backend)) return null;
  const parts = { clock, speech, hearing };
  const { server, style } = embeddedBackend(wireOf(backend), parts);
  await server.listen();
  closers.push(() => server.close());
  const ears = hearing === null ? 'takes turns by voice activity' : 'understands the caller with PocketSphinx';
  options.onStep(`${style} listens on ${server.url} and ${ears}`);
  return server.url;
}

function openSwitch(options: DemoCallOptions, password: string): Promise<DemoSwitch> {
  const { clock, media } = options;
  const onStep = (line: string): void => options.onStep(line);
  return options.switch === 'asterisk'
    ? openAsteriskSwitch(clock, password, media, onStep)
    : openEmbeddedSwitch(clock, password, onStep);
}

/** All that happened, and the two things that are waited for. */
class EventWatch {
  readonly events: TalkspurtEvent[] = [];
  readonly #options: DemoCallOptions;
  #onLinked: () => void = () => undefined;
  #onTalking: (channelId: string) => void = () => undefined;
  /** The switch is attached. */
  readonly linked = new Promise<void>((resolve) => (this.#onLinked = resolve));
  /** A call talks: which. */
  readonly talking = new Promise<string>((resolve) => (this.#onTalking = resolve));

  constructor(options: DemoCallOptions) {
    this.#options = options;
  }

  emit(event: TalkspurtEvent): void {
    this.events.push(event);
    if (event.type === 'link.up') this.#onLinked();
    if (event.type === 'call.state' && event.state === 'talking') this.#onTalking(event.callId);
    this.#options.onEvent(event);
  }

  /** @throws ERR_TALKSPURT_DEMO_SWITCH once `limitMs` are over */
  async within(promise: Promise<void>, limitMs: number, what: string): Promise<void> {
    let limit: Timer | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const give = (): void =>
        reject(new TalkspurtError('ERR_TALKSPURT_DEMO_SWITCH', `${what} within ${limitMs / 1000} s`));
      limit = this.#options.clock.after(limitMs, give);
    });
    await Promise.race([promise, late]).finally(() => limit?.cancel());
  }
}

/** The caller, and when its time line began on the clock of the events. */
class FirstFrame {
  readonly #caller: SimulatedPhone;
  readonly #clock: Clock;
  firstMs = Number.NaN;

  constructor(caller: SimulatedPhone, clock: Clock) {
    this.#caller = caller;
    this.#clock = clock;
  }

  get hungUp(): boolean {
    return this.#caller.hungUp;
  }

  speak(frame: Int16Array, sampleRateHz: number): boolean {
    if (Number.isNaN(this.firstMs)) this.firstMs = this.#clock.nowMs();
    return this.#caller.speak(frame, sampleRateHz);
  }

  hear(frame: Int16Array | null, sampleRateHz: number): void {
    this.#caller.hear(frame, sampleRateHz);
  }

  takeDigits(): string {
    return this.#caller.takeDigits();
  }

  onHangup(hangupCause: number): void {
    this.#caller.onHangup(hangupCause);
  }
}

/** The same file that an operator would write. */
function configText(options: DemoCallOptions, demoSwitch: DemoSwitch, url: string | null): string {
  const wire = wireOf(options.backend);
  const make = { openai: openAiBackend, deepgram: deepgramBackend, gemini: geminiBackend }[wire];
  return JSON.stringify({
    status: false,
    frontDoor: { host: '127.0.0.1', port: 0 },
    ...demoSwitch.config,
    backends: { demo: make(options, url) },
    // Deepgram opens by itself, word for word.
    profiles: { demo: { backend: 'demo', greeting: wire === 'deepgram' ? '' : GREETING } },
    limits: { calls: 2 },
  });
}

function isEmbedded(backend: DemoBackend): boolean {
  return backend.startsWith('embedded');
}

function wireOf(backend: DemoBackend): EmbeddedWire {
  if (backend === 'deepgram' || backend === 'embedded-deepgram') return 'deepgram';
  return backend === 'gemini' || backend === 'embedded-gemini' ? 'gemini' : 'openai';
}

function geminiBackend({ model, voice }: DemoCallOptions, url: string | null): object {
  return {
    kind: 'gemini',
    // The embedded one takes any name of a model of its kind.
    model: model ?? 'gemini-live',
    voice: voice ?? 'Puck',
    instructions: INSTRUCTIONS,
    turnDetection: { type: 'automatic', silenceDurationMs: 500 },
    ...(url === null ? {} : { url }),
  };
}

function openAiBackend({ backend, model, voice, spokenBy }: DemoCallOptions, baseUrl: string | null): object {
  return {
    kind: 'openai',
    model: model ?? 'gpt-realtime',
    ...(backend === 'openai' ? { voice: voice ?? 'marin', instructions: INSTRUCTIONS } : {}),
    ...(baseUrl === null ? {} : { baseUrl }),
    // Whole sentences, because the checks look for whole ones.
    ...(spokenBy === null ? {} : { speech: { engine: spokenBy, voice: AGENT_VOICE, earlyCharacters: 0 } }),
    transcriptionModel: 'gpt-4o-mini-transcribe',
    turnDetection: { type: 'server_vad', silenceDurationMs: 500 },
  };
}

function deepgramBackend({ model, voice }: DemoCallOptions, url: string | null): object {
  return {
    kind: 'deepgram',
    voice: voice ?? 'aura-2-thalia-en',
    ...(model === undefined ? {} : { model }),
    prompt: INSTRUCTIONS,
    greeting: FERRY_OFFICE.greeting.join(' '),
    ...(url === null ? {} : { url }),
  };
}

function demoEnvironment(options: DemoCallOptions, password: string): Record<string, string | undefined> {
  const { OPENAI_API_KEY, OPENAI_API_KEY_FILE, DEEPGRAM_API_KEY, DEEPGRAM_API_KEY_FILE } = process.env;
  const { GEMINI_API_KEY, GEMINI_API_KEY_FILE } = process.env;
  const { backend } = options;
  return {
    ...(backend === 'openai' ? { OPENAI_API_KEY, OPENAI_API_KEY_FILE } : {}),
    ...(backend === 'deepgram' ? { DEEPGRAM_API_KEY, DEEPGRAM_API_KEY_FILE } : {}),
    ...(backend === 'gemini' ? { GEMINI_API_KEY, GEMINI_API_KEY_FILE } : {}),
    ...(isEmbedded(backend) ? { TALKSPURT_BACKENDS__DEMO__API_KEY: 'embedded' } : {}),
    TALKSPURT_FRONT_DOOR__PASSWORD: password,
    TALKSPURT_SWITCHES__DEMO__PASSWORD: password,
  };
}
