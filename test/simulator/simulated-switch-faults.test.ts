// What tests may do to the simulated switch to see how its clients bear it.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import { RawClient } from '../switch/freeswitch/recorded-dialogue.ts';
import { api, unicast, withSwitch } from './switch-bench.ts';

const test = suite('SimulatedSwitch, faults');

test('dropConnections: calls go on and clients may come back', () =>
  withSwitch({}, async ({ simulated, call, client, ticks }) => {
    const { channel } = call();
    const esl = await client();
    simulated.dropConnections();
    await until(() => esl.closed, 'cut');
    assert.not.match(esl.received, /disconnect-notice/);
    await ticks(3);
    assert.is(await api(await client(), `uuid_exists ${channel.uuid}`), 'true');
  }));

test('refuseAuth: the right password is wrong', () =>
  withSwitch({}, async ({ simulated, client }) => {
    simulated.refuseAuth(true);
    const stranger = new RawClient(simulated.port);
    stranger.send('auth ClueCon\n\n');
    await until(() => stranger.ended, 'FIN');
    assert.match(stranger.received, /-ERR invalid\n\nContent-Type: text\/disconnect-notice/);
    stranger.close();
    simulated.refuseAuth(false);
    await client();
  }));

test('allow: an access list that shuts everyone out', () =>
  withSwitch({}, async ({ simulated }) => {
    simulated.allow([]);
    const stranger = new RawClient(simulated.port);
    await until(() => stranger.ended, 'FIN');
    assert.match(stranger.received, /rude-rejection/);
    stranger.close();
  }));

test('freeze: connected, and silent, until thaw', () =>
  withSwitch({}, async ({ simulated, call, client, peer, ticks }) => {
    const { channel } = call();
    const [esl, { peer: far, port }] = [await client(), await peer()];
    await esl.ask('event plain CHANNEL_HANGUP\n\n', /enabled plain\n\n$/);
    await unicast(esl, channel.uuid, port);
    await ticks(4);
    simulated.freeze();
    const [heard, frames] = [esl.received.length, far.received.length];
    esl.send('api hostname\n\n');
    const late = new RawClient(simulated.port);
    await ticks(20);
    assert.is(esl.received.length, heard);
    assert.is(far.received.length, frames);
    assert.is(late.received, '');
    simulated.thaw();
    await until(() => esl.received.endsWith('localhost'), 'answer');
    await until(() => late.received !== '', 'auth/request');
    await ticks(4);
    assert.ok(far.received.length > frames);
    late.close();
    await until(() => simulated.clientCount === 1, 'gone');
  }));

test('crash on demand: everything is gone at once', () =>
  withSwitch({}, async ({ simulated, call, client, clock }) => {
    const { phone } = call();
    const esl = await client();
    simulated.crash('SIGKILL');
    simulated.crash('again');
    assert.is(simulated.crashed, 'SIGKILL');
    await until(() => esl.closed, 'cut');
    assert.is(phone.endedWith, 38);
    assert.is(clock.hasTimerWithin(20), false, 'no media timer');
    const late = new RawClient(simulated.port || 1);
    await until(() => late.closed, 'refused');
  }));

test('writeRaw and fireCustom', () =>
  withSwitch({}, async ({ simulated, client }) => {
    const esl = await client();
    simulated.writeRaw('garbage\n\n');
    await until(() => esl.received.endsWith('garbage\n\n'), 'garbage');
    await esl.ask('event json CUSTOM a::b\n\n', /enabled json\n\n$/);
    simulated.fireCustom('a::c');
    simulated.fireCustom('a::b', [['X', '1']], 'body');
    await until(() => esl.received.includes('"_body":"body"'), 'event');
    assert.match(esl.received, /\{"Event-Subclass":"a::b","Event-Name":"CUSTOM"/);
    assert.not.match(esl.received, /a::c/);
  }));

test('close ends calls, says goodbye, and may be called twice', () =>
  withSwitch({}, async ({ simulated, call, client }) => {
    const { phone } = call();
    const esl = await client();
    const closing = simulated.close();
    await until(() => esl.ended, 'FIN');
    esl.close();
    await closing;
    await simulated.close();
    assert.match(esl.received, /disconnect-notice/);
    assert.is(phone.endedWith, 701);
  }));

test.run();
