/**
 * A real Asterisk 22, and whose its calls are: killed at any moment of a call's beginning, two processes for one application, and
 * an Asterisk that dies without a word.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { SystemClock } from '../../../src/core/clock.ts';
import { LIMITS } from '../../../src/limits.ts';
import { applicationLook } from '../../../src/switch/asterisk/ari-application.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import { assertNothingLeft, callIn, dialplanWentOn, recorded, startHost, talking, until } from './stasis-rig.ts';

const ROUNDS = 20;
/** The last of them, ms after the call came in. */
const WINDOW_MS = 200;
let asterisk: RunningAsterisk | null = null;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  asterisk = await startAsterisk();
});

test.after(async () => {
  await asterisk?.stop();
});

/** One that waits to be told to connect, and ends itself so long after its first call. */
function spawnVictim(pbx: RunningAsterisk, killAfterMs: number): ChildProcess {
  const script = fileURLToPath(new URL('./stasis-victim.ts', import.meta.url));
  const args = ['--import', 'tsx', script, String(pbx.httpPort), String(killAfterMs)];
  return spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function oursIn(pbx: RunningAsterisk): Promise<string[]> {
  const all = (await Promise.all([pbx.ari('GET', 'channels'), pbx.ari('GET', 'bridges')])) as { id: string }[][];
  return all
    .flat()
    .map(({ id }) => id)
    .filter((id) => id.startsWith('talkspurt-'));
}

test('a call that has gone from our application into another one is not taken from there', async () => {
  if (asterisk === null) return;
  const pbx = asterisk;
  const first = await startHost(pbx);
  const id = await callIn(pbx, 'silent', { to: 'stasis-test-agent' });
  await pbx.event((each) => each.type === 'StasisStart' && each.channel?.id === id);
  // As a process leaves it that was killed before the call was led on.
  await pbx.ari('POST', `channels/${id}/variable?variable=TALKSPURT_VOICE&value=agent`);
  await pbx.ari('POST', `applications/talkspurt/subscription?eventSource=channel:${id}`);
  const own = await callIn(pbx, 'silent');
  await talking(first, own);
  const second = await startHost(pbx);
  await talking(second, own);
  assert.equal(
    second.gateway.calls().map(({ session_uuid: each }) => each),
    [own],
  );
  assert.equal((await oursIn(pbx)).length, 2, 'one call has media and a bridge');
  for (const each of [id, own]) await pbx.ari('DELETE', `channels/${each}`);
  await second.close();
  await first.close();
  await assertNothingLeft(pbx);
});

test('killed at any moment of a call’s first 200 ms: the next process has the call, and nothing else is left', async () => {
  if (asterisk === null) return;
  const pbx = asterisk;
  const momentOf = (round: number): number =>
    round === 0 ? 0 : Math.round(((round - Math.random()) * WINDOW_MS) / (ROUNDS - 1));
  const outcomes: string[] = [];
  let [victim, moment] = [spawnVictim(pbx, momentOf(0)), momentOf(0)];
  for (let round = 0; round < ROUNDS; round += 1) {
    const over = once(victim, 'exit');
    const up = once(victim.stdout!, 'data');
    victim.stdin!.write('go\n');
    await up;
    const id = await callIn(pbx, 'silent');
    await over;
    const killedAt = moment;
    // The next one starts up meanwhile, and waits.
    moment = momentOf(round + 1);
    if (round + 1 < ROUNDS) victim = spawnVictim(pbx, moment);

    const host = await startHost(pbx);
    let left: string | null = null;
    const wentOn = (event: Record<string, string>): string => (left = event['result'] ?? '');
    // Where it is taken up the dialplan does not go on before it is let go of.
    void dialplanWentOn(pbx, id).then(wentOn, () => undefined);
    await until(
      () => host.gateway.session(id)?.state === 'talking' || left !== null,
      `somebody has it: ${killedAt} ms`,
    );
    outcomes.push(left ?? 'adopted');
    if (left === null) {
      // A last request of the one that was killed may be carried out late, and is cleared up then.
      let ours = await oursIn(pbx);
      for (let tries = 0; tries < 60 && ours.length > 2; tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, 250));
        ours = await oursIn(pbx);
      }
      assert.equal(
        [ours.length, new Set(ours.map((each) => each.split('-')[1]))],
        [2, new Set(['bridge', 'media'])],
        `only the new ones are there: killed at ${killedAt} ms`,
      );
      assert.match(await host.gateway.command(`uuid_audio_stream ${id} stop`), /^\+OK/);
    }
    await pbx.ari('DELETE', `channels/${id}`).catch(() => undefined);
    await assertNothingLeft(pbx);
    await host.close();
  }
  const adopted = outcomes.filter((each) => each === 'adopted').length;
  process.stdout.write(`killed ${ROUNDS} times: ${adopted} calls taken up, ${ROUNDS - adopted} given back\n`);
  assert.ok(outcomes.every((each) => each === 'adopted' || each === 'orphaned'));
  assert.ok(adopted >= ROUNDS - 2, outcomes.join(' '));
});

