/**
 * How long a caller of a real Asterisk waits for a voice: from StasisStart to the first packet with the agent's greeting in
 * it, for each media path, one call after another; and what of it is whose.
 *
 *   TALKSPURT_BENCH_CALLS=50 npm run bench -- asterisk-setup
 *
 * The caller is a leg by RTP (µ-law) that is up. The agent is the embedded one: its server speaks the Realtime protocol over
 * a WebSocket of loopback and has its greeting ready. It is made to answer without time to think; the last row is the same
 * as it is configured, which thinks for a quarter of a second.
 *
 * *event*: from Asterisk's own time of StasisStart to its coming here, in whole ms. *ARI*: time with a request under way.
 * *media*: the rest of the time until the path is open. *connect*: to the backend, its session set up. *answer*: from the
 * request for a greeting to its first audio. *to wire*: from there to the first packet: what gathers first, lead-in, tick.
 * *total*: all of it. *heard*: until the phone hears a sound, which begins softly.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from '../src/core/clock.ts';
import type { TalkspurtEvent } from '../src/core/events.ts';
import { RealtimeServer } from '../src/simulator/realtime-server.ts';
import { SpeechSynthesizer } from '../src/simulator/speech.ts';
import { AsteriskPhone } from './asterisk-phone.ts';
import { AsteriskProcess, NO_ASTERISK, asteriskIsThere } from './asterisk-process.ts';
import { startBenchRuntime } from './asterisk-runtime.ts';
import type { MediaChoice, Watcher } from './asterisk-runtime.ts';
import { Samples } from './load/percentiles.ts';

const PATHS: readonly MediaChoice[] = [
  { title: 'rtp ulaw', kind: 'rtp', format: 'ulaw' },
  { title: 'rtp g722', kind: 'rtp', format: 'g722' },
  { title: 'audiosocket slin16', kind: 'audiosocket', format: 'slin16' },
  { title: 'websocket client slin16', kind: 'websocket', mode: 'client', format: 'slin16' },
  { title: 'websocket server slin16', kind: 'websocket', mode: 'server', format: 'slin16' },
];
const STEPS = ['event', 'ARI', 'media', 'connect', 'answer', 'to wire', 'total', 'heard'] as const;
const GOAL_MS = 250;
/** The first calls of a process find cold code. */
const WARM_UPS = 5;
const WITHIN_MS = 5_000;
const clock = new SystemClock();

type Step = (typeof STEPS)[number];
type Times = Record<Step, Samples>;

/** One call's progress; times of `performance.now()`. */
class SetUp {
  #stampedMs = Number.NaN;
  #receivedMs = Number.NaN;
  #openedMs = Number.NaN;
  #connectMs = 0;
  #audioMs = Number.NaN;
  #sentMs = Number.NaN;
  #requests = 0;
  #requestsSinceMs = 0;
  #ariMs = 0;
  heardMs = Number.NaN;

