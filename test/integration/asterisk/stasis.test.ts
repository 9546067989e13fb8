/**
 * A real Asterisk 22 and our Stasis application: calls come, go, are taken away, and are dialled. An independent ARI
 * client says what Asterisk has.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import { RATE_HZ, assertNothingLeft, callIn, dialplanWentOn, talking, toneOf, until, withHost } from './stasis-rig.ts';

let asterisk: RunningAsterisk | null = null;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  asterisk = await startAsterisk();
});

test.after(async () => {
  await asterisk?.stop();
});

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return await attempt.then(
    () => 'it was done',
    (error: unknown) => (error instanceof TalkspurtError ? error.code : String(error)),
  );
}

test('who calls whom, its variables, digits both ways, and the cause of its end', async () => {
  await withHost(
    asterisk,
    { variables: ['ACCOUNT', 'CALLERID(num)', 'NOWHERE'] },
    async (pbx, { gateway, adapter, events, ...host }) => {
      const id = await callIn(pbx, 'digits', { variables: { ACCOUNT: 'a-17' } });
      const { call: seen } = await talking({ gateway, adapter, events, ...host }, id);
      assert.equal([seen.from, seen.to], ['4711', 'stasis-talkspurt-agent']);
      assert.equal(Object.fromEntries(seen.variables), { ACCOUNT: 'a-17', 'CALLERID(num)': '4711' });
      const digits = (): string =>
        events
          .of('dtmf')
          .map(({ digit }) => digit)
          .join('');
      await until(() => digits().length >= 5, 'five digits');
      assert.is(digits(), '12#*A');

      await pbx.ari('POST', `applications/test/subscription?eventSource=channel:${id}-far`);
      assert.match(await gateway.command(`uuid_audio_stream ${id} dtmf 5#`), /^\+OK/);
      for (const digit of ['5', '#']) {
        await pbx.event(
          (each) => each.type === 'ChannelDtmfReceived' && each.channel?.id === `${id}-far` && each.digit === digit,
        );
      }
      assert.is(
        ((await pbx.ari('GET', `channels/${id}/variable?variable=TALKSPURT_VOICE`)) as { value: string }).value,
        'agent',
      );

      await pbx.ari('DELETE', `channels/${id}-far?reason_code=17`);
      await until(() => gateway.session(id) === undefined, 'the call is over');
      const end = events.of('call.ended')[0];
      assert.equal([end?.reason, end?.hangupCause], ['hangup', 17]);
    },
  );
});

test('arguments that are none, and a profile that is not there, are given back at once', async () => {
  await withHost(asterisk, {}, async (pbx, { events, gateway }) => {
    const left = await dialplanWentOn(pbx, await callIn(pbx, 'silent', { to: 'stasis-talkspurt-no,such' }));
    assert.equal([left['result'], left['reason']], ['refused', 'bad-arguments']);
    const none = await dialplanWentOn(pbx, await callIn(pbx, 'silent', { to: 'stasis-talkspurt' }));
    assert.equal([none['status'], none['result']], ['SUCCESS', 'refused']);
    assert.is(none['reason'], 'no-profile');
    const unknown = await dialplanWentOn(pbx, await callIn(pbx, 'silent', { to: 'stasis-talkspurt-nobody' }));
    assert.equal([unknown['result'], unknown['reason']], ['refused', 'unknown-profile']);
    const codes = events.of('call.refused').map(({ error }) => error.code);
    assert.equal(codes.slice(1), ['ERR_TALKSPURT_COMMAND_SYNTAX', 'ERR_TALKSPURT_UNKNOWN_PROFILE']);
    assert.is(gateway.callCount, 0);
  });
});

test('a transfer sends the caller on; we hang up with a cause', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    const id = await callIn(pbx, 'tone440');
    await talking(host, id);
    assert.match(await host.gateway.command(`uuid_audio_stream ${id} transfer echo@test`), /^\+OK/);
    await until(() => host.gateway.session(id) === undefined, 'our part is over');
    const { dialplan } = (await pbx.ari('GET', `channels/${id}`)) as { dialplan: { app_name: string } };
    assert.is(dialplan.app_name, 'Echo');
    const { value } = (await pbx.ari('GET', `channels/${id}/variable?variable=TALKSPURT_RESULT`)) as { value: string };
    assert.is(value, 'transferred');
    assert.is(host.events.of('call.ended')[0]?.reason, 'transferred');
    await pbx.ari('DELETE', `channels/${id}`);

    const other = await callIn(pbx, 'silent');
    await talking(host, other);
    assert.match(
      await host.gateway.command(`uuid_audio_stream ${other} transfer ../x`),
      /^-ERR .*ERR_TALKSPURT_COMMAND_SYNTAX/,
    );
    await host.gateway.session(other)!.stop('error', { hangup: true });
    const gone = await pbx.event((event) => event.type === 'ChannelDestroyed' && event.channel?.id === other);
    assert.is(gone.cause, 41);
  });
});

test('taken away under us: the media, the bridge, the caller', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    const ours = async (kind: 'channels' | 'bridges'): Promise<string> => {
      const all = (await pbx.ari('GET', kind)) as { id: string }[];
      return all.find(({ id }) => id.startsWith('talkspurt-'))?.id ?? '';
    };
    for (const kind of ['channels', 'bridges'] as const) {
      const id = await callIn(pbx, 'silent');
      await talking(host, id);
      await pbx.ari('DELETE', `${kind}/${await ours(kind)}`);
      const left = await dialplanWentOn(pbx, id);
      assert.equal([left['result'], left['reason']], ['failed', 'media-failed'], kind);
      await until(() => host.gateway.session(id) === undefined, 'our part is over');
    }
    for (const [order, application] of [
      ['move?app=test', 'Stasis'],
      ['continue?context=test&extension=echo&priority=1', 'Echo'],
    ] as const) {
      const id = await callIn(pbx, 'silent');
      await talking(host, id);
      await pbx.ari('POST', `channels/${id}/${order}`);
      await until(() => host.gateway.session(id) === undefined, 'our part is over');
      const end = host.events.of('call.ended').at(-1);
      assert.equal([end?.reason, end?.error], ['transferred', undefined], order);
      const { dialplan } = (await pbx.ari('GET', `channels/${id}`)) as { dialplan: { app_name: string } };
      assert.is(dialplan.app_name, application, 'it stays with whoever took it');
      await pbx.ari('DELETE', `channels/${id}`);
    }
  });
});

test('calls that we dial: answered, and not; and channels that cannot be had', async () => {
  await withHost(asterisk, {}, async (pbx, host) => {
    const { adapter, gateway, backend } = host;
    const id = await adapter.originate({
      endpoint: 'Local/tone440@test/n',
      profile: 'agent',
      callerId: '"Talk" <1234>',
      variables: { ORDER: '77' },
    });
    const talk = await talking(host, id);
    assert.is(talk.call.variables.get('ORDER'), '77');
    await until(() => toneOf(talk.heard.slice(-RATE_HZ / 4), RATE_HZ, 440).share > 0.95, 'we hear it');
    assert.is(await codeOf(adapter.attach(id)), 'ERR_TALKSPURT_ALREADY_RUNNING');
    assert.match(await gateway.command(`uuid_audio_stream ${id} stop`), /^\+OK/);
    await assertNothingLeft(pbx);

    const nobody = adapter.originate({ endpoint: 'Local/nosuch@test/n', profile: 'agent', timeoutSeconds: 5 });
    assert.is(await codeOf(nobody), 'ERR_TALKSPURT_SWITCH_COMMAND');
    assert.is(await codeOf(adapter.originate({ endpoint: 'Nope/x', profile: 'agent' })), 'ERR_TALKSPURT_ARI_REFUSED');
    const given = new AbortController();
    const ringing = adapter.originate({ endpoint: 'Local/rings@test/n', profile: 'agent' }, given.signal);
    given.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'nobody wants it any more'));
    assert.is(await codeOf(ringing), 'ERR_TALKSPURT_CALL_GONE');
    assert.is(backend.talks.size, 1);

    assert.is(await codeOf(adapter.attach('no-such-channel')), 'ERR_TALKSPURT_UNKNOWN_CALL');
  });
});

test.run();
