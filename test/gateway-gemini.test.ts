/** Whole calls with Gemini Live as the backend: a switch, the gateway as `talkspurt serve` runs it, and the embedded server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtEvent } from '../src/core/events.ts';
import { SimulatedCaller } from '../src/simulator/caller.ts';
import { prepareScript } from '../src/simulator/caller-script.ts';
import type { CallerLine } from '../src/simulator/caller-script.ts';
import { SpeechSynthesizer } from '../src/simulator/speech.ts';
import type { SpeechSource } from '../src/simulator/speech.ts';
import { isHeard } from './sim/deepgram-host.ts';
import { withGemini } from './sim/gemini-host.ts';
import { LevelPhone } from './sim/whole-host.ts';

const speech = new SpeechSynthesizer();
test.after(() => speech.close());

async function caller(...lines: CallerLine[]): Promise<SimulatedCaller> {
  return new SimulatedCaller({ script: await prepareScript(lines, speech, 'slt') });
}

/** The same voice, but of a sentence that begins with `words` there is no end within the test: it can only be cut short. */
function drawnOut(words: string): SpeechSource {
  return {
    synthesize: async (text, voice, speed) => {
      const { samples, sampleRateHz } = await speech.synthesize(text, voice, speed);
      if (!text.startsWith(words)) return { samples, sampleRateHz };
      const drawn = new Int16Array(samples.length * 8);
      for (let at = 0; at < drawn.length; at += samples.length) drawn.set(samples, at);
      return { samples: drawn, sampleRateHz };
    },
  };
}

type Of<T extends TalkspurtEvent['type']> = Extract<TalkspurtEvent, { type: T }>;

const picked =
  (events: readonly TalkspurtEvent[]) =>
  <T extends TalkspurtEvent['type']>(type: T): Of<T>[] =>
    events.filter((event): event is Of<T> => event.type === type);

/** What was said to its end or cut off, by whom. */
function spoken(events: readonly TalkspurtEvent[], by: 'caller' | 'agent'): string[] {
  return picked(events)('transcript').flatMap((event) => (event.final && event.by === by ? [event.text] : []));
}

const QUESTION: CallerLine[] = [{ waitForAgent: 'stops', quietMs: 300, timeoutMs: 8_000 }, { say: 'What time is it?' }];
const FAREWELL: CallerLine[] = [
  { waitForAgent: 'starts', timeoutMs: 8_000 },
  { waitForAgent: 'stops', quietMs: 300, timeoutMs: 8_000 },
  { hangup: true },
];

for (const turnDetection of [{ type: 'automatic' }, { type: 'none' }]) {
  test(`a whole call, turns ${turnDetection.type}: greeted, understood by a function of ours, cut short, and said goodbye to`, () =>
    withGemini(
      drawnOut('It is nine'),
      {
        backend: { tools: [{ name: 'look_up', description: 'The time' }], turnDetection },
        profile: { greeting: 'Say hello.' },
      },
      async ({ fs, ask, runtime, events, settle }, server) => {
        const phone = await caller(
          ...QUESTION,
          { interruptAfterMs: 1_000, timeoutMs: 8_000 },
          { say: 'Thank you.' },
          ...FAREWELL,
        );
        const { uuid } = fs.createCall({ phone, codec: 'PCMU' });
        assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
        const of = picked(events);
        await settle(() => of('tool.call').length === 1, 'the function is called');
        const [call] = of('tool.call');
        assert.equal([call?.name, call?.argumentsJson], ['look_up', '{"day":"today"}']);
        runtime.gateway.session(uuid)?.sendToolResult(call?.toolCallId ?? '', '{"time":"nine"}');
        await settle(() => of('barge-in').length === 1, 'the caller cuts in');
        const [bargeIn] = of('barge-in');
        assert.ok((bargeIn?.playedMs ?? 0) > 800 && (bargeIn?.playedMs ?? 0) < 3_500, JSON.stringify(bargeIn));
        await settle(() => runtime.gateway.callCount === 0, 'the call is over');
        assert.equal(
          spoken(events, 'agent').map((text) => text.slice(0, 8)),
          ['Hello th', 'It is ni', 'Goodbye.'],
        );
        assert.is(spoken(events, 'caller').length, 2);
        assert.equal([of('backend.error'), of('backend.reconnecting')], [[], []]);
        assert.is(server.stats.answersInterrupted, 1);
        assert.is(server.stats.refusals, 0);
      },
    ));
}