  get done(): boolean {
    return !Number.isNaN(this.heardMs) && !Number.isNaN(this.#sentMs);
  }

  stasisStart(timestamp: string): void {
    this.#receivedMs = performance.now();
    this.#stampedMs = this.#receivedMs - Math.max(0, Date.now() - Date.parse(timestamp));
  }

  /** Requests overlap: the time with at least one of them. What is asked once the path is open is in nobody's way. */
  request(): () => void {
    if (Number.isNaN(this.#receivedMs) || !Number.isNaN(this.#openedMs)) return () => undefined;
    if (this.#requests === 0) this.#requestsSinceMs = performance.now();
    this.#requests += 1;
    return () => {
      this.#requests -= 1;
      if (this.#requests === 0) this.#ariMs += performance.now() - this.#requestsSinceMs;
    };
  }

  emit(event: TalkspurtEvent): void {
    if (event.type === 'backend.opened') {
      this.#connectMs = event.connectMs;
      this.#openedMs = performance.now() - event.connectMs;
    }
  }

  agentAudio(): void {
    if (Number.isNaN(this.#audioMs)) this.#audioMs = performance.now();
  }

  sent(): void {
    if (Number.isNaN(this.#sentMs)) this.#sentMs = performance.now();
  }

  addTo(times: Times): void {
    times.event.add(this.#receivedMs - this.#stampedMs);
    times.ARI.add(this.#ariMs);
    times.media.add(this.#openedMs - this.#receivedMs - this.#ariMs);
    times.connect.add(this.#connectMs);
    times.answer.add(this.#audioMs - this.#openedMs - this.#connectMs);
    times['to wire'].add(this.#sentMs - this.#audioMs);
    times.total.add(this.#sentMs - this.#stampedMs);
    times.heard.add(this.heardMs - this.#stampedMs);
  }
}

/** Prints a row for each path. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  if (!asteriskIsThere()) {
    console.log(NO_ASTERISK);
    return;
  }
  const calls = small ? 1 : Number(process.env['TALKSPURT_BENCH_CALLS'] ?? 50);
  const speech = new SpeechSynthesizer();
  const server = new RealtimeServer({ clock, speech, thinkMs: 0 });
  await server.listen();
  await server.prepareSpeech();
  const asterisk = await AsteriskProcess.start();
  const counts: string[] = [];
  try {
    console.log(`${asterisk.version}, ${calls} calls each, one after another; ms, p50 (total also p99, most)`);
    console.log(`  ${''.padEnd(26)}${STEPS.map((step) => step.padStart(9)).join('')}   total p99    most  heard p99`);
    for (const media of PATHS) {
      const times = await measure(asterisk, media, calls, small, server.url);
      print(media.title, times);
      counts.push(`${media.title} ${times.total.count}`);
    }
    if (!small) print('rtp ulaw, with thinking', await measure(asterisk, PATHS[0]!, calls, small, undefined));
  } finally {
    await asterisk.stop();
    await server.close();
    await speech.close();
  }
  console.log(`hash of the counts: ${createHash('sha256').update(counts.join()).digest('hex').slice(0, 16)}`);
}

async function measure(
  asterisk: AsteriskProcess,
  media: MediaChoice,
  calls: number,
  small: boolean,
  backendUrl: string | undefined,
): Promise<Times> {
  const times = Object.fromEntries(STEPS.map((step) => [step, new Samples()])) as Times;
  let call = new SetUp();
  let id = '';
  const watch: Watcher = {
    onEvent: ({ type, timestamp, channel }) => {
      if (type === 'StasisStart' && (channel as { id: string }).id === id) call.stasisStart(String(timestamp));
    },
    onRequest: () => call.request(),
    onAgentAudio: () => call.agentAudio(),
    onSend: (_transport, _frame, startsTalkspurt) => {
      if (startsTalkspurt) call.sent();
    },
  };
  const runtime = await startBenchRuntime(
    {
      ports: asterisk.ports,
      media,
      calls: 2,
      greeting: 'Greet the caller.',
      sinks: [{ emit: (event) => call.emit(event) }],
      ...(backendUrl === undefined ? {} : { backendUrl }),
    },
    watch,
  );
  try {
    const warmUps = small ? 0 : WARM_UPS;
    for (let n = 0; n < warmUps + calls; n += 1) {
      call = new SetUp();
      id = `bench-${media.title.replaceAll(' ', '-')}-${n}`;
      await oneCall(asterisk, id, call);
      if (n >= warmUps) call.addTo(times);
    }
  } finally {
    await runtime.close();
  }
  return times;
}

async function oneCall(asterisk: AsteriskProcess, id: string, call: SetUp): Promise<void> {
  const phone = await AsteriskPhone.call(id, asterisk, 'talkspurt', {
    keen: true,
    onTurn: () => false,
    onLoud: () => {
      if (Number.isNaN(call.heardMs)) call.heardMs = performance.now();
    },
  });
  const untilMs = performance.now() + WITHIN_MS;
  while (!call.done && performance.now() < untilMs) await sleep(10);
  await phone.hangup();
  await asterisk.quiet();
  if (!call.done) throw new Error('the phone heard no greeting');
}

function print(title: string, times: Times): void {
  const medians = STEPS.map((step) => times[step].at(0.5).toFixed(1).padStart(9)).join('');
  const tail = [times.total.at(0.99), times.total.at(1), times.heard.at(0.99)];
  const verdict = times.total.at(0.99) <= GOAL_MS ? '' : `  over ${GOAL_MS}`;
  console.log(`  ${title.padEnd(26)}${medians}${tail.map((ms) => ms.toFixed(1).padStart(11)).join('')}${verdict}`);
}
