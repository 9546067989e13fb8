/** The rows of the table of faults in which the host's own process goes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { askFrontDoor } from '../../../src/cli/ctl.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import { CountingAgent } from './counting-agent.ts';
import type { FaultRow } from './fault-rows.ts';
import { freePort, HostProcess } from './host-process.ts';
import { ListeningPhone } from './listening-phone.ts';

const CALLS = 50;
/** Calls that are started at the same moment. */
const AT_ONCE = 10;
const DRAIN_S = 2;
/** What a service manager waits before it starts a process again. */
const RESTART_MS = 300;
const PASSWORD = 'of-the-test';

interface Machine {
  readonly fs: SimulatedSwitch;
  readonly host: () => HostProcess;
  start(): Promise<void>;
  call(phone: ListeningPhone): Promise<string>;
  /** Gives a channel its voice. */
  voice(uuid: string): Promise<void>;
  status(path: string): Promise<string>;
}

/** SIGTERM with 50 calls, then `kill -9` with one. */
export async function processRows(): Promise<FaultRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-process-'));
  const agent = new CountingAgent();
  const fs = new SimulatedSwitch({ clock: new SystemClock(), password: 'pw' });
  await Promise.all([agent.listen(), fs.listen()]);
  const [doorPort, statusPort] = [await freePort(), await freePort()];
  const config = join(folder, 'talkspurt.json');
  writeFileSync(config, JSON.stringify(configOf({ agent, fs, doorPort, statusPort })));
  let host = new HostProcess(config);
  const status = async (path: string): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${statusPort}${path}`).catch(() => null);
    return answer === null ? '' : `${answer.status} ${await answer.text()}`;
  };
  const voice = async (uuid: string): Promise<void> => {
    const line = `uuid_audio_stream ${uuid} start p`;
    assert.match(await askFrontDoor({ host: '127.0.0.1', port: doorPort, password: PASSWORD, line }), /^\+OK/);
  };
  const ready = async (): Promise<boolean> => (await status('/readyz')).startsWith('200');
  const machine: Machine = {
    fs,
    host: () => host,
    status,
    start: async () => {
      if (!host.running) host = new HostProcess(config);
      await eventually(ready, 'the host is ready', 30_000);
    },
    call: async (phone) => {
      const { uuid } = fs.createCall({ phone });
      await voice(uuid);
      return uuid;
    },
    voice,
  };
  try {
    await machine.start();
    const rows = [await termRow(machine)];
    await machine.start();
    rows.push(await killRow(machine));
    return rows;
  } finally {
    if (host.running) await host.end('SIGKILL');
    await Promise.all([fs.close(), agent.close()]);
    rmSync(folder, { recursive: true });
  }
}

async function termRow({ fs, host, call, status }: Machine): Promise<FaultRow> {
  const phones = Array.from({ length: CALLS }, () => new ListeningPhone());
  const uuids: string[] = [];
  for (let from = 0; from < CALLS; from += AT_ONCE) {
    uuids.push(...(await Promise.all(phones.slice(from, from + AT_ONCE).map((phone) => call(phone)))));
  }
  await sleep(1_500);
  const health = new Set<string>();
  const watch = setInterval(
    () => void status('/readyz').then((said) => health.add(`/readyz ${said.slice(0, 3)}`)),
    100,
  );
  const tookMs = await host().end('SIGTERM');
  clearInterval(watch);
  assert.ok(
    uuids.every((uuid) => fs.channels.has(uuid)),
    'every channel is left to the switch',
  );
  const log = messages(host().said).filter((line) => /stop|drain/i.test(line));
  for (const uuid of uuids) fs.channels.get(uuid)?.hangup(16);
  return {
    fault: `SIGTERM with ${CALLS} calls, ${DRAIN_S} s to drain`,
    heard: phones[0]!.report(),
    remark: `all ${CALLS} channels are left to the switch, none hung up`,
    ...{ events: ['draining', 'call.ended', 'stopped'], log, metrics: [] },
    health: [...health].filter((word) => /\d{3}$/.test(word)),
    recoveredMs: tookMs,
  };
}

async function killRow({ fs, host, start, call, status }: Machine): Promise<FaultRow> {
  const phone = new ListeningPhone();
  const uuid = await call(phone);
  await sleep(2_000);
  const sinceMs = performance.now();
  await host().end('SIGKILL');
  await sleep(RESTART_MS);
  await start();
  assert.ok(fs.channels.has(uuid), 'the channel is still there');
  const fromMs = phone.heardMs;
  await eventually(() => Promise.resolve(phone.heardMs > fromMs + 200 && phone.hearsSince(100)), 'the agent is back');
  const recoveredMs = performance.now() - sinceMs;
  await sleep(1_500);
  const log = messages(host().said).filter((message) => /left|taken up|adopt/i.test(message));
  const health = [`/healthz ${(await status('/healthz')).slice(0, 3)}`];
  fs.channels.get(uuid)?.hangup(16);
  return {
    fault: `\`kill -9\` of the host, started again after ${RESTART_MS} ms`,
    heard: phone.report(),
    remark:
      'the channel stays on the switch, and the next process gives it its voice again by itself; what was said died with the process: the agent begins anew',
    ...{ events: ['link.up', 'ready'], log, health, metrics: [], recoveredMs },
  };
}

function messages(log: string): string[] {
  const lines = log.split('\n').filter((line) => line.startsWith('{'));
  return [...new Set(lines.map((line) => (JSON.parse(line) as { msg: string }).msg))];
}

async function eventually(done: () => Promise<boolean>, what: string, withinMs = 20_000): Promise<void> {
  const untilMs = performance.now() + withinMs;
  while (!(await done())) {
    assert.ok(performance.now() < untilMs, what);
    await sleep(50);
  }
}

function configOf(given: { agent: CountingAgent; fs: SimulatedSwitch; doorPort: number; statusPort: number }): object {
  const baseUrl = `ws://127.0.0.1:${given.agent.port}/good/v1`;
  return {
    log: { level: 'info', format: 'json' },
    status: { port: given.statusPort },
    frontDoor: { port: given.doorPort, password: PASSWORD },
    sip: false,
    drainSeconds: DRAIN_S,
    leaveSeconds: 0,
    switches: [{ name: 'fs', kind: 'freeswitch', port: given.fs.port, password: 'pw', media: { kind: 'unicast' } }],
    backends: { ai: { kind: 'openai', model: 'm', apiKey: 'of-the-test', baseUrl } },
    profiles: { p: { backend: 'ai', greeting: 'count', lieDetector: false } },
    limits: { calls: 60 },
    // A machine that is busy with other things is no fault of this table.
    overload: { lateTicksPct: 0, loopLagMs: 0, crowdedPct: 0 },
  };
}
