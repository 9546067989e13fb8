/**
 * The round trip of a command through the front door, as a stock Event Socket client has it: one that is answered in the
 * gateway (`uuid_audio_stream <uuid> health`) and one that is passed on to the switch (`status`), against asking the
 * simulated switch itself, all in the same run. Gateway, switch and the asking client are a process each; a client sends a
 * command when it has the reply to the one before. A call is up meanwhile.
 *
 *   TALKSPURT_BENCH_COMMANDS=5000 npm run bench -- front-door
 *
 * Rounds of the three take turns, so that all of them meet the same machine. *a second*: by all clients together.
 */
import { createHash } from 'node:crypto';
import { EslCaller } from './load/esl-caller.ts';
import { LoadProcess } from './load/load-protocol.ts';
import { Samples } from './load/percentiles.ts';
import { BENCH_PASSWORD } from './load/switch-protocol.ts';
import type { GatewayHostOptions, GatewayPorts } from './load/switch-protocol.ts';

const HOST = '127.0.0.1';
const CLIENTS = [1, 16] as const;
/** Commands of one client before another way has its turn. */
const ROUND = 100;

/** One way to ask. */
interface Way {
  readonly name: string;
  readonly port: number;
  readonly line: string;
  /** What every reply has to have in it. */
  readonly expected: string;
}

interface Taken {
  readonly samples: Samples;
  busyMs: number;
}

/** Prints a table. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const commands = small ? 64 : Number(process.env['TALKSPURT_BENCH_COMMANDS'] ?? 5_000);
  const echo = LoadProcess.start('echo-backend.ts');
  const simulated = LoadProcess.start('switch-host.ts');
  const [backendPort, switchPort] = await Promise.all([echo.next<number>('port'), simulated.next<number>('port')]);
  const options: GatewayHostOptions = {
    backendPort,
    switchHost: HOST,
    switchPort,
    switchPassword: BENCH_PASSWORD,
    media: 'unicast',
    calls: 1,
    greeting: '',
  };
  const gateway = LoadProcess.start('gateway-host.ts', options);
  try {
    const { frontDoorPort } = await gateway.next<GatewayPorts>('ready');
    const created = simulated.next<string[]>('created');
    simulated.tell({ create: 1 });
    const [uuid = ''] = await created;
    const opened = gateway.next('opened');
    gateway.tell({ start: [uuid] });
    await opened;
    const health = `uuid_audio_stream ${uuid} health`;
    const ways: Way[] = [
      { name: 'switch itself: status', port: switchPort, line: 'status', expected: 'session(s)' },
      { name: 'front door: health', port: frontDoorPort, line: health, expected: '"TALKING"' },
      { name: 'front door: status', port: frontDoorPort, line: 'status', expected: 'session(s)' },
    ];
    console.log(`front door: ${commands} commands of each kind, ms`);
    console.log('  clients  command                     p50     p99    p50 / switch   p99 / switch   a second');
    let replies = '';
    for (const clients of CLIENTS) replies = await compare(ways, clients, commands, small);
    console.log(
      `  hash of one reply without its digits: ${createHash('sha256').update(replies).digest('hex').slice(0, 16)}`,
    );
  } finally {
    await gateway.stop();
    await Promise.all([simulated.stop(), echo.stop()]);
  }
}

/** Resolves to the last reply of the switch, its figures taken out. */
async function compare(ways: readonly Way[], clients: number, commands: number, small: boolean): Promise<string> {
  const callers: EslCaller[][] = [];
  const taken = ways.map((): Taken => ({ samples: new Samples(), busyMs: 0 }));
  let last = '';
  try {
    for (const { port } of ways) {
      callers.push(
        await Promise.all(Array.from({ length: clients }, () => EslCaller.open(HOST, port, BENCH_PASSWORD))),
      );
    }
    const round = Math.min(ROUND, Math.ceil(commands / clients));
    const warmUps = small ? 1 : Math.ceil(1_000 / (round * clients));
    const rounds = warmUps + Math.ceil(commands / (round * clients));
    for (let n = 0; n < rounds; n += 1) {
      for (const [index, way] of ways.entries()) {
        const into = n < warmUps ? null : (taken[index] ?? null);
        const beganMs = performance.now();
        const replies = await Promise.all((callers[index] ?? []).map((caller) => ask(caller, way, round, into)));
        if (into !== null) into.busyMs += performance.now() - beganMs;
        if (index === 0) last = (replies[0] ?? '').replaceAll(/\d+(?:\.\d+)?/g, '');
      }
    }
  } finally {
    for (const caller of callers.flat()) caller.close();
  }
  print(ways, taken, clients);
  return last;
}

async function ask(caller: EslCaller, way: Way, count: number, into: Taken | null): Promise<string> {
  let reply = '';
  for (let n = 0; n < count; n += 1) {
    const sentMs = performance.now();
    reply = await caller.api(way.line);
    into?.samples.add(performance.now() - sentMs);
    if (!reply.includes(way.expected)) throw new Error(`${way.name}: an answer without ${way.expected}`);
  }
  return reply;
}

function print(ways: readonly Way[], taken: readonly Taken[], clients: number): void {
  const [direct] = taken;
  if (direct === undefined) return;
  const ratio = (of: Taken, share: number): string => (of.samples.at(share) / direct.samples.at(share)).toFixed(2);
  for (const [index, way] of ways.entries()) {
    const each = taken[index];
    if (each === undefined) continue;
    const perSecond = (1000 * each.samples.count) / each.busyMs;
    console.log(
      [
        String(clients).padStart(9),
        `  ${way.name.padEnd(23)}`,
        each.samples.at(0.5).toFixed(3).padStart(8),
        each.samples.at(0.99).toFixed(3).padStart(8),
        ratio(each, 0.5).padStart(15),
        ratio(each, 0.99).padStart(15),
        perSecond.toFixed(0).padStart(11),
      ].join(''),
    );
  }
}
