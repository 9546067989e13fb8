/** The rows of the table of faults that share one host: each fault is injected, and what came of it is measured. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/core/clock.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import type { FaultCall, FaultHost } from './fault-host.ts';
import { inBadNetwork } from './fault-host.ts';
import type { Heard } from './listening-phone.ts';

/** One row. */
export interface FaultRow {
  readonly fault: string;
  /** Null: nobody is on the line. */
  readonly heard: Heard | null;
  /** What else there is to say of it; empty: nothing. */
  readonly remark: string;
  readonly events: readonly string[];
  /** The messages of the log, `warn` and above. */
  readonly log: readonly string[];
  readonly health: readonly string[];
  readonly metrics: readonly string[];
  /** From the fault until the agent is heard, or calls can be taken, again, ms; null: it was not gone. */
  readonly recoveredMs: number | null;
}

/** Longer than the first part of what the way of a backend costs. */
const TALK_MS = 9_000;
const WEATHER_MS = 6_000;
const WARM_UP_MS = 1_500;
const QUIET = /^(call\.state|turn\.state|speech|turn\.response|transcript|media\.opened|backend\.opened|command)/;

/** What was seen of one call while it lasted. */
class Watched {
  readonly call: FaultCall;
  readonly health = new Set<string>();
  readonly #host: FaultHost;
  readonly #timer: NodeJS.Timeout;

  constructor(host: FaultHost, call: FaultCall) {
    this.#host = host;
    this.call = call;
    this.#timer = setInterval(() => void this.#look(), 100);
  }

