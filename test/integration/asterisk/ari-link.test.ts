/** The ARI links against a real Asterisk, which is killed and started again in the middle. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort } from '../faults/host-process.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { AriAttachedLink } from '../../../src/switch/asterisk/ari-attached-link.ts';
import type { AriEvent, AriInfo, AriLink, AriRequest } from '../../../src/switch/asterisk/ari-link.ts';
import { AriNativeLink } from '../../../src/switch/asterisk/ari-native-link.ts';
import { AriPackageLink } from '../../../src/switch/asterisk/ari-package-link.ts';
import { ariClientPackage } from '../../switch/asterisk/ari-client-package.ts';
import type { AriClient } from '../../switch/asterisk/ari-client-package.ts';
import { until } from '../../switch/asterisk/ari-link-contract.ts';
import { required } from '../required.ts';
import { asteriskIsThere } from './running-asterisk.ts';

const clock = new SystemClock();
const scripts = fileURLToPath(new URL('./start-asterisk.sh', import.meta.url));
const distribution = fileURLToPath(new URL('../../../.cache/asterisk', import.meta.url));
const test = suite('ARI links and Asterisk');

/** What a link said. */
interface Heard {
  readonly ups: AriInfo[];
  readonly downs: TalkspurtError[];
  readonly faults: TalkspurtError[];
  readonly events: AriEvent[];
}

/** One that can be killed. */
class Asterisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'talkspurt-ari-'));
  port = 0;
  #pid = 0;

  async start(): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    const { status, stderr } = spawnSync('bash', [scripts, this.folder, distribution], {
      encoding: 'utf8',
      timeout: 30_000,
      env: { ...process.env, AST_HTTP: String(this.port), AST_SIP: '' },
    });
    if (status !== 0) throw new Error(`Asterisk did not start: ${stderr}`);
    this.#pid = Number(readFileSync(join(this.folder, 'pid'), 'utf8'));
  }

  kill(): void {
    if (this.#pid > 0) process.kill(this.#pid, 'SIGKILL');
    this.#pid = 0;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function started(link: AriLink): Promise<Heard> {
  const heard: Heard = { ups: [], downs: [], faults: [], events: [] };
  await link.start({
    onUp: (info) => heard.ups.push(info),
    onDown: (error) => heard.downs.push(error),
    onFault: (error) => heard.faults.push(error),
    onEvent: (event) => heard.events.push(event),
  });
  return heard;
}

async function refusal(link: AriLink, request: AriRequest): Promise<unknown> {
  return await link.request(request).then(
    () => 'resolved',
    (error: unknown) => (error as TalkspurtError).details['status'] ?? (error as TalkspurtError).code,
  );
}

/** A call in and out of the application, by this link alone. */
async function aCall(link: AriLink, heard: Heard): Promise<void> {
  const channelId = `${link.name}-${process.pid}-é $1`;
  const path = `channels/${encodeURIComponent(channelId)}`;
  assert.is(await refusal(link, { method: 'GET', path }), 404);
  const originate = {
    method: 'POST',
    path: 'channels',
    query: { endpoint: 'Local/silent@test', app: link.app, appArgs: 'a,b', channelId, formats: 'ulaw' },
    body: { variables: { TALKSPURT: 'ä "b" $1' } },
  } as const;
  const made = (await link.request(originate)) as { id: string };
  assert.is(made.id, channelId);
  assert.is(await refusal(link, originate), 409, 'made again: it is there');
  const ofIt = (type: string): AriEvent | undefined =>
    heard.events.find(
      (event) => event.type === type && (event['channel'] as { id?: string } | undefined)?.id === channelId,
    );
  await until(() => ofIt('StasisStart') !== undefined, 'StasisStart');
  assert.equal(ofIt('StasisStart')!['args'], ['a', 'b']);
  const variable = await link.request({ method: 'GET', path: `${path}/variable`, query: { variable: 'TALKSPURT' } });
  assert.equal(variable, { value: 'ä "b" $1' });
  assert.is(await link.request({ method: 'DELETE', path, query: { reason: 'normal' } }), null);
  await until(() => ofIt('ChannelDestroyed') !== undefined, 'ChannelDestroyed');
  // For a moment after that event Asterisk may still find the channel, and says yes once more.
  const answers: unknown[] = [];
  do answers.push(await refusal(link, { method: 'DELETE', path }));
  while (answers.at(-1) === 'resolved' && answers.length < 100);
  assert.is(answers.at(-1), 404);
  assert.is(await refusal(link, { method: 'GET', path: 'nothing/of/the/kind' }), 404);
  assert.equal(heard.faults, []);
}

test('connect, ask, call, be refused, be replaced, and be there again after a crash', async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  const ari = ariClientPackage();
  const asterisk = new Asterisk();
  const links: AriLink[] = [];
  let owner: AriClient | null = null;
  try {
    await asterisk.start();
    const target = { host: '127.0.0.1', port: asterisk.port, username: 'test', password: 'test', clock };
    links.push(new AriNativeLink({ ...target, name: 'native', app: 'an app é' }));
    if (ari !== null) {
      links.push(new AriPackageLink({ ...target, name: 'package', app: 'package app é' }));
      owner = await ari.connect(`http://127.0.0.1:${asterisk.port}`, 'test', 'test');
      await owner.start('attached');
      links.push(new AriAttachedLink({ name: 'attached', clock, client: owner, app: 'attached' }));
    }
    const heard = await Promise.all(links.map(started));
    for (const [at, link] of links.entries()) {
      assert.ok(link.up, `${link.name}: ${heard[at]!.downs[0]?.message}`);
      assert.match(heard[at]!.ups[0]!.version, /^22\./);
      await aCall(link, heard[at]!);
    }
    await refusedOnes(target);
    await longOnes(links[0]!);
    asterisk.kill();
    await until(() => heard.every(({ downs }) => downs.length > 0), 'every link is down');
    for (const [at, link] of links.entries()) {
      assert.not.ok(link.up);
      assert.is(heard[at]!.downs[0]!.code, 'ERR_TALKSPURT_LINK_DOWN');
      assert.is(await refusal(link, { method: 'GET', path: 'channels' }), 'ERR_TALKSPURT_LINK_DOWN');
    }
    await asterisk.start();
    await until(() => heard.every(({ ups }) => ups.length === 2), 'every link is up again');
    for (const [at, link] of links.entries()) {
      assert.not.equal(heard[at]!.ups[1]!.startupTime, heard[at]!.ups[0]!.startupTime);
      await aCall(link, heard[at]!);
    }
    await aRival(target, links[0]!, heard[0]!);
  } finally {
    for (const link of links) await link.close();
    owner?.stop();
    asterisk.kill();
    asterisk.remove();
  }
});

