/** A configuration with speech, made: the embedded backend writes, a vendor's endpoint speaks, the voice inside the process takes over. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../src/config.ts';
import { SystemClock } from '../src/core/clock.ts';
import type { TalkspurtEvent } from '../src/core/events.ts';
import { makeProfiles } from '../src/gateway-backends.ts';
import type { BackendMakers } from '../src/gateway-backends.ts';
import { BreakerBoard } from '../src/resilience/breaker-board.ts';
import type { BreakerChange } from '../src/resilience/circuit-breaker.ts';
import { RealtimeServer } from '../src/simulator/realtime-server.ts';
import { SpeechSynthesizer } from '../src/simulator/speech.ts';
import { TurnBudget } from '../src/speech/turn-budget.ts';
import { callOn } from './backend/realtime-script.ts';
import { RecordingSink } from './backend/recording-sink.ts';
import { ScriptedBackend } from './sim/scripted-backend.ts';
import { SpeechServices } from './sim/speech-services.ts';

const clock = new SystemClock();

async function world(speech: (services: SpeechServices) => object) {
  const services = await SpeechServices.listen();
  const voices = new SpeechSynthesizer();
  const server = new RealtimeServer({ clock, speech: voices, thinkMs: 0 });
  await server.listen();
  const backend = { kind: 'openai', baseUrl: server.url, apiKey: 'k', speech: speech(services) };
  const text = JSON.stringify({ frontDoor: false, backends: { b: backend }, profiles: { p: { backend: 'b' } } });
  const events: TalkspurtEvent[] = [];
  const changes: BreakerChange[] = [];
  const makers: BackendMakers = {
    clock,
    speech: voices,
    closers: [],
    given: {},
    onStreamEvent: () => undefined,
    breakers: new BreakerBoard({ clock }),
    events: { emit: (event) => void events.push(event) },
    onBreaker: (change) => void changes.push(change),
    voices: new Map(),
    embedded: null,
  };
  const { profiles } = await makeProfiles(loadConfig({ text, path: 'test.yaml', env: {} }), makers);
  const sink = new RecordingSink();
  const stream = await profiles.get('p')!.backend.open(callOn(), sink, new AbortController().signal);
  return {
    services,
    makers,
    events,
    changes,
    sink,
    stream,
    async end(): Promise<void> {
      await stream.close();
      await server.close();
      await services.close();
      await voices.close();
    },
  };
}

test('what the backend writes is spoken by the engine of the configuration', async () => {
  const rig = await world(({ elevenLabsUrl: baseUrl }) => ({
    engine: 'elevenlabs',
    voice: 'v',
    apiKey: 'k1',
    baseUrl,
  }));
  assert.equal(rig.stream.outputFormat, { codec: 'pcmu', sampleRateHz: 8000 });
  rig.stream.requestResponse('Greet the caller.');
  await rig.sink.until('done');
  assert.equal(
    rig.services.requests.map(({ text, format, key }) => [text, format, key]),
    [
      ['Good morning, this is the ferry office.', 'ulaw_8000', 'k1'],
      ['How can I help you?', 'ulaw_8000', 'k1'],
    ],
  );
  const heard = rig.sink.of('audio').reduce((sum, { audio }) => sum + audio.length, 0);
  assert.is(heard, 9_600);
  assert.equal(
    rig.events.map(({ type }) => type),
    ['speech.sentence', 'speech.sentence'],
  );
  await rig.end();
});

test('a key that is refused brings the voice inside the process, and that is told', async () => {
  const rig = await world(({ url: baseUrl }) => ({
    engine: 'openai',
    apiKey: 'sk-wrong-one',
    baseUrl,
    fallback: { engine: 'embedded', voice: 'kal' },
  }));
  assert.equal(rig.stream.outputFormat, { codec: 'l16', sampleRateHz: 24000 });
  rig.stream.say?.('Hello.');
  await rig.sink.until('audio');
  assert.equal(
    rig.changes.map(({ name, state, reason }) => [name, state, reason]),
    [['b:speech:first', 'open', 'ERR_TALKSPURT_TTS_AUTH']],
  );
  assert.equal(
    rig.makers.voices
      .get('b')
      ?.breaker.view()
      .map(({ name, state }) => [name, state]),
    [
      ['b:speech', 'closed'],
      ['b:speech:first', 'open'],
    ],
  );
  await rig.end();
});

test('calls with settings of their own share the turns of the event loop with the others of their backend', async () => {
  const rig = await world(({ url: baseUrl }) => ({
    engine: 'openai',
    apiKey: 'sk-wrong-one',
    baseUrl,
    fallback: { engine: 'embedded', voice: 'kal' },
  }));
  const budgets = new Set<TurnBudget>();
  const { run } = TurnBudget.prototype;
  TurnBudget.prototype.run = function (this: TurnBudget, ...given) {
    budgets.add(this);
    return run.apply(this, given) as ReturnType<typeof run<never>>;
  };
  try {
    for (const text of ['Hello.', 'Good morning.']) {
      const own = rig.makers.voices.get('b')!.spoken(new ScriptedBackend('variant', clock));
      const sink = new RecordingSink();
      const stream = await own.open(callOn(), sink, new AbortController().signal);
      stream.say?.(text);
      await sink.until('audio');
      await stream.close();
    }
  } finally {
    TurnBudget.prototype.run = run;
  }
  assert.is(budgets.size, 1);
  await rig.end();
});

test.run();
