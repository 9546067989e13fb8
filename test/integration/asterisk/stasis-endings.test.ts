/** A real Asterisk 22, and what every way to end a call leaves with its channel: result, reason, and how the talk went. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import { callIn, dialplanWentOn, talking, until, withHost } from './stasis-rig.ts';
import type { Host, ToneTalk } from './stasis-rig.ts';

let asterisk: RunningAsterisk | null = null;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  asterisk = await startAsterisk();
});

test.after(async () => {
  await asterisk?.stop();
});

interface Varset {
  readonly type: string;
  readonly variable?: string;
  readonly value?: string;
  readonly channel?: { readonly id: string };
}

/** What a variable of the channel was set to at last, as an independent client of ARI was told. */
async function told(pbx: RunningAsterisk, id: string, variable: string): Promise<string> {
  const event = (await pbx.event((each) => {
    const { type, variable: name, channel } = each as Varset;
    return type === 'ChannelVarset' && name === variable && channel?.id === id;
  })) as Varset;
  return event.value ?? '';
}

/** A call in which the agent has answered once. */
async function talked(host: Host, pbx: RunningAsterisk): Promise<{ id: string; talk: ToneTalk }> {
  const id = await callIn(pbx, 'silent');
  const talk = await talking(host, id);
  talk.hearOut();
  talk.speak(700, 200);
  await until(() => host.gateway.session(id)?.snapshot().turns === 1, 'it has answered once');
  return { id, talk };
}

async function assertLeft(pbx: RunningAsterisk, id: string, result: string, reason: string): Promise<void> {
  assert.equal(
    [
      await told(pbx, id, 'TALKSPURT_RESULT'),
      await told(pbx, id, 'TALKSPURT_REASON'),
      await told(pbx, id, 'TALKSPURT_TURNS'),
      await told(pbx, id, 'TALKSPURT_BARGE_INS'),
    ],
    [result, reason, '1', '0'],
  );
}

test('the agent’s goodbye, its failure, and a stop: the dialplan goes on with what it came to', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    const endings: readonly [string, string, (id: string, talk: ToneTalk) => unknown][] = [
      ['completed', 'backend-ended', (_id, talk) => talk.end(null)],
      // For good: one that may pass is sought again.
      ['failed', 'backend-failed', (_id, talk) => talk.end(new TalkspurtError('ERR_TALKSPURT_BACKEND_AUTH', 'no'))],
      ['completed', 'stopped', (id) => host.gateway.command(`uuid_audio_stream ${id} stop`)],
    ];
    for (const [result, reason, end] of endings) {
      const { id, talk } = await talked(host, pbx);
      await end(id, talk);
      const left = await dialplanWentOn(pbx, id);
      assert.equal([left['result'], left['reason'], left['turns']], [result, reason, '1']);
      await assertLeft(pbx, id, result, reason);
    }
  });
});

test('a transfer, blind and attended: the place that it goes to finds how the call was', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    for (const more of ['', ' attended']) {
      const { id } = await talked(host, pbx);
      const place = more === '' ? 'echo' : 'tone1000';
      assert.match(await host.gateway.command(`uuid_audio_stream ${id} transfer ${place}${more}`), /^\+OK/);
      await assertLeft(pbx, id, 'transferred', 'transferred');
      assert.is(host.events.of('call.ended').at(-1)?.reason, 'transferred');
      await pbx.ari('DELETE', `channels/${id}`);
      await until(() => host.gateway.callCount === 0, 'our part is over');
    }
  });
});

test('hung up by us: who looks at the end of calls finds it; hung up by the caller: nothing is left to say it to', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    const { id } = await talked(host, pbx);
    // As the longest time does.
    await host.gateway.session(id)!.stop('expired', { hangup: true });
    await assertLeft(pbx, id, 'completed', 'expired');
    const other = await talked(host, pbx);
    await pbx.ari('DELETE', `channels/${other.id}`);
    await until(() => host.gateway.session(other.id) === undefined, 'our part is over');
    const end = host.events.of('call.ended').at(-1);
    assert.equal([end?.reason, end?.error], ['hangup', undefined]);
  });
});

test('refused: the reason is a word; gone before it could talk: no refusal', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    host.gateway.drain(60);
    const left = await dialplanWentOn(pbx, await callIn(pbx, 'silent'));
    assert.equal([left['result'], left['reason']], ['refused', 'draining']);
  });
  await withHost(asterisk, {}, async (pbx, host) => {
    for (let round = 0; round < 10; round += 1) {
      const id = await callIn(pbx, 'silent');
      await new Promise((resolve) => setTimeout(resolve, round * 6));
      await pbx.ari('DELETE', `channels/${id}`).catch(() => undefined);
      await until(() => host.gateway.callCount === 0 && host.adapter.legCount === 0, 'it is over');
    }
    assert.equal(host.events.of('call.refused'), []);
    assert.ok(host.events.of('call.ended').every(({ reason }) => reason === 'hangup'));
  });
});

test.run();
