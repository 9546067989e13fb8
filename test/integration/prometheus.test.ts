/**
 * A real Prometheus scrapes a gateway on which somebody calls: every expression of every dashboard finds something, but for
 * a short list with the reason of each; and every alert rule is evaluated.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { freePort } from './faults/host-process.ts';
import { DASHBOARDS, plainQueries } from '../../.dev/dashboards.ts';
import { askFrontDoor } from '../../src/cli/ctl.ts';
import { demoScript } from '../../src/cli/demo/demo-script.ts';
import { loadConfig } from '../../src/config.ts';
import { SystemClock } from '../../src/core/clock.ts';
import { startRuntime } from '../../src/gateway-from-config.ts';
import type { Runtime } from '../../src/gateway-from-config.ts';
import { SimulatedCaller } from '../../src/simulator/caller.ts';
import { RealtimeServer } from '../../src/simulator/realtime-server.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import { required } from './required.ts';

const RULES = fileURLToPath(new URL('../../docs/alerts/talkspurt.rules.yml', import.meta.url));
const clock = new SystemClock();

/** Of a good call and one whose backend is not there these stay empty: `title` of the panel → why. */
const EMPTY: Readonly<Record<string, string>> = {
  'Held for calls': 'no Asterisk is attached: ari_things, media_sockets',
  'Switch links lost, requests refused': 'the link holds',
  'Connections turned away, peers that break their protocol': 'nobody knocks',
  'Calls that were not taken':
    'calls are started by command: its reply says so, a switch that hands one over is told otherwise',
  'Digits, tones, functions, recordings': 'the line has no tones',
  Overflows: 'nothing overflows',
  'Far end': 'unicast media have no RTCP',
  'Breakers opened': 'one failure opens none',
  'Lost, made anew, given to another': 'no call is given to another backend',
  Errors: 'the backend reports none',
  'Gap after a loss': 'no backend is lost',
};

/** And these now and then: a caller who is silent is suspected after a while, a noise may make the agent wait, a busy machine stops us. */
const SOMETIMES: readonly string[] = [
  'Media stalls and suspect audio',
  'Pauses of an agent who then went on',
  'Watchdogs',
];

interface Found {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Prometheus on loopback with a folder of its own. */
class RunningPrometheus {
  readonly #folder = mkdtempSync(join(tmpdir(), 'talkspurt-prometheus-'));
  #process: ChildProcess | null = null;
  #port = 0;