test('an announced end of the connection: the session moves, and nobody notices', () =>
  withGemini(
    speech,
    {
      server: {
        resumeAfterMs: 0,
        dialogue: { greeting: ['Hello there.'], answers: [{ say: ['One.'] }, { say: ['Two.'] }] },
      },
      profile: { greeting: 'Say hello.' },
    },
    async ({ fs, ask, runtime, events, settle }, server) => {
      const phone = await caller(...QUESTION, ...FAREWELL.slice(0, 2), { say: 'And then?' }, ...FAREWELL);
      const { uuid } = fs.createCall({ phone, codec: 'PCMU' });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
      await settle(() => spoken(events, 'agent').length === 1, 'greeted');
      server.goAway(30_000);
      await settle(() => server.stats.sessionsResumed === 1, 'it has moved');
      await settle(() => spoken(events, 'agent').length === 2, 'answered');
      // The caller is asking by then, or the agent answers: at the next quiet moment.
      server.goAway(30_000);
      await settle(() => runtime.gateway.callCount === 0, 'the call is over');
      assert.equal(spoken(events, 'agent'), ['Hello there.', 'One.', 'Two.']);
      assert.is(spoken(events, 'caller').length, 2);
      const of = picked(events);
      assert.equal(
        [of('backend.error'), of('backend.closed').filter(({ error }) => error), of('backend.reconnecting')],
        [[], [], []],
      );
      assert.is(server.stats.refusals, 0);
      assert.is(server.stats.sessionsResumed, 2);
    },
  ));

test('the announced end comes while the agent speaks: it is heard to its end, and nothing twice', () =>
  withGemini(
    speech,
    {
      server: { dialogue: { greeting: ['Hello there, and welcome to the shop.'], answers: [{ say: ['One.'] }] } },
      profile: { greeting: 'Say hello.' },
    },
    async ({ fs, ask, runtime, events, settle }, server) => {
      const phone = await caller(...QUESTION, ...FAREWELL);
      const { uuid } = fs.createCall({ phone, codec: 'PCMU' });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
      const of = picked(events);
      await settle(() => of('speech.started').some(({ by }) => by === 'agent'), 'the agent speaks');
      server.goAway(300);
      await settle(() => of('backend.reconnected').length === 1, 'another connection');
      await settle(() => runtime.gateway.callCount === 0, 'the call is over');
      const [closed] = of('backend.closed');
      assert.is(closed?.error?.code, 'ERR_TALKSPURT_BACKEND_SESSION_EXPIRED');
      assert.is(spoken(events, 'agent').at(-1), 'One.');
      assert.is(spoken(events, 'agent').filter((text) => text.startsWith('Hello')).length <= 1, true);
      assert.is(server.stats.sessionsResumed, 1);
    },
  ));

test('a lost connection: the call has another one, which goes on by the handle', () =>
  withGemini(
    speech,
    {
      server: { dialogue: { greeting: ['Hello there.'], answers: [{ say: ['One.'] }, { say: ['Two.'] }] } },
      profile: { greeting: 'Say hello.' },
    },
    async ({ fs, ask, runtime, events, settle }, server) => {
      const phone = await caller(...QUESTION, ...FAREWELL);
      const { uuid } = fs.createCall({ phone, codec: 'PCMU' });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
      await settle(() => spoken(events, 'agent').length === 1, 'greeted');
      await new Promise((resolve) => setTimeout(resolve, 100));
      server.dropConnections();
      await settle(() => runtime.gateway.callCount === 0, 'the call is over');
      assert.is(picked(events)('backend.reconnected').length, 1);
      assert.is(server.stats.sessionsResumed, 1);
      assert.equal(spoken(events, 'agent').slice(-1), ['One.']);
    },
  ));

test('text frames, the other law, and a text that is to be said word for word', () =>
  withGemini(speech, { server: { frames: 'text' } }, async ({ fs, ask, events, settle }) => {
    const phone = new LevelPhone();
    const { uuid } = fs.createCall({ phone, codec: 'PCMA' });
    assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
    assert.match(await ask(`uuid_audio_stream ${uuid} say Exactly this.`), /^\+OK/);
    await settle(() => isHeard(phone), 'something is heard');
    await settle(() => spoken(events, 'agent').length > 0, 'and written down');
    assert.match(await ask(`uuid_audio_stream ${uuid} stop`), /^\+OK/);
  }));

test.run();
