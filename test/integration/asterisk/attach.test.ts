/** talkspurt on the connection of somebody else's `ari-client` application, on a real Asterisk. */
import Ari from 'ari-client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { attach } from '../../../src/attach.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';

const CONFIG = 'status: false\nsip: false\nbackends: { ai: { kind: embedded } }\nprofiles: { p: { backend: ai } }';
const clock = new SystemClock();

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const untilMs = clock.nowMs() + 10_000;
  while (!(await condition())) {
    assert.ok(clock.nowMs() < untilMs, what);
    await new Promise<void>((resolve) => clock.after(20, resolve));
  }
}

test('a call of their application gets a voice; client and connection stay theirs', async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  const asterisk = await startAsterisk();
  const client = await Ari.connect(`http://127.0.0.1:${asterisk.httpPort}`, 'test', 'test');
  const runtime = await attach(client, { app: 'theirs', profile: 'p', config: CONFIG, quiet: true, clock });
  try {
    await client.start('theirs');
    const seen: string[] = [];
    client.on('StasisStart', (_event, channel) => seen.push(channel.id));
    await until(() => runtime.gateway.notReady().length === 0, 'the link is up');
    const local = 'channels?endpoint=Local/tone440@test/n&extension=stasis-theirs&context=test&priority=1';
    await asterisk.ari('POST', `${local}&channelId=call&otherChannelId=other&formats=ulaw`);
    await until(() => runtime.gateway.session('call')?.state === 'talking', 'it talks');
    await until(() => (runtime.gateway.session('call')?.snapshot().capturedFrames ?? 0) > 25, 'audio comes');
    assert.ok(seen.includes('call'), 'their own listeners go on');
    assert.is(await runtime.gateway.command('call stop'), '+OK Success\n');
    await runtime.close();
    assert.is((await client.asterisk.ping()).ping, 'pong', 'their connection is open');
    await until(
      async () => ((await asterisk.ari('GET', 'bridges')) as unknown[]).length === 0,
      'nothing of ours is left',
    );
  } finally {
    await runtime.close();
    client.stop();
    await asterisk.stop();
  }
});

test.run();
