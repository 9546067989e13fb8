/** The row of the table of faults in which a real Asterisk's ARI connection is cut, by what stands between the two. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../src/config.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import type { TalkspurtEvent } from '../../../src/core/events.ts';
import { startRuntime } from '../../../src/gateway-from-config.ts';
import { asteriskIsThere, startAsterisk } from '../asterisk/running-asterisk.ts';
import { callIn, samplesOf, until } from '../asterisk/stasis-rig.ts';
import { required } from '../required.ts';
import { CountingAgent } from './counting-agent.ts';
import type { FaultRow } from './fault-rows.ts';
import { ListeningPhone } from './listening-phone.ts';

const BEFORE_MS = 3_000;
const AFTER_MS = 3_500;
const FRAME = 160;

/** Passes bytes on, until it is told to cut everybody off. */
class CutCable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => other.destroy());
        socket.once('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that were cut. */
  cut(): number {
    const cut = this.#sockets.size;
    for (const socket of this.#sockets) socket.destroy();
    return cut;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** None where no Asterisk is installed. */
export async function asteriskRows(): Promise<FaultRow[]> {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return [];
  const agent = new CountingAgent();
  await agent.listen();
  const pbx = await startAsterisk();
  const cable = new CutCable(pbx.httpPort);
  const events: TalkspurtEvent[] = [];
  const config = loadConfig({ text: JSON.stringify(configOf(await cable.listen(), agent.port)), env: {} });
  const sinks = [{ emit: (event: TalkspurtEvent): void => void events.push(event) }];
  const runtime = await startRuntime(config, { clock: new SystemClock(), sinks, quiet: true });
  const metricsOf = async (): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${runtime.statusPort}/metrics`)).text();
  try {
    await until(() => runtime.gateway.notReady().length === 0, 'the link is up');
    const name = `cut-${process.pid}`;
    const id = await callIn(pbx, `rec-${name}`);
    await until(() => runtime.gateway.session(id)?.state === 'talking', 'the call talks');
    await sleep(BEFORE_MS);
    const since = events.length;
    const cutMs = performance.now();
    assert.ok(cable.cut() > 0, 'there was something to cut');
    const is = (type: TalkspurtEvent['type']): boolean => events.slice(since).some((event) => event.type === type);
    await until(() => is('link.up'), 'the link is back');
    const recoveredMs = performance.now() - cutMs;
    await sleep(AFTER_MS);
    assert.is(runtime.gateway.session(id)?.state, 'talking', 'the call goes on');
    const health = await runtime.gateway.command(`uuid_audio_stream ${id} health`);
    // The switch tells us again what becomes of the call.
    await pbx.ari('DELETE', `channels/${id}`);
    await until(() => runtime.gateway.callCount === 0, 'the call is over');
    const seen = events.slice(since).filter(({ type }) => /^(link|call\.ended|call\.state)/.test(type));
    const metrics = (await metricsOf()).split('\n').filter((line) => /^talkspurt_link_downs_total.* [1-9]/.test(line));
    await sleep(500);
    return [
      {
        fault: 'ARI connection cut (a real Asterisk)',
        heard: heardIn(pbx.recording(name, 'wav')),
        remark: 'the call goes on, and its hang-up is told by the new connection',
        events: [...new Set(seen.map(({ type }) => type))].filter((type) => type !== 'call.state'),
        log: [],
        health: [(JSON.parse(health) as { state: string }).state],
        metrics: metrics.map((line) => line.replace(/[{ ].*$/, '')),
        recoveredMs,
      },
    ];
  } finally {
    await runtime.close();
    await cable.close();
    await Promise.all([pbx.stop(), agent.close()]);
  }
}

/** What the telephone at the other end of the call has recorded. */
function heardIn(wav: Buffer): NonNullable<FaultRow['heard']> {
  const { samples, rateHz } = samplesOf(wav);
  assert.is(rateHz, 8_000);
  const phone = new ListeningPhone();
  for (let at = 0; at + FRAME <= samples.length; at += FRAME) phone.hear(samples.subarray(at, at + FRAME));
  return phone.report();
}

function configOf(ariPort: number, agentPort: number): object {
  const from = 33_000 + (process.pid % 200) * 20;
  const baseUrl = `ws://127.0.0.1:${agentPort}/good/v1`;
  return {
    status: { port: 0 },
    ...{ frontDoor: false, sip: false },
    switches: [
      {
        ...{ name: 'pbx', kind: 'asterisk', port: ariPort, username: 'test', password: 'test' },
        media: { kind: 'rtp', format: 'ulaw', ports: { from, to: from + 19 } },
      },
    ],
    backends: { ai: { kind: 'openai', model: 'm', apiKey: 'of-the-test', baseUrl } },
    profiles: { agent: { backend: 'ai', greeting: 'count', lieDetector: false } },
    limits: { calls: 4 },
    // A machine that is busy with other things is no fault of this table.
    overload: { lateTicksPct: 0, loopLagMs: 0, crowdedPct: 0 },
  };
}