  async start(target: number): Promise<void> {
    this.#port = await freePort();
    const config = join(this.#folder, 'prometheus.yml');
    const scrape = { job_name: 'talkspurt', static_configs: [{ targets: [`127.0.0.1:${target}`] }] };
    const global = { scrape_interval: '1s', evaluation_interval: '1s' };
    writeFileSync(config, stringify({ global, rule_files: [RULES], scrape_configs: [scrape] }));
    const words = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(this.#folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${this.#port}`,
    ];
    this.#process = spawn('prometheus', words, { stdio: 'ignore' });
    for (let n = 0; n < 100; n += 1) {
      const ready = await fetch(this.#url('-/ready')).then(
        ({ ok }) => ok,
        () => false,
      );
      if (ready) return;
      await pause(200);
    }
    throw new Error('Prometheus does not come up');
  }

  async query(expr: string): Promise<Found[]> {
    const { data } = (await this.#get(`query?query=${encodeURIComponent(expr)}`)) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  async rules(): Promise<readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]> {
    const { data } = (await this.#get('rules')) as {
      data: { groups: { rules: { name: string; health: string }[] }[] };
    };
    return data.groups.flatMap(({ rules }) => rules);
  }

  async close(): Promise<void> {
    const running = this.#process;
    if (running !== null && running.exitCode === null) {
      const gone = new Promise((resolve) => running.once('exit', resolve));
      running.kill('SIGTERM');
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #get(path: string): Promise<unknown> {
    const answer = await fetch(this.#url(`api/v1/${path}`));
    const body = (await answer.json()) as { status: string; error?: string };
    assert.is(body.status, 'success', `${decodeURIComponent(path)}: ${body.error ?? ''}`);
    return body;
  }

  #url(path: string): string {
    return `http://127.0.0.1:${this.#port}/${path}`;
  }
}

test('every panel shows something of a real call, and every rule is evaluated', async () => {
  const there = spawnSync('prometheus', ['--version']).status === 0;
  if (!required(there, 'prometheus (Debian: prometheus)')) return;
  const speech = new SpeechSynthesizer();
  const fs = new SimulatedSwitch({ clock, password: 'pw' });
  await fs.listen();
  const writer = new RealtimeServer({ clock, speech });
  await writer.listen();
  const prometheus = new RunningPrometheus();
  let runtime: Runtime | null = null;
  try {
    const nobody = { kind: 'openai', model: 'm', apiKey: 'k', baseUrl: `ws://127.0.0.1:${await freePort()}/v1` };
    const config = loadConfig({
      text: JSON.stringify({
        status: { port: 0 },
        frontDoor: { port: 0, password: 'door' },
        switches: [{ name: 'fs', kind: 'freeswitch', port: fs.port, password: 'pw' }],
        sip: { port: 0 },
        backends: {
          ai: { kind: 'embedded' },
          nobody,
          // It writes, and a voice of ours speaks.
          writer: {
            kind: 'openai',
            model: 'm',
            apiKey: 'k',
            baseUrl: writer.url,
            speech: { engine: 'embedded', cacheMegabytes: 0 },
          },
        },
        profiles: {
          p: { backend: 'ai', greeting: 'Greet the caller.', dtmf: 'both' },
          spoken: { backend: 'writer', greeting: 'Greet the caller.' },
          broken: { backend: 'nobody' },
        },
        limits: { calls: 4 },
      }),
      env: {},
    });
    runtime = await startRuntime(config, { clock, quiet: true });
    await prometheus.start(runtime.statusPort ?? 0);
    await pause(2_000);
    await callAll(runtime, fs, speech);
    // The last scrape has seen the end.
    await pause(2_500);
    const empty: string[] = [];
    const expected = new Set<string>();
    for (const dashboard of DASHBOARDS) {
      for (const { panel, expr } of plainQueries(dashboard, '2m')) {
        const found = await prometheus.query(`last_over_time((${expr})[90s:1s])`);
        const real = found.filter(({ value }) => !Number.isNaN(value));
        if (real.length > 0) continue;
        expected.add(panel);
        if (EMPTY[panel] === undefined && !SOMETIMES.includes(panel))
          empty.push(`${dashboard.title}: ${panel}: ${expr}`);
      }
    }
    assert.is(empty.length, 0, `nothing was found by\n${empty.join('\n')}`);
    const stale = Object.keys(EMPTY).filter((panel) => !expected.has(panel));
    assert.equal(stale, [], 'these are no longer empty: take them off the list');
    const rules = await prometheus.rules();
    assert.ok(rules.length > 25);
    for (const { name, health, lastError } of rules) assert.is(health, 'ok', `${name}: ${lastError ?? ''}`);
    const [answer] = await prometheus.query(
      'histogram_quantile(0.5, sum by (le) (talkspurt_response_latency_seconds_bucket))',
    );
    assert.ok(answer !== undefined && answer.value > 0.05 && answer.value < 10, `${answer?.value} s`);
  } finally {
    await prometheus.close();
    await runtime?.close();
    await fs.close();
    await writer.close();
    await speech.close();
  }
});

/**
 * One whole conversation with a barge-in and a key, and before and after it a call that finds no backend, one that is short and one
 * that is spoken by sentence: of the first of its kind no rate can be told.
 */
async function callAll(runtime: Runtime, fs: SimulatedSwitch, speech: SpeechSynthesizer): Promise<void> {
  const door = { host: '127.0.0.1', port: runtime.frontDoorPort ?? 0, password: 'door' };
  const start = async (uuid: string, profile: string): Promise<string> =>
    await askFrontDoor({ ...door, line: `uuid_audio_stream ${uuid} start ${profile}` });
  const short = async (): Promise<void> => {
    const failing = fs.createCall({ phone: new SimulatedCaller({ script: [{ silenceMs: 5_000 }] }) });
    assert.match(await start(failing.uuid, 'broken'), /ERR_TALKSPURT_BACKEND_REFUSED/);
    failing.hangup(16);
    for (const [profile, silenceMs] of [
      ['p', 1_000],
      ['spoken', 4_000],
    ] as const) {
      const fine = fs.createCall({ phone: new SimulatedCaller({ script: [{ silenceMs }, { hangup: true }] }) });
      assert.match(await start(fine.uuid, profile), /^\+OK/);
      await runtime.gateway.session(fine.uuid)?.ended;
    }
    await pause(2_500);
  };
  await short();
  const caller = new SimulatedCaller({ script: await demoScript(speech, null) });
  const talking = fs.createCall({ phone: caller, from: '1001', to: '5000' });
  assert.match(await start(talking.uuid, 'p'), /^\+OK/);
  await runtime.gateway.session(talking.uuid)?.ended;
  await short();
}

async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => clock.after(ms, resolve));
}

test.run();
