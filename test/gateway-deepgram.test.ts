/** Whole calls with Deepgram's Voice Agent as the backend: a switch, the gateway as `talkspurt serve` runs it, and the embedded server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SimulatedCaller } from '../src/simulator/caller.ts';
import { prepareScript } from '../src/simulator/caller-script.ts';
import type { CallerLine } from '../src/simulator/caller-script.ts';
import { SpeechSynthesizer } from '../src/simulator/speech.ts';
import type { SpeechSource } from '../src/simulator/speech.ts';
import { isHeard, withDeepgram } from './sim/deepgram-host.ts';
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

test('a whole call: greeted, understood by a function of ours, cut short, and said goodbye to', () =>
  withDeepgram(
    drawnOut('It is nine'),
    { backend: { greeting: 'Hello there.', tools: [{ name: 'look_up', description: 'The time' }] } },
    async ({ fs, ask, runtime, events, settle }, server) => {
      const phone = await caller(
        { waitForAgent: 'stops', quietMs: 300, timeoutMs: 5_000 },
        { say: 'What time is it?' },
        { interruptAfterMs: 1_000, timeoutMs: 5_000 },
        { say: 'Thank you.' },
        { waitForAgent: 'starts', timeoutMs: 5_000 },
        { waitForAgent: 'stops', quietMs: 200, timeoutMs: 5_000 },
        { hangup: true },
      );
      const { uuid } = fs.createCall({ phone, codec: 'PCMU' });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
      const of = <T extends (typeof events)[number]['type']>(
        type: T,
      ): Extract<(typeof events)[number], { type: T }>[] =>
        events.filter((event): event is Extract<(typeof events)[number], { type: T }> => event.type === type);
      await settle(() => of('tool.call').length === 1, 'the function is called');
      const [call] = of('tool.call');
      assert.equal([call?.name, call?.argumentsJson], ['look_up', '{"day":"today"}']);
      runtime.gateway.session(uuid)?.sendToolResult(call?.toolCallId ?? '', '{"time":"nine"}');
      await settle(() => of('barge-in').length === 1, 'the caller cuts in');
      const [bargeIn] = of('barge-in');
      assert.ok((bargeIn?.playedMs ?? 0) > 800 && (bargeIn?.playedMs ?? 0) < 3_000, JSON.stringify(bargeIn));
      await settle(() => runtime.gateway.callCount === 0, 'the call is over');
      const said = of('transcript').filter(({ by }) => by === 'agent');
      assert.equal(
        said.map(({ text }) => text.slice(0, 10)),
        ['Hello ther', 'It is nine', 'Goodbye.'],
      );
      assert.is(of('transcript').filter(({ by }) => by === 'caller').length, 2);
      assert.is(of('turn.response-latency').length, 2);
      assert.is(of('backend.error').length, 0);
      assert.is(server.stats.answersInterrupted, 1);
      assert.is(server.stats.errors, 0);
    },
  ));

test('the greeting of a profile is asked for, and nobody is said to have said it', () =>
  withDeepgram(speech, { profile: { greeting: 'Say hello.' } }, async ({ fs, ask, events, settle }) => {
    const phone = new LevelPhone();
    const { uuid } = fs.createCall({ phone, codec: 'PCMA' });
    assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
    await settle(() => isHeard(phone), 'the greeting is heard');
    const texts = events.flatMap((event) => (event.type === 'transcript' ? [`${event.by}: ${event.text}`] : []));
    assert.equal(texts, ['agent: Hello.']);
    assert.match(await ask(`uuid_audio_stream ${uuid} say Exactly this.`), /^\+OK/);
    await settle(() => events.some((event) => event.type === 'transcript' && event.text === 'Exactly this.'), 'said');
    assert.match(await ask(`uuid_audio_stream ${uuid} stop`), /^\+OK/);
  }));

test.run();
