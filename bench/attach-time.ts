/**
 * How long a caller waits for a voice: from the command `uuid_audio_stream <uuid> start` at the front door to its `+OK`, and
 * to the first agent frame that the caller's phone hears; over unicast and over a SIP leg. The agent opens the call with a
 * tone that its server has ready, so nobody's synthesis is in the figures; the server's handshake on loopback is.
 *
 *   TALKSPURT_BENCH_CALLS=50 npm run bench -- attach-time
 *   TALKSPURT_BENCH_FREESWITCH=127.0.0.1:8021:password npm run bench -- attach-time     a real switch instead
 *
 * *cut off*: of the tone, what the phone never heard, ms.
 * A real switch is sent to a phone of this bench by `originate … sofia/internal/…`; another profile:
 * TALKSPURT_BENCH_PROFILE. Phone, switch, gateway and server are processes of their own; what a phone hears comes on a grid
 * of 20 ms, and calls begin at random against it.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { EslCaller } from './load/esl-caller.ts';
import { LoadProcess } from './load/load-protocol.ts';
import { Samples } from './load/percentiles.ts';
import { RealSwitch } from './load/real-switch.ts';
import { BENCH_PASSWORD, sharedNowMs } from './load/switch-protocol.ts';
import type { GatewayHostOptions, GatewayPorts } from './load/switch-protocol.ts';

/** A switch that can be had a new call from. */
interface CallSource {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** A call that is up and parked; its phone is silent. */
  ring(): Promise<string>;
  /** When the call's phone first heard something; rejects when it does not within a while. */
  heardMs(uuid: string): Promise<number>;
  /** Ends it; resolves to how much sound its phone has heard, ms. */
  hangup(uuid: string): Promise<number>;
  close(): Promise<void>;
}

interface Plan {
  readonly backendPort: number;
  readonly calls: number;
  readonly warmUps: number;
}

interface Times {
  readonly ok: Samples;
  readonly heard: Samples;
  readonly cut: Samples;
}

/** From the call's being up to the command, ms, and as much again at random. */
const SETTLE_MS = 150;
/** Calls that come before those that count: the first of a process finds cold code. */
const WARM_UPS = 3;
const GREETING_MS = 500;
const HEARD_WITHIN_MS = 5_000;

/** Prints a table. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const calls = small ? 1 : Number(process.env['TALKSPURT_BENCH_CALLS'] ?? 50);
  const real = process.env['TALKSPURT_BENCH_FREESWITCH'];
  const source = real === undefined || small ? await simulatedSource() : await RealSwitch.open(real, HEARD_WITHIN_MS);
  const backend = LoadProcess.start('greeting-backend.ts');
  try {
    const backendPort = await backend.next<number>('port');
    const plan: Plan = { backendPort, calls, warmUps: small ? 0 : WARM_UPS };
    const unicast = await measure('unicast', source, plan);
    const sip = await measure('sip', source, plan);
    print(source.name, calls, { unicast, sip });
  } finally {
    await source.close();
    await backend.stop();
  }
}

async function measure(
  media: GatewayHostOptions['media'],
  source: CallSource,
  { backendPort, calls, warmUps }: Plan,
): Promise<Times> {
  const options: GatewayHostOptions = {
    backendPort,
    switchHost: source.host,
    switchPort: source.port,
    switchPassword: source.password,
    media,
    calls: 4,
    greeting: 'Say hello.',
  };
  const times: Times = { ok: new Samples(), heard: new Samples(), cut: new Samples() };
  const gateway = LoadProcess.start('gateway-host.ts', options);
  let operator: EslCaller | null = null;
  try {
    const { frontDoorPort } = await gateway.next<GatewayPorts>('ready');
    operator = await EslCaller.open('127.0.0.1', frontDoorPort, BENCH_PASSWORD);
    for (let n = 0; n < warmUps + calls; n += 1) await attachOnce(operator, source, n < warmUps ? null : times);
  } finally {
    operator?.close();
    await gateway.stop();
  }
  return times;
}

async function attachOnce(operator: EslCaller, source: CallSource, into: Times | null): Promise<void> {
  const uuid = await source.ring();
  await sleep(SETTLE_MS + Math.random() * SETTLE_MS);
  const heard = source.heardMs(uuid);
  heard.catch(() => undefined);
  const sentMs = sharedNowMs();
  const reply = await operator.api(`uuid_audio_stream ${uuid} start bench`);
  const okMs = sharedNowMs() - sentMs;
  if (!reply.startsWith('+OK')) throw new Error(`start: ${reply.trim()}`);
  const heardMs = (await heard) - sentMs;
  into?.ok.add(okMs);
  into?.heard.add(heardMs);
  // To its end, and what a switch has in its buffers.
  await sleep(1.5 * GREETING_MS);
  into?.cut.add(GREETING_MS - (await source.hangup(uuid)));
}

async function simulatedSource(): Promise<CallSource> {
  const heard = new Map<string, (atMs: number) => void>();
  const simulated = LoadProcess.start('switch-host.ts', undefined, ({ heard: uuid, atMs }) => {
    heard.get(String(uuid))?.(Number(atMs));
    heard.delete(String(uuid));
  });
  const port = await simulated.next<number>('port');
  return {
    name: 'simulated switch',
    host: '127.0.0.1',
    port,
    password: BENCH_PASSWORD,
    ring: async () => {
      const ringing = simulated.next<string>('ringing');
      simulated.tell({ ring: true });
      return await ringing;
    },
    heardMs: (uuid) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('the phone heard nothing')), HEARD_WITHIN_MS);
        heard.set(uuid, (atMs) => {
          clearTimeout(timer);
          resolve(atMs);
        });
      }),
    hangup: async (uuid) => {
      const soundMs = simulated.next<number>('soundMs');
      simulated.tell({ hangup: uuid });
      return await soundMs;
    },
    close: () => simulated.stop(),
  };
}

function print(name: string, calls: number, paths: Readonly<Record<string, Times>>): void {
  console.log(`attach time: ${name}, ${calls} calls each, ms`);
  console.log('  path       command → +OK  p50     p99   command → heard  p50     p99   cut off p50   most');
  for (const [path, { ok, heard, cut }] of Object.entries(paths)) {
    const figures = [ok.at(0.5), ok.at(0.99)].map((ms, n) => ms.toFixed(1).padStart(n === 0 ? 19 : 8)).join('');
    const more = [heard.at(0.5), heard.at(0.99)].map((ms, n) => ms.toFixed(1).padStart(n === 0 ? 22 : 8)).join('');
    console.log(
      `  ${path.padEnd(8)}${figures}${more}${String(cut.at(0.5)).padStart(14)}${String(cut.at(1)).padStart(7)}`,
    );
  }
  const counted = Object.entries(paths).map(([path, { ok, heard }]) => `${path} ${ok.count} ${heard.count}`);
  console.log(`  hash of the counts: ${createHash('sha256').update(counted.join('\n')).digest('hex').slice(0, 16)}`);
}
