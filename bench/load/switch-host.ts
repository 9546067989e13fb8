/**
 * A simulated FreeSWITCH with its phones, in a process of its own. Told `{ create }` it puts that many calls on the switch
 * and says their UUIDs; `{ talk }` makes calls whose phones speak instead of counting; told `{ ring }` one more, whose first sound it reports as `{ heard, atMs }`; `{ hangup }` ends that
 * one and has `{ soundMs }` said: how much sound its phone has heard.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { SimulatedPhone } from '../../src/simulator/phone.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import { LatenessClock } from './lateness-clock.ts';
import { NumberedPhone, phoneCounts } from './numbered-phone.ts';
import { TalkingPhone, prepareTalk } from './talking-phone.ts';
import { BENCH_PASSWORD, sharedNowMs } from './switch-protocol.ts';
import type { SwitchReport } from './switch-protocol.ts';

const clock = new LatenessClock();
const simulated = new SimulatedSwitch({ clock, password: BENCH_PASSWORD });
const counts = phoneCounts();
let lastCpu = process.cpuUsage();
const PTIME_MS = 20;
const SOUND_ABOVE = 256;
const waiting = new Map<string, WaitingPhone>();

/** Silent itself; tells when it hears something for the first time, and keeps how much it has heard. */
class WaitingPhone implements SimulatedPhone {
  readonly hungUp = false;
  readonly #onSound: () => void;
  soundMs = 0;

  constructor(onSound: () => void) {
    this.#onSound = onSound;
  }

  speak(frame: Int16Array): boolean {
    frame.fill(0);
    return true;
  }

  hear(frame: Int16Array | null): void {
    if (frame === null || frame.every((sample) => Math.abs(sample) < SOUND_ABOVE)) return;
    if (this.soundMs === 0) this.#onSound();
    this.soundMs += PTIME_MS;
  }

  takeDigits(): string {
    return '';
  }

  onHangup(): void {
    // Nothing more comes.
  }
}

function create(count: number): void {
  const created = Array.from({ length: count }, () => {
    return simulated.createCall({ phone: new NumberedPhone(counts) }).uuid;
  });
  process.send?.({ created });
}

let talk: Int16Array | null = null;

function createTalking(count: number): void {
  const said = (talk ??= prepareTalk());
  const created = Array.from({ length: count }, () => {
    const offset = Math.floor(Math.random() * said.length);
    return simulated.createCall({ phone: new TalkingPhone(said, offset) }).uuid;
  });
  process.send?.({ created });
}

function ring(): void {
  const uuid = randomUUID();
  const phone = new WaitingPhone(() => process.send?.({ heard: uuid, atMs: sharedNowMs() }));
  waiting.set(uuid, phone);
  simulated.createCall({ uuid, phone });
  process.send?.({ ringing: uuid });
}

function hangup(uuid: string): void {
  simulated.channels.get(uuid)?.hangup(16);
  process.send?.({ soundMs: waiting.get(uuid)?.soundMs ?? 0 });
  waiting.delete(uuid);
}

function report(): SwitchReport {
  const cpu = process.cpuUsage(lastCpu);
  lastCpu = process.cpuUsage();
  const { delays, said, echoed, altered, repeated } = counts;
  const at = (share: number): number => {
    let seen = 0;
    let ms = 0;
    while (ms < delays.length - 1 && (seen += delays[ms] ?? 0) < echoed * share) ms += 1;
    return ms;
  };
  const result: SwitchReport = {
    calls: simulated.channels.size,
    said,
    echoed,
    altered,
    repeated,
    delayP50Ms: at(0.5),
    delayP99Ms: at(0.99),
    timers: clock.take(),
    cpuMs: (cpu.user + cpu.system) / 1000,
    hash: createHash('sha256').update(firstFrame()).digest('hex').slice(0, 16),
  };
  counts.said = counts.echoed = counts.altered = counts.repeated = 0;
  delays.fill(0);
  return result;
}

/** What every phone says first. */
function firstFrame(): Int16Array {
  const frame = new Int16Array(160);
  new NumberedPhone(phoneCounts()).speak(frame);
  return frame;
}

async function stop(): Promise<void> {
  await simulated.close();
  process.exit(0);
}

interface Order {
  readonly create?: number;
  readonly talk?: number;
  readonly ring?: true;
  readonly hangup?: string;
  readonly ask?: 'report' | 'stop';
}

process.on('message', (order: Order) => {
  if (order.create !== undefined) create(order.create);
  else if (order.talk !== undefined) createTalking(order.talk);
  else if (order.ring === true) ring();
  else if (order.hangup !== undefined) hangup(order.hangup);
  else if (order.ask === 'report') process.send?.({ report: report() });
  else void stop();
});
process.on('disconnect', () => process.exit(0));
await simulated.listen();
process.send?.({ port: simulated.port });