  async row(
    fault: string,
    given: {
      remark?: string;
      recoveredMs?: number | null;
      backend?: string;
      metrics?: RegExp;
      extra?: readonly string[];
    },
  ): Promise<FaultRow> {
    clearInterval(this.#timer);
    const { backend, remark = '', recoveredMs = null, extra = [] } = given;
    const pattern = given.metrics ?? (backend === undefined ? null : new RegExp(`backend="${backend}"`));
    const names = pattern === null ? [] : nonZero(await this.#host.metrics(), pattern);
    const events = this.#host.eventsOf(this.call).filter(({ type }) => !QUIET.test(type));
    return {
      ...{ fault, remark, recoveredMs, heard: this.call.phone.report() },
      events: unique([...extra, ...events.map((event) => withCode(event))]),
      log: unique(this.#host.logOf(this.call).map((line) => (JSON.parse(line) as { msg: string }).msg)),
      health: [...this.health],
      metrics: names,
    };
  }

  async #look(): Promise<void> {
    const reply = await this.#host.runtime.gateway.command(`uuid_audio_stream ${this.call.uuid} health`);
    if (!reply.startsWith('{')) return;
    const { state, overall_health: overall } = JSON.parse(reply) as { state: string; overall_health?: string };
    this.health.add([state, overall].filter((word) => word !== undefined).join(' '));
  }
}

/** All of them, the first eight at once. */
export async function sharedRows(host: FaultHost): Promise<FaultRow[]> {
  // What is compiled at the first call is no fault.
  const first = await host.call('pgood');
  await sleep(WARM_UP_MS);
  first.hangUp();
  const rows = [...(await backendRows(host)), ...(await weatherRows(host))];
  rows.push(await diskRow(host), await linkCutRow(host), await restartRow(host));
  return rows;
}

async function backendRows(host: FaultHost): Promise<FaultRow[]> {
  const start = async (profile: string, on = host.fs): Promise<Watched> =>
    new Watched(host, await host.call(profile, on));
  const [good, dies, slow, unpaid, denied, busy, tls, drift, freezes] = await Promise.all([
    start('pgood'),
    start('pdies'),
    start('pslow'),
    start('p402'),
    start('p401'),
    start('p429'),
    start('ptls'),
    start('pgood', host.fast),
    start('pfreezes'),
  ]);
  await sleep(TALK_MS);
  const normal = good.call.phone.report().firstMs;
  const gapMs = (watched: Watched): number => {
    const back = host.eventsOf(watched.call).find(({ type }) => type === 'backend.reconnected');
    return back?.type === 'backend.reconnected' ? back.gapMs : Number.NaN;
  };
  const late = (watched: Watched): number => Math.max(0, watched.call.phone.report().firstMs - normal);
  const rows = [
    await good.row('none, for comparison', {}),
    await dies.row('backend killed in mid-sentence', { recoveredMs: gapMs(dies), backend: 'bdies' }),
    await denied.row('401, another backend in the list', { recoveredMs: late(denied), backend: 'b401' }),
    await unpaid.row('402, another backend in the list', { recoveredMs: late(unpaid), backend: 'b402' }),
    await busy.row('429 with `Retry-After`, another backend in the list', {
      recoveredMs: late(busy),
      backend: 'b429',
    }),
    await tls.row('TLS error, another backend in the list', { recoveredMs: late(tls), backend: 'btls' }),
    await slow.row('backend does not read for 6 s, and goes on talking', {}),
    await drift.row('the switch’s clock 1 % fast', {}),
  ];
  for (const watched of [good, dies, slow, unpaid, denied, busy, tls, drift]) watched.call.hangUp();
  const back = (): boolean => host.eventsOf(freezes.call).some(({ type }) => type === 'backend.reconnected');
  await host.until(back, 'the frozen backend is given up', 5_000);
  const since = host.agent.faultAt.get('freezes') ?? Number.NaN;
  const taken = host.eventsOf(freezes.call).find(({ type }) => type === 'backend.reconnected');
  const frozen = await freezes.row('backend hangs in mid-sentence, its socket open', {
    recoveredMs: (taken?.atMs ?? Number.NaN) - since,
    remark: 'the next stream goes on where the caller has heard it stop',
    backend: 'bfreezes',
  });
  rows.splice(2, 0, frozen);
  freezes.call.hangUp();
  await host.until(() => host.runtime.gateway.callCount === 0, 'all calls are over');
  return rows;
}

async function weatherRows(host: FaultHost): Promise<FaultRow[]> {
  const rows: FaultRow[] = [];
  for (const [fault, weather] of [
    ['20 % of the packets lost, both ways', { loss: 0.2 }],
    ['packets late by 0 to 200 ms, both ways', { jitterMs: 200 }],
  ] as const) {
    const watched = new Watched(host, await host.call('pgood'));
    await sleep(1_000);
    await inBadNetwork(weather, () => sleep(WEATHER_MS));
    await sleep(500);
    rows.push(await watched.row(fault, { remark: 'sentences are noisy or have holes' }));
    watched.call.hangUp();
    await host.until(() => host.runtime.gateway.callCount === 0, 'the call is over');
  }
  return rows;
}

/** Every call above has ended with a record that could not be written. */
async function diskRow(host: FaultHost): Promise<FaultRow> {
  const full = (): string | undefined => host.log().find((line) => line.includes('ENOSPC'));
  await host.until(() => full() !== undefined, 'the log says that the disk is full', 8_000);
  const { msg } = JSON.parse(full() ?? '{}') as { msg: string };
  const remark = 'nothing: calls do not wait for it';
  return {
    ...{ fault: 'disk full for call records', heard: null, remark, recoveredMs: null },
    ...{ events: [], log: [msg], health: [], metrics: [] },
  };
}

async function linkCutRow(host: FaultHost): Promise<FaultRow> {
  const watched = new Watched(host, await host.call('pgood'));
  await sleep(2_000);
  const cutMs = performance.now();
  const since = host.events.length;
  host.fs.dropConnections();
  const up = (): boolean => host.events.slice(since).some(({ type }) => type === 'link.up');
  await host.until(up, 'the link is back');
  const recoveredMs = performance.now() - cutMs;
  await sleep(2_000);
  const extra = ['link.down', 'link.up'];
  const row = await watched.row('ESL link cut', { recoveredMs, metrics: /link="fs"/, extra });
  watched.call.hangUp();
  await host.until(() => host.runtime.gateway.callCount === 0, 'the call is over');
  return row;
}

async function restartRow(host: FaultHost): Promise<FaultRow> {
  const watched = new Watched(host, await host.call('pgood'));
  await sleep(2_500);
  const { port } = host.fs;
  const since = host.events.length;
  const crashMs = performance.now();
  host.fs.crash('as the test wants');
  await sleep(500);
  host.fs = new SimulatedSwitch({ clock: new SystemClock(), password: 'pw', port });
  await host.fs.listen();
  const up = (): boolean => host.events.slice(since).some(({ type }) => type === 'link.up');
  await host.until(up, 'the link is back', 30_000);
  const next = await host.call('pgood');
  await host.until(() => next.phone.hearsSince(100), 'a new call is answered');
  const recoveredMs = performance.now() - crashMs;
  const gone = (): boolean => host.eventsOf(watched.call).some(({ type }) => type === 'call.ended');
  await host.until(gone, 'the call of before has an end', 40_000);
  const remark = 'the call is gone with the switch; 500 ms of the recovery are the switch’s own';
  const extra = ['link.down', 'link.up'];
  const row = await watched.row('switch killed and started again', {
    recoveredMs,
    remark,
    metrics: /link="fs"/,
    extra,
  });
  next.hangUp();
  await host.until(() => host.runtime.gateway.callCount === 0, 'the call is over');
  return row;
}

/** Names of those that match and are not zero. */
function nonZero(metrics: string, pattern: RegExp): string[] {
  const lines = metrics
    .split('\n')
    .filter((line) => !line.startsWith('#') && pattern.test(line) && !line.endsWith(' 0'));
  const names = lines.map((line) => line.replace(/[{ ].*$/, '').replace(/_(sum|count|bucket)$/, ''));
  assert.ok(names.length > 0, `no metric for ${pattern}`);
  return unique(names);
}

function withCode(event: { readonly type: string; readonly error?: { readonly code: string } | undefined }): string {
  const code = event.error?.code.replace('ERR_TALKSPURT_', '');
  return code === undefined ? event.type : `${event.type} ${code}`;
}

function unique(all: readonly string[]): string[] {
  return [...new Set(all)];
}