test('a second process for one application: it has the calls, and the first one lets go without a fight', async () => {
  if (asterisk === null) return;
  const pbx = asterisk;
  const name = `taken-${process.pid}`;
  const first = await startHost(pbx);
  const id = await callIn(pbx, `rec-${name}`);
  (await talking(first, id)).speak(600, 600);
  await new Promise((resolve) => setTimeout(resolve, 800));
  const second = await startHost(pbx);
  await until(() => first.gateway.session(id) === undefined, 'the first one lets go');
  const end = first.events.of('call.ended')[0];
  assert.equal([end?.reason, end?.hangupCause, end?.error?.code], ['link-lost', 0, 'ERR_TALKSPURT_LINK_DOWN']);
  const down = first.events.of('link.down')[0];
  assert.is(down?.error.code, 'ERR_TALKSPURT_LINK_REPLACED');
  assert.ok((down?.retryInMs ?? 0) >= LIMITS.linkRefusedRetryMs);
  assert.match(first.gateway.notReady().join(), /pbx is not connected/);
  assert.equal([first.ports.inUse, first.adapter.legCount, first.dspPool.inUse], [0, 0, 0]);

  const talk = await talking(second, id);
  const bridges = (await pbx.ari('GET', 'bridges')) as { channels: string[] }[];
  assert.equal(
    bridges.map(({ channels }) => channels.length),
    [2],
    'the first one’s has gone',
  );
  talk.speak(1_100, 1_500);
  await new Promise((resolve) => setTimeout(resolve, 1_800));
  // The first one ends: that is nothing to the second one's call.
  await first.close();
  assert.equal([second.adapter.linkUp, second.gateway.session(id)?.state], [true, 'talking']);
  assert.is(second.events.of('link.down').length, 0);
  assert.match(await second.gateway.command(`uuid_audio_stream ${id} stop`), /^\+OK/);
  assert.is((await dialplanWentOn(pbx, id))['result'], 'completed');
  await assertNothingLeft(pbx);
  for (const hz of [600, 1_100]) {
    const heard = await recorded(pbx, `${name}-in`, hz);
    assert.ok(heard.share > 0.9, `the caller heard ${hz} Hz: ${JSON.stringify(heard)}`);
  }
  await second.close();
});

test('whose application it is: somebody has it, nobody has it although a call is in it, and it is not there', async () => {
  if (asterisk === null) return;
  const pbx = asterisk;
  const target = {
    host: '127.0.0.1',
    port: pbx.httpPort,
    tls: false,
    username: 'test',
    password: 'test',
    app: 'standby',
  };
  const isTaken = applicationLook(target);
  const look = (): Promise<boolean> => isTaken(new SystemClock(), new AbortController().signal);
  assert.is(await look(), false, 'nobody has registered it yet');
  const other = new WebSocket(`ws://127.0.0.1:${pbx.httpPort}/ari/events?app=standby&api_key=test:test`);
  await once(other, 'open');
  const told = once(other, 'message');
  const id = await callIn(pbx, 'silent', { to: 'stasis-standby-agent' });
  await told;
  assert.is(await look(), true, 'another client has it');
  other.terminate();
  await once(other, 'close');
  // Asterisk notices when it writes, or when the connection is seen to be gone.
  let taken = true;
  for (let tries = 0; tries < 20 && taken; tries += 1) taken = await look();
  assert.is(taken, false, 'a call is in it, and nobody has it');
  assert.equal(await oursIn(pbx), [], 'no trial is left');
  assert.ok(await pbx.ari('GET', `channels/${id}`), 'and the call goes on waiting for somebody');
  await pbx.ari('DELETE', `channels/${id}`);
  await assertNothingLeft(pbx);
});

test('Asterisk dies without a word: its calls by RTP are over when nothing has come for long enough', async () => {
  // Last: there is no Asterisk after it.
  if (asterisk === null) return;
  const host = await startHost(asterisk);
  const id = await callIn(asterisk, 'tone440');
  await talking(host, id);
  const pbx = asterisk;
  asterisk = null;
  pbx.kill();
  const killedMs = Date.now();
  await until(() => !host.adapter.linkUp, 'the link is down');
  assert.is(host.gateway.session(id)?.state, 'talking', 'it may only be the link');
  for (let tries = 0; tries < 500 && host.gateway.session(id) !== undefined; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const tookMs = Date.now() - killedMs;
  const end = host.events.of('call.ended')[0];
  assert.equal([end?.reason, end?.error?.code], ['media-failed', 'ERR_TALKSPURT_MEDIA_STALLED']);
  assert.ok(tookMs > LIMITS.mediaLostMs - 2_000 && tookMs < LIMITS.mediaLostMs + 15_000, `after ${tookMs} ms`);
  assert.equal([host.ports.inUse, host.codecs.inUse, host.dspPool.inUse], [0, 0, 0], 'everything went back');
  await pbx.stop();
  await host.close();
});

test.run();