type Target = Omit<ConstructorParameters<typeof AriNativeLink>[0], 'name' | 'app'>;

async function refusedOnes(target: Target): Promise<void> {
  for (const Link of [AriNativeLink, AriPackageLink]) {
    for (const [given, code] of [
      [{ password: 'wrong' }, 'ERR_TALKSPURT_LINK_AUTH'],
      [{ username: 'reader' }, 'ERR_TALKSPURT_LINK_DENIED'],
    ] as const) {
      if (Link === AriPackageLink && ariClientPackage() === null) continue;
      const link = new Link({ ...target, ...given, name: 'refused', app: 'refused' });
      const { downs, ups } = await started(link);
      await link.close();
      assert.equal([downs.map((error) => error.code), ups], [[code], []]);
    }
  }
}

/** Our bound is one that Asterisk keeps: what passes ours is carried out. */
async function longOnes(link: AriLink): Promise<void> {
  const channelId = `long-${process.pid}`;
  const query = { endpoint: 'Local/silent@test', app: link.app, channelId, formats: 'ulaw' };
  const variables = { A: 'x'.repeat(LIMITS.ariRequestBytes - 1_024) };
  await link.request({ method: 'POST', path: 'channels', query, body: { variables } });
  await link.request({ method: 'DELETE', path: `channels/${channelId}` });
}

async function aRival(target: Target, link: AriLink, heard: Heard): Promise<void> {
  const rival = new AriNativeLink({ ...target, name: 'rival', app: link.app });
  const before = heard.downs.length;
  await started(rival);
  await until(() => heard.downs.length > before, 'replaced');
  assert.match(heard.downs.at(-1)!.message, 'another client');
  assert.ok(rival.up);
  await rival.close();
}

/** A word to an application, by nobody of ours. */
async function tell(port: number, app: string, word: string): Promise<number> {
  const authorization = `Basic ${Buffer.from('test:test').toString('base64')}`;
  const query = `application=${encodeURIComponent(app)}`;
  const url = `http://127.0.0.1:${port}/ari/events/user/${word}?${query}`;
  return (await fetch(url, { method: 'POST', headers: { authorization } })).status;
}

test('who connects just when the connection before ends has the application, each of 800 times', async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  const asterisk = new Asterisk();
  await asterisk.start();
  const target = { host: '127.0.0.1', port: asterisk.port, username: 'test', password: 'test', clock };
  // On a machine that has enough to do, Asterisk 22.10 leaves some without it, and says nothing: see ari-proof.ts.
  const load = Array.from({ length: 2 * availableParallelism() }, () => spawn(process.execPath, ['-e', 'for (;;);']));
  const lane = async (app: string): Promise<void> => {
    const links = [new AriNativeLink({ ...target, name: 'first', app })];
    try {
      await started(links[0]!);
      for (let round = 0; round < 100; round += 1) {
        const next = new AriNativeLink({ ...target, name: `round ${round}`, app });
        links.push(next);
        void links.at(-2)!.close();
        const { events } = await started(next);
        await until(() => next.up, `${app}, round ${round}: up`);
        assert.is(await tell(asterisk.port, app, `word-${round}`), 204);
        await until(
          () => events.some((event) => event['eventname'] === `word-${round}`),
          `${app}, round ${round}: heard`,
        );
        assert.is(events.length, 1, 'and nothing else');
      }
    } finally {
      await Promise.all(links.map((link) => link.close()));
    }
  };
  try {
    await Promise.all(Array.from({ length: 8 }, (_, at) => lane(`app ${at}`)));
  } finally {
    for (const busy of load) busy.kill('SIGKILL');
    asterisk.kill();
    asterisk.remove();
  }
});

test.run();
