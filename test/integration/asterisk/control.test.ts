/** A real Asterisk 22: hold, attended transfer, hang-up with a cause, and calls that the gateway dials. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import { callIn, clearest, recorded, samplesOf, startHost, talking, toneOf, until, withHost } from './stasis-rig.ts';
import type { Host } from './stasis-rig.ts';

const AGENT_HZ = 700;
const PARTY_HZ = 1_000;
let asterisk: RunningAsterisk | null = null;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  asterisk = await startAsterisk();
});

test.after(async () => {
  await asterisk?.stop();
});

const ids = async (pbx: RunningAsterisk, kind: 'channels' | 'bridges', start: string): Promise<string[]> =>
  ((await pbx.ari('GET', kind)) as { id: string }[]).map(({ id }) => id).filter((id) => id.startsWith(start));

const pause = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms));
};

const stages = ({ events }: Host): string[] => events.of('transfer').map(({ stage }) => stage);

async function left(pbx: RunningAsterisk, name: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if ((await ids(pbx, 'channels', name)).length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.unreachable(`${name} has gone`);
}

test('attended: the caller is joined with whoever answers, and each hangs up with the other', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    const id = await callIn(pbx, 'rec-joined');
    const talk = await talking(host, id);
    talk.speak(AGENT_HZ, 600);
    await pause(800);
    assert.match(await host.gateway.command(`${id} transfer tone1000 attended`), /^\+OK/);
    await until(() => host.gateway.session(id) === undefined, 'our part is over');
    assert.is(host.events.of('call.ended')[0]?.reason, 'transferred');
    assert.equal(stages(host), ['dialling', 'joined']);
    await until(() => host.ports.inUse === 0, 'our media are gone');
    assert.equal(await ids(pbx, 'channels', 'talkspurt-media-'), []);
    await pause(2_000);
    const result = await pbx.ari('GET', `channels/${id}/variable?variable=TALKSPURT_RESULT`);
    assert.is((result as { value: string }).value, 'transferred');

    await pbx.ari('DELETE', `channels/${id}-far`);
    await left(pbx, 'talkspurt-party-');
    // Asterisk writes a recording to its end when the call is over.
    const [agent, party] = [await recorded(pbx, 'joined-in', AGENT_HZ), await recorded(pbx, 'joined-in', PARTY_HZ)];
    assert.ok(agent.share > 0.9, `the agent was heard: ${JSON.stringify(agent)}`);
    assert.ok(party.share > 0.9, `then the party: ${JSON.stringify(party)}`);

    const other = await callIn(pbx, 'silent');
    await talking(host, other);
    assert.match(await host.gateway.command(`${other} transfer tone1000 attended`), /^\+OK/);
    const [joined = ''] = await ids(pbx, 'channels', 'talkspurt-party-');
    await pbx.ari('DELETE', `channels/${joined}`);
    await left(pbx, other);
  });
});

test('attended: who is busy, is nowhere, does not answer or is not wanted any more leaves the agent on', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    const id = await callIn(pbx, 'rec-restored');
    const talk = await talking(host, id);
    assert.match(await host.gateway.command(`${id} transfer busy attended`), /^-ERR .*cause 17 .*SWITCH_COMMAND/);
    assert.match(await host.gateway.command(`${id} transfer nosuch attended`), /^-ERR .*no such extension/);
    assert.match(await host.gateway.command(`${id} transfer nosuch`), /^-ERR .*no such extension/);
    assert.match(await host.gateway.command(`${id} transfer a/b attended`), /^-ERR .*COMMAND_SYNTAX/);
    const ringing = host.gateway.command(`${id} transfer rings attended`);
    await until(() => stages(host).length >= 5, 'it is dialled');
    assert.match(await host.gateway.command(`${id} transfer tone1000 attended`), /^-ERR .*ALREADY_RUNNING/);
    assert.match(await host.gateway.command(`${id} transfer echo`), /^-ERR .*ALREADY_RUNNING/);
    assert.match(await host.gateway.command(`${id} hold off`), /^\+OK/);
    assert.match(await ringing, /^-ERR .*called off/);
    assert.equal(host.gateway.calls()[0]?.orders, []);
    await left(pbx, 'talkspurt-party-');
    talk.speak(AGENT_HZ, 1_000);
    await pause(1_200);
    await pbx.ari('DELETE', `channels/${id}-far`);
    await until(() => host.gateway.session(id) === undefined, 'the call is over');
    assert.ok((await recorded(pbx, 'restored-in', AGENT_HZ)).share > 0.9, 'the agent is heard again');
    assert.ok(clearest(pbx.recording('restored-in', 'wav'), PARTY_HZ).share < 0.5, 'and nobody else was');
  });
});

test('attended: a caller who hangs up, and a stop, call it off', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    for (const way of ['hang-up', 'stop'] as const) {
      const id = await callIn(pbx, 'silent');
      await talking(host, id);
      const ringing = host.gateway.command(`${id} transfer rings attended`);
      await until(() => stages(host).at(-1) === 'dialling', 'it is dialled');
      if (way === 'stop') assert.match(await host.gateway.command(`${id} stop`), /^\+OK/);
      else await pbx.ari('DELETE', `channels/${id}-far`);
      assert.match(await ringing, /^-ERR/);
      await until(() => host.gateway.session(id) === undefined, 'the call is over');
      await left(pbx, 'talkspurt-party-');
    }
  });
});

test('two who were joined talk on when we are gone, and the process after us hangs up whom the other leaves', async () => {
  if (asterisk === null) return;
  const first = await startHost(asterisk);
  const id = await callIn(asterisk, 'rec-outlive');
  await talking(first, id);
  assert.match(await first.gateway.command(`${id} transfer tone1000 attended`), /^\+OK/);
  await first.close();
  await withHost(asterisk, {}, async (pbx, second) => {
    await pause(1_500);
    assert.is(second.gateway.callCount, 0, 'they are not taken up');
    assert.is((await ids(pbx, 'bridges', 'talkspurt-joined-')).length, 1);
    await pbx.ari('DELETE', `channels/${id}-far`);
    await left(pbx, 'talkspurt-party-');
    assert.ok((await recorded(pbx, 'outlive-in', PARTY_HZ)).share > 0.9);
    const { samples, rateHz } = samplesOf(pbx.recording('outlive-in', 'wav'));
    assert.ok(toneOf(samples.subarray(-rateHz, -rateHz / 2), rateHz, PARTY_HZ).share > 0.9, 'they talked to the end');
  });
});

test('hold: music for the caller, nothing for the backend; the agent goes on where it was', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    const id = await callIn(pbx, 'tone440');
    const talk = await talking(host, id);
    await until(() => toneOf(talk.heard, 16_000, 440).share > 0.9, 'the caller is heard');
    assert.match(await host.gateway.command(`${id} hold on`), /^\+OK/);
    assert.equal(host.gateway.calls()[0]?.orders, ['hold']);
    talk.heard.fill(0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(
      talk.heard.every((sample) => sample === 0),
      'nobody hears the caller',
    );
    assert.match(await host.gateway.command(`${id} hold off`), /^\+OK/);
    await until(() => toneOf(talk.heard.subarray(-8_000), 16_000, 440).share > 0.9, 'the caller is heard again');
    assert.match(await host.gateway.command(`${id} hold on`), /^\+OK/);
    assert.match(await host.gateway.command(`${id} hangup USER_BUSY`), /^\+OK/);
    const gone = await pbx.event((event) => event.type === 'ChannelDestroyed' && event.channel?.id === id);
    assert.is(gone.cause, 17);
    assert.equal([host.events.of('call.ended')[0]?.hangupCause], [17]);
  });
});

test('originate: by the command, onto a profile; who is busy is told with the cause', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    const reply = await host.gateway.command('originate pbx Local/rec-dialled@test agent');
    assert.match(reply, /^\+OK talkspurt-call-/);
    const id = reply.slice(4).trim();
    const talk = await talking(host, id);
    talk.speak(AGENT_HZ, 600);
    await pause(800);
    assert.match(await host.gateway.command(`${id} hangup 21`), /^\+OK/);
    assert.ok((await recorded(pbx, 'dialled-in', AGENT_HZ)).share > 0.9);
    assert.match(await host.gateway.command('originate pbx Local/busy@test agent'), /^-ERR .*SWITCH_COMMAND/);
    assert.match(await host.gateway.command('originate nosuch Local/busy@test agent'), /^-ERR .*COMMAND_SYNTAX/);
    assert.match(await host.gateway.command('originate pbx Local/busy@test nobody'), /^-ERR .*UNKNOWN_PROFILE/);
  });
});

test.run();
