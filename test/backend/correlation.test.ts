/** One name for a call: in its events, and at every backend. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OpenAiRealtimeBackend } from '../../src/backend/openai-realtime.ts';
import type { OpenAiRealtimeConfig } from '../../src/backend/openai-realtime.ts';
import { StreamBackend } from '../../src/backend/stream-backend.ts';
import { Session } from '../../src/session/session.ts';
import { CallRig } from '../sim/call-rig.ts';
import { FakeBackend, FakeDspPool, FakeLeg } from '../sim/fake-peers.ts';
import * as deepgram from './deepgram-script.ts';
import { ManualClock } from './manual-clock.ts';
import { callOn, listen, sessionCreated, sessionUpdated } from './realtime-script.ts';
import { RecordingSink } from './recording-sink.ts';
import { CALL, StreamPeers, StreamSink } from './stream-rig.ts';

const NAME = 'order-4711';

test('the session takes it from the channel, has it in every event, and hands it to the backend', async () => {
  const rig = new CallRig();
  const leg = new FakeLeg();
  leg.variables.set('sip_h_X-Correlation-ID', NAME);
  const backend = new FakeBackend();
  const { clock, scheduler, events } = rig;
  const parts = { callId: 'c', profile: 'p', leg, backend, dspPool: new FakeDspPool(), scheduler, clock, events };
  const session = new Session(parts);
  await session.start();
  assert.is(backend.call?.correlationId, NAME);
  await session.stop('stopped');
  const own = events.all.filter(({ callId }) => callId === 'c');
  assert.ok(own.length > 4);
  for (const event of own) assert.is(event.callId === undefined ? '' : event.correlationId, NAME, event.type);
});

test('a WebSocket server gets it with the upgrade; a header of the operator goes before', async () => {
  const peers = await StreamPeers.listen();
  for (const extraHeaders of [{}, { traceparent: 'own' }]) {
    const backend = new StreamBackend({ url: peers.url, name: 'ws', extraHeaders }, new ManualClock());
    const call = { ...CALL, correlationId: NAME };
    const stream = await backend.open(call, new StreamSink(), new AbortController().signal);
    const { headers } = (await peers.peer(peers.all.length)).request;
    assert.is(headers['x-correlation-id'], NAME);
    assert.match(String(headers['traceparent']), 'traceparent' in extraHeaders ? /^own$/ : /^00-[0-9a-f]{32}-/);
    await stream.close();
  }
  await peers.close();
});

test('OpenAI gets it with the upgrade, and in the trace where one is asked for', async () => {
  for (const tracing of [undefined, true]) {
    const server = await listen({ onPeer: (peer) => peer.say(sessionCreated()) });
    const config: OpenAiRealtimeConfig = { model: 'm', apiKey: 'sk-test', baseUrl: server.baseUrl, tracing };
    const backend = new OpenAiRealtimeBackend(config, new ManualClock());
    const connected = server.peer();
    const call = { ...callOn(), correlationId: NAME };
    const opening = backend.open(call, new RecordingSink(), new AbortController().signal);
    const peer = await connected;
    const update = await peer.until('session.update');
    peer.say(sessionUpdated(update));
    const stream = await opening;
    assert.is(peer.headers['x-correlation-id'], NAME);
    assert.match(String(peer.headers['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    const trace = {
      workflow_name: 'talkspurt',
      group_id: NAME,
      metadata: { session_uuid: 'call-1', correlation_id: NAME },
    };
    const asked = 'tracing' in update.session ? update.session.tracing : undefined;
    assert.equal(asked, tracing === true ? trace : undefined);
    await stream.close();
    await server.drained();
    await server.close();
  }
});

test('Deepgram gets it with the upgrade and as a tag; a header of the operator goes before', async () => {
  for (const [extraHeaders, traceparent] of [
    [{}, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/],
    [{ traceparent: 'own' }, /^own$/],
  ] as const) {
    const talk = await deepgram.converse({ extraHeaders, tags: ['shop'] }, { correlationId: NAME });
    assert.equal((await talk.peer.until('Settings')).tags, ['shop', NAME]);
    const { headers } = talk.peer;
    assert.is(headers['x-correlation-id'], NAME);
    assert.match(String(headers['traceparent']), traceparent);
    assert.is(headers['authorization'], `Token ${deepgram.SECRET}`);
    await talk.end();
  }
  // A call without a name has no header either: an empty one would be taken for a name.
  const nameless = await deepgram.converse();
  assert.equal(
    [nameless.peer.headers['x-correlation-id'], nameless.peer.headers['traceparent']],
    [undefined, undefined],
  );
  await nameless.end();
});

test.run();
