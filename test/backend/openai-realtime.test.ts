/** A whole conversation over a real socket, with a scripted server at the other end. */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { audioDelta, audioDone, converse, responseCreated, responseDone } from './realtime-script.ts';

test('a call by the book: set-up, audio both ways, transcripts, end', async () => {
  const talk = await converse({ transcriptionModel: 'whisper-1', voice: 'marin', instructions: 'Be brief.' });
  const { peer, sink, stream } = talk;
  assert.is(peer.url, '/v1/realtime?model=gpt-realtime');
  assert.is(peer.headers['authorization'], 'Bearer sk-test-0123456789');
  assert.is(peer.headers['openai-beta'], undefined);
  assert.is(peer.headers['sec-websocket-extensions'], undefined);
  assert.equal(stream.inputFormat, { codec: 'pcmu', sampleRateHz: 8000 });
  assert.equal(stream.outputFormat, { codec: 'pcmu', sampleRateHz: 8000 });
  assert.is(stream.detectsTurns, true);

  const frame = randomBytes(160);
  assert.is(stream.sendAudio(frame), true);
  const append = await peer.until('input_audio_buffer.append');
  assert.equal(append, { type: 'input_audio_buffer.append', audio: frame.toString('base64') });

  const said = randomBytes(480);
  peer.say({ type: 'input_audio_buffer.speech_started', event_id: 'e', audio_start_ms: 0, item_id: 'i1' });
  peer.say({ type: 'input_audio_buffer.speech_stopped', event_id: 'e', audio_end_ms: 900, item_id: 'i1' });
  peer.say(responseCreated('r1'));
  peer.say(audioDelta('r1', 'i2', said.subarray(0, 200)));
  peer.say(audioDelta('r1', 'i2', said.subarray(200)));
  peer.say(audioDone('r1', 'i2'));
  peer.say(responseDone('r1'));
  await sink.until('done');
  assert.equal(
    sink.all.map((entry) => entry.kind),
    ['speech', 'speech', 'started', 'audio', 'audio', 'audio-done', 'done'],
  );
  assert.equal(sink.audioOf('i2'), said);
  assert.is(stream.stats.inputTokens, 7);
  assert.is(stream.stats.outputTokens, 11);
  await talk.end();
  assert.is(peer.closeCode, 1000);
  assert.is(sink.of('closed').length, 0);
});

test.run();
