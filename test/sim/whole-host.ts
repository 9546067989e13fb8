/** The whole host as a configuration makes it, with a simulated switch and a server on real sockets of loopback. */
import * as assert from 'uvu/assert';
import { askFrontDoor } from '../../src/cli/ctl.ts';
import { loadConfig } from '../../src/config.ts';
import { SystemClock } from '../../src/core/clock.ts';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { startRuntime } from '../../src/gateway-from-config.ts';
import type { Runtime } from '../../src/gateway-from-config.ts';
import type { ModuleKind } from '../../src/simulator/module-stream.ts';
import type { SimulatedPhone } from '../../src/simulator/phone.ts';
import { assertNothingHeld, isNothingHeld } from './nothing-held.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';

/** A phone that sends one level all the time and keeps the last frame that it heard. */
export class LevelPhone implements SimulatedPhone {
  level = 0;
  heard: Int16Array | null = null;
  heardFrames = 0;
  hungUp = false;
  hangupCause: number | null = null;

  speak(frame: Int16Array): boolean {
    frame.fill(this.level);
    return true;
  }

  hear(frame: Int16Array | null): void {
    if (frame === null) return;
    this.heard = frame.slice();
    this.heardFrames += 1;
  }

  takeDigits(): string {
    return '';
  }

  onHangup(hangupCause: number): void {
    this.hangupCause = hangupCause;
  }
}

export interface WholeHost {
  readonly fs: SimulatedSwitch;
  readonly runtime: Runtime;
  readonly events: TalkspurtEvent[];
  /** A line at the front door. */
  ask(line: string): Promise<string>;
  settle(until: () => boolean, what?: string): Promise<void>;
}

const clock = new SystemClock();

/** Runs `run` with a host; afterwards the switch lives, no call is left and no socket is open that was not before. */
export async function withWholeHost(
  given: { switch?: object; config?: object; module?: ModuleKind },
  run: (host: WholeHost) => Promise<void>,
): Promise<void> {
  await pause(50);
  const before = networkHandles();
  const fs = new SimulatedSwitch({
    clock,
    password: 'pw',
    ...(given.module === undefined ? {} : { module: given.module }),
  });
  await fs.listen();
  const events: TalkspurtEvent[] = [];
  const config = loadConfig({
    text: JSON.stringify({
      status: false,
      frontDoor: { port: 0, password: 'door' },
      sip: { port: 0 },
      switches: [{ name: 'fs', kind: 'freeswitch', port: fs.port, password: 'pw', ...given.switch }],
      backends: { ai: { kind: 'embedded' } },
      profiles: { p: { backend: 'ai' } },
      limits: { calls: 4 },
      ...given.config,
    }),
    env: {},
  });
  const runtime = await startRuntime(config, { clock, quiet: true, sinks: [{ emit: (event) => events.push(event) }] });
  try {
    await run({
      fs,
      runtime,
      events,
      ask: (line) => askFrontDoor({ host: '127.0.0.1', port: runtime.frontDoorPort ?? 0, password: 'door', line }),
      settle,
    });
    assert.is(fs.crashed, null, 'the switch lives');
    assert.is(runtime.gateway.callCount, 0, 'no call is left');
    // Goodbyes may be under way; and what is to be said to a switch whose link is down is held until it is back.
    if (runtime.gateway.notReady().length === 0) {
      await settle(() => isNothingHeld(runtime.gateway), 'nothing is held');
      assertNothingHeld(runtime.gateway);
    }
  } finally {
    await runtime.close();
    await fs.close();
  }
  await settle(() => networkHandles() <= before, 'every socket is closed');
}

async function settle(until: () => boolean, what = 'settled'): Promise<void> {
  const untilMs = clock.nowMs() + 8_000;
  while (!until() && clock.nowMs() < untilMs) await pause(20);
  assert.ok(until(), what);
}

async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => clock.after(ms, resolve));
}

/** Sockets and servers that keep the process up. */
function networkHandles(): number {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|UDP/.test(kind)).length;
}
