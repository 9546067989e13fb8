import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpenAiTurnDetection } from '../../src/backend/openai-config.ts';
import { sessionUpdate, streamFormat } from '../../src/backend/openai-session-update.ts';

const PCMU = { codec: 'pcmu', sampleRateHz: 8000 } as const;

function turnDetection(wanted?: OpenAiTurnDetection): unknown {
  const update = sessionUpdate({ model: 'm', apiKey: 'k', turnDetection: wanted }, PCMU, 'setup-1');
  return update.session.audio?.input?.turn_detection;
}

test('G.711 goes through as it is, everything else as 24 kHz PCM', () => {
  assert.equal(streamFormat({ codec: 'pcmu', sampleRateHz: 8000 }), PCMU);
  assert.equal(streamFormat({ codec: 'pcma', sampleRateHz: 8000 }), { codec: 'pcma', sampleRateHz: 8000 });
  for (const sampleRateHz of [8000, 16000, 24000, 48000] as const) {
    assert.equal(streamFormat({ codec: 'l16', sampleRateHz }), { codec: 'l16', sampleRateHz: 24000 });
  }
  assert.equal(streamFormat({ codec: 'pcmu', sampleRateHz: 16000 }), { codec: 'l16', sampleRateHz: 24000 });
});

test('the least: formats, audio out, server VAD that answers and does not interrupt', () => {
  assert.equal(sessionUpdate({ model: 'm', apiKey: 'k' }, PCMU, 'setup-1'), {
    type: 'session.update',
    event_id: 'setup-1',
    session: {
      type: 'realtime',
      output_modalities: ['audio'],
      audio: {
        input: {
          format: { type: 'audio/pcmu' },
          turn_detection: { type: 'server_vad', create_response: true, interrupt_response: false },
        },
        output: { format: { type: 'audio/pcmu' } },
      },
    },
  });
});

test('everything', () => {
  const update = sessionUpdate(
    {
      model: 'm',
      apiKey: 'k',
      voice: 'marin',
      instructions: 'Be brief.',
      transcriptionModel: 'whisper-1',
      speed: 1.2,
      temperature: 0.7,
      maxOutputTokens: 'inf',
      noiseReduction: 'near_field',
      tools: [{ name: 'a' }, { name: 'b', description: 'B', parameters: { type: 'object' } }],
    },
    { codec: 'l16', sampleRateHz: 24000 },
    'setup-1',
  );
  const format = { type: 'audio/pcm', rate: 24000 };
  assert.equal(update.session.audio?.output, { format, voice: 'marin', speed: 1.2 });
  assert.equal(update.session.audio?.input?.format, format);
  assert.equal(update.session.audio?.input?.noise_reduction, { type: 'near_field' });
  assert.equal(update.session.audio?.input?.transcription, { model: 'whisper-1' });
  assert.equal(update.session.tools, [
    { type: 'function', name: 'a', parameters: { type: 'object', properties: {} } },
    { type: 'function', name: 'b', parameters: { type: 'object' }, description: 'B' },
  ]);
  assert.is(update.session.tool_choice, 'auto');
  assert.is(update.session.max_output_tokens, 'inf');
  assert.is(update.session.instructions, 'Be brief.');
  assert.is(update.session.temperature, 0.7);
});

test('turn detection', () => {
  assert.is(turnDetection({ type: 'none' }), null);
  assert.equal(turnDetection({ type: 'semantic_vad', eagerness: 'high' }), {
    type: 'semantic_vad',
    create_response: true,
    interrupt_response: false,
    eagerness: 'high',
  });
  assert.equal(
    turnDetection({
      type: 'server_vad',
      threshold: 0.6,
      prefixPaddingMs: 200,
      silenceDurationMs: 400,
      idleTimeoutMs: 8000,
    }),
    {
      type: 'server_vad',
      create_response: true,
      interrupt_response: false,
      threshold: 0.6,
      prefix_padding_ms: 200,
      silence_duration_ms: 400,
      idle_timeout_ms: 8000,
    },
  );
});

test.run();
