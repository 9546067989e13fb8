import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  streamConnectBody,
  streamDisconnectBody,
  streamEndEvent,
  streamErrorBody,
  streamFaultOf,
  streamPlayBody,
} from '../../src/backend/stream-event-bodies.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import recorded from '../fixtures/freeswitch-transcripts/mod-audio-stream.json' with { type: 'json' };

const bodies = recorded.events.map(({ event, body }) => `${event} ${body}`);

function said(event: string, body: string): void {
  assert.ok(bodies.includes(`mod_audio_stream::${event} ${body}`), `${event} ${body}`);
}

function fault(
  code: ConstructorParameters<typeof TalkspurtError>[0],
  details: Record<string, string | number>,
): TalkspurtError {
  return new TalkspurtError(code, 'ours', { details });
}

test('bodies are the recorded ones, byte by byte', () => {
  said('connect', streamConnectBody());
  said('disconnect', streamDisconnectBody(1000, 'because'));
  said('disconnect', streamDisconnectBody(4001, 'because'));
  said('error', streamErrorBody(6, 'WebSocket upgrade failed'));
  const play = recorded.events.find(({ event }) => event === 'mod_audio_stream::play')!.body;
  const { file } = JSON.parse(play) as { file: string };
  const data = { audioDataType: 'raw', sampleRate: 8000, audioData: 'AAAA', foo: 'bar' };
  said('play', streamPlayBody(data, file));
  assert.is(streamPlayBody(data), '{"audioDataType":"raw","sampleRate":8000,"foo":"bar"}');
});

test('a fault of ours has the module’s code and words', () => {
  const errors = [
    fault('ERR_TALKSPURT_BACKEND_REFUSED', { errno: 'ECONNREFUSED' }),
    fault('ERR_TALKSPURT_BACKEND_AUTH', { status: 403 }),
    fault('ERR_TALKSPURT_BACKEND_REFUSED', { errno: 'ENOTFOUND' }),
    fault('ERR_TALKSPURT_BACKEND_CLOSED', { closeCode: 1006 }),
  ];
  for (const error of errors) {
    const { code, message } = streamFaultOf(error);
    said('error', streamErrorBody(code, message));
  }
  assert.equal(streamFaultOf(fault('ERR_TALKSPURT_BACKEND_TIMEOUT', {})), { code: 10, message: 'Timeout' });
  assert.equal(streamFaultOf(fault('ERR_TALKSPURT_BACKEND_REFUSED', { errno: 'EPROTO' })).code, 6);
  assert.equal(streamFaultOf(fault('ERR_TALKSPURT_BACKEND_REFUSED', { errno: 'SELF_SIGNED' })), {
    code: 6,
    message: 'SELF_SIGNED',
  });
  assert.equal(streamFaultOf(fault('ERR_TALKSPURT_BACKEND_PROTOCOL', {})), { code: 1, message: 'ours' });
});

test('an end with a goodbye is a disconnect, one without an error', () => {
  assert.is(streamEndEvent(null), null);
  assert.is(streamEndEvent(null, { code: 1000, reason: 'r' })?.name, 'disconnect');
  assert.is(
    streamEndEvent(fault('ERR_TALKSPURT_BACKEND_CLOSED', { closeCode: 4001 }), { code: 4001, reason: '' })?.name,
    'disconnect',
  );
  assert.is(
    streamEndEvent(fault('ERR_TALKSPURT_BACKEND_CLOSED', { closeCode: 1006 }), { code: 1006, reason: '' })?.name,
    'error',
  );
});

test.run();
