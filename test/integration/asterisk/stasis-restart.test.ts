/**
 * A real Asterisk 22 and our Stasis application, one of which is killed or started anew in the middle of calls.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import {
  assertNothingLeft,
  callIn,
  dialplanWentOn,
  recorded,
  startHost,
  talking,
  until,
  withHost,
} from './stasis-rig.ts';

let asterisk: RunningAsterisk | null = null;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  asterisk = await startAsterisk();
});

test.after(async () => {
  await asterisk?.stop();
});

test('killed in the middle of its calls: the next process clears up, and gives the caller its voice again', async () => {
  if (asterisk === null) return;
  const script = fileURLToPath(new URL('./stasis-victim.ts', import.meta.url));
  const victim = spawn(process.execPath, ['--import', 'tsx', script, String(asterisk.httpPort)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const voiced = `killed-${process.pid}`;
  let ids: string[] = [];
  try {
    await once(victim.stdout, 'data');
    ids = [await callIn(asterisk, `rec-${voiced}`), await callIn(asterisk, 'silent')];
    const pbx = asterisk;
    for (const id of ids) {
      let voice = '';
      for (let tries = 0; tries < 200 && voice !== 'agent'; tries += 1) {
        const answer = pbx.ari('GET', `channels/${id}/variable?variable=TALKSPURT_VOICE`) as Promise<{ value: string }>;
        voice = (await answer.catch(() => ({ value: '' }))).value;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.is(voice, 'agent');
    }
  } finally {
    const over = once(victim, 'exit');
    victim.kill('SIGKILL');
    await over;
  }
  // One has lost its voice's name, as one that was killed before it could say so.
  await asterisk.ari('POST', `channels/${ids[1]}/variable?variable=TALKSPURT_VOICE&value=`);
  const before = ((await asterisk.ari('GET', 'bridges')) as { id: string }[]).map(({ id }) => id);
  assert.is(before.length, 2);

  await withHost(asterisk, {}, async (pbx, host) => {
    const orphaned = await dialplanWentOn(pbx, ids[1]!);
    assert.is(orphaned['result'], 'orphaned');
    const talk = await talking(host, ids[0]!);
    const bridges = (await pbx.ari('GET', 'bridges')) as { id: string; channels: string[]; technology: string }[];
    assert.equal(
      bridges.map(({ technology, channels }) => [technology, channels.length]),
      [['simple_bridge', 2]],
    );
    assert.ok(!before.includes(bridges[0]!.id), 'what was left has gone');
    talk.speak(1_100, 1_500);
    await new Promise((resolve) => setTimeout(resolve, 1_700));
    assert.match(await host.gateway.command(`uuid_audio_stream ${ids[0]} stop`), /^\+OK/);
    const left = await dialplanWentOn(pbx, ids[0]!);
    assert.is(left['result'], 'completed');
    await assertNothingLeft(pbx);
    const heard = await recorded(pbx, `${voiced}-in`, 1_100);
    assert.ok(heard.share > 0.9 && heard.amplitude > 7_000, `the caller hears the new voice: ${JSON.stringify(heard)}`);
  });
});

test('Asterisk is started anew: its calls are over, and the next one talks', async () => {
  // Last: the one that the tests share stays up.
  if (asterisk === null) return;
  const host = await startHost(asterisk);
  const id = await callIn(asterisk, 'tone440');
  await talking(host, id);
  const [pbx, port] = [asterisk, asterisk.httpPort];
  asterisk = null;
  await pbx.stop();
  await until(() => !host.adapter.linkUp, 'the link is down');
  asterisk = await startAsterisk({ AST_HTTP: String(port) });
  await until(() => host.gateway.session(id) === undefined, 'the call is over');
  // It may have hung up properly before it went.
  assert.ok([16, 41].includes(host.events.of('call.ended')[0]?.hangupCause ?? 0));
  await until(() => host.adapter.linkUp, 'the link is up');
  const next = await callIn(asterisk, 'tone440');
  await talking(host, next);
  await asterisk.ari('DELETE', `channels/${next}`);
  await until(() => host.gateway.callCount === 0, 'it is over');
  await host.close();
});

test.run();
