/**
 * Runs the demo's call over real sockets: simulated switch and caller on one side, a backend on the other, and between them
 * the gateway as `talkspurt serve` would run it, told to start by a command at its front door.
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
import { RealtimeServer } from '../../simulator/realtime-server.ts';
import { SimulatedSwitch } from '../../simulator/simulated-switch.ts';
import type { SpeechSynthesizer } from '../../simulator/speech.ts';
import { askFrontDoor } from '../ctl.ts';

/** What the call is made of, and who is shown what happens in it. */
export interface DemoCallOptions {
  readonly clock: Clock;
  readonly speech: SpeechSynthesizer;
  readonly hearing: Hearing | null;
  readonly script: readonly CallerStep[];
  /** `embedded`, or `openai` with the key of the environment. */
  readonly backend: 'embedded' | 'openai';
  readonly model: string;
  readonly voice: string;
  onEvent(event: TalkspurtEvent): void;
  /** About ten times a second, with the call's counters. */
  onTick(snapshot: SessionSnapshot): void;
  onStep(line: string): void;
}

/** What is left of the call. */
export interface DemoCallResult {
  readonly events: readonly TalkspurtEvent[];
  /** The clock's time of the recording's first sample, ms. */
  readonly originMs: number;
  readonly recording: CallerRecording;
  readonly snapshot: SessionSnapshot;
  readonly cpuMs: number;
}

const GREETING = 'Greet the caller in one or two short sentences and ask how you can help.';
const INSTRUCTIONS =
  'You work at a ferry office and speak on the telephone. Be friendly. Answer questions about departures at some length.';
const TICK_MS = 100;
/** The whole call; a script that hangs ends here. */
const CALL_LIMIT_MS = 180_000;

/** Runs one call to its end and frees everything. @throws what setting it up throws; ERR_TALKSPURT_SWITCH_COMMAND when it cannot be started */
export async function runDemoCall(options: DemoCallOptions): Promise<DemoCallResult> {
  const { clock, speech, hearing } = options;
  const password = randomBytes(12).toString('hex');
  const closers: (() => Promise<void>)[] = [];
  try {
    const phoneSwitch = new SimulatedSwitch({ clock, password });
    await phoneSwitch.listen();
    closers.push(() => phoneSwitch.close());
    options.onStep(`a FreeSWITCH-style switch listens on 127.0.0.1:${phoneSwitch.port}`);

    let baseUrl: string | null = null;
    if (options.backend === 'embedded') {
      const server = new RealtimeServer({ clock, speech, hearing });
      await server.listen();
      closers.push(() => server.close());
      baseUrl = server.url;
      const ears = hearing === null ? 'takes turns by voice activity' : 'understands the caller with PocketSphinx';
      options.onStep(`an OpenAI-Realtime-style backend listens on ${server.url} and ${ears}`);
    }

    const events: TalkspurtEvent[] = [];
    const sink = {
      emit(event: TalkspurtEvent): void {
        events.push(event);
        options.onEvent(event);
      },
    };
    const config = loadConfig({
      text: configText(options, phoneSwitch.port, baseUrl),
      env: demoEnvironment(options, password),
    });
    const runtime = await startRuntime(config, { clock, sinks: [sink], quiet: true });
    closers.push(() => runtime.close());
    options.onStep(`talkspurt is attached; its front door is 127.0.0.1:${runtime.frontDoorPort ?? 0}`);

    const caller = new SimulatedCaller({ script: options.script });
    const phone = new FirstFrame(caller, clock);
    const channel = phoneSwitch.createCall({ phone, codec: 'PCMU', from: '1001', to: '5000' });
    const line = `uuid_audio_stream ${channel.uuid} start demo`;
    options.onStep(`fs_cli> ${line.replace(channel.uuid, `${channel.uuid.slice(0, 8)}…`)}`);
    const cpuBefore = process.cpuUsage();
    const reply = await askFrontDoor({ host: '127.0.0.1', port: runtime.frontDoorPort ?? 0, password, line });
    options.onStep(reply.trim());
    if (!reply.startsWith('+OK'))
      throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', `the call could not be started: ${reply.trim()}`);

    const session = runtime.gateway.session(channel.uuid);
    if (session === undefined)
      throw new TalkspurtError('ERR_TALKSPURT_NOT_RUNNING', 'the call ended as soon as it had begun');
    let snapshot = session.snapshot();
    const watch = clock.every(TICK_MS, () => {
      snapshot = session.snapshot();
      options.onTick(snapshot);
    });
    let limit: Timer | undefined;
    const tooLong = new Promise<void>((resolve) => {
      limit = clock.after(CALL_LIMIT_MS, () => {
        channel.hangup(16);
        resolve();
      });
    });
    await Promise.race([session.ended, tooLong]);
    await session.ended;
    watch.cancel();
    limit?.cancel();
    const cpu = process.cpuUsage(cpuBefore);
    return {
      events,
      originMs: phone.firstMs,
      recording: caller.recording(),
      snapshot: session.snapshot(),
      cpuMs: (cpu.user + cpu.system) / 1000,
    };
  } finally {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  }
}

/** The caller, and when its time line began on the clock of the events. */
class FirstFrame {
  readonly #caller: SimulatedCaller;
  readonly #clock: Clock;
  firstMs = Number.NaN;

  constructor(caller: SimulatedCaller, clock: Clock) {
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
function configText(options: DemoCallOptions, switchPort: number, baseUrl: string | null): string {
  const backend = {
    kind: 'openai',
    model: options.model,
    ...(options.backend === 'openai' ? { voice: options.voice, instructions: INSTRUCTIONS } : {}),
    ...(baseUrl === null ? {} : { baseUrl }),
    transcriptionModel: 'gpt-4o-mini-transcribe',
    turnDetection: { type: 'server_vad', silenceDurationMs: 500 },
  };
  return JSON.stringify({
    status: false,
    frontDoor: { host: '127.0.0.1', port: 0 },
    sip: { port: 0 },
    switches: [{ name: 'demo', kind: 'freeswitch', host: '127.0.0.1', port: switchPort }],
    backends: { demo: backend },
    profiles: { demo: { backend: 'demo', greeting: GREETING } },
    limits: { calls: 2 },
  });
}

function demoEnvironment(options: DemoCallOptions, password: string): Record<string, string | undefined> {
  const { OPENAI_API_KEY, OPENAI_API_KEY_FILE } = process.env;
  return {
    ...(options.backend === 'openai'
      ? { OPENAI_API_KEY, OPENAI_API_KEY_FILE }
      : { TALKSPURT_BACKENDS__DEMO__API_KEY: 'embedded' }),
    TALKSPURT_FRONT_DOOR__PASSWORD: password,
    TALKSPURT_SWITCHES__DEMO__PASSWORD: password,
  };
}
