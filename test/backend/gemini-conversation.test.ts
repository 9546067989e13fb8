/** The dialogue with Gemini Live under whatever comes, in whatever order: what its sink may rely on. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GeminiConversation } from '../../src/backend/gemini-conversation.ts';
import type { GeminiContent, GeminiEvent } from '../../src/backend/gemini-event.ts';
import { decodeGeminiEvent } from '../../src/backend/gemini-event.ts';
import { RecordingSink } from './recording-sink.ts';

const CONTENT: Partial<GeminiContent>[] = [
  {},
  { interrupted: true },
  { generationComplete: true },
  { turnComplete: true },
  { interrupted: true, turnComplete: true },
  { generationComplete: true, turnComplete: true },
  { waitingForInput: true },
  { turnComplete: true, fault: 'RESPONSE_REJECTED' },
  { input: { text: 'a', finished: false } },
  { input: { text: 'b', finished: true } },
  { output: { text: 'c', finished: false } },
  { output: { text: '', finished: true } },
];

const NOTHING = decodeGeminiEvent(Buffer.from('{}')) as GeminiEvent;
const SILENT = (decodeGeminiEvent(Buffer.from('{"serverContent":{}}')) as GeminiEvent).content!;

type Step =
  | { readonly kind: 'content'; readonly content: Partial<GeminiContent>; readonly audio: boolean }
  | { readonly kind: 'started' | 'stopped' | 'call' | 'result' | 'cancelCall' | 'cancel' | 'say' | 'turn' }
  | { readonly kind: 'pass'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('content' as const),
      content: fc.constantFrom(...CONTENT),
      audio: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('started', 'stopped', 'call', 'result', 'cancelCall', 'cancel', 'say', 'turn' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 4_000 }) }) },
);

test('answers begin and end once and one at a time, audio is of the one that is told, and texts never interrupt', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, detectsTurns) => {
      const sink = new RecordingSink();
      let [nowMs, calls, ended] = [0, 0, false];
      const texts: number[] = [];
      const conversation = new GeminiConversation({
        ...{ backend: 'g', secrets: [], responseTimeoutMs: 5_000, detectsTurns, sink },
        send: () => undefined,
        sendText: () => {
          const under = sink.of('started').length - sink.of('done').length;
          texts.push(under);
        },
        end: () => (ended = true),
      });
      for (const one of steps) {
        if (ended) break;
        if (one.kind === 'content') {
          const content = { ...SILENT, ...one.content };
          conversation.beforeAudio(content, nowMs);
          const itemId = one.audio ? conversation.admitAudio(10, nowMs) : null;
          if (itemId !== null) sink.onAudio(new Uint8Array(2), itemId);
          conversation.afterAudio(content, nowMs);
        } else if (one.kind === 'started' || one.kind === 'stopped') {
          conversation.handle({ ...NOTHING, speech: one.kind }, nowMs);
        } else if (one.kind === 'call') {
          calls += 1;
          conversation.handle({ ...NOTHING, calls: [{ id: `${calls}`, name: 'n', argumentsJson: '{}' }] }, nowMs);
        } else if (one.kind === 'result') conversation.sendToolResult(`${calls}`, '{}', nowMs);
        else if (one.kind === 'cancelCall') conversation.handle({ ...NOTHING, cancelledCalls: [`${calls}`] }, nowMs);
        else if (one.kind === 'cancel') conversation.cancel();
        else if (one.kind === 'say') conversation.say('Hm.', nowMs);
        else if (one.kind === 'turn') conversation.turnEnded(nowMs);
        else if (one.kind === 'pass') {
          nowMs += one.ms;
          conversation.watch(nowMs);
        }
      }
      let open: string | null = null;
      const seen = new Set<string>();
      for (const entry of sink.all) {
        if (entry.kind === 'started') {
          assert.is(open, null, 'one at a time');
          assert.is(seen.has(entry.responseId), false, 'once');
          seen.add(entry.responseId);
          open = entry.responseId;
        } else if (entry.kind === 'audio' || entry.kind === 'audio-done') assert.is(entry.itemId, open);
        else if (entry.kind === 'done') {
          assert.is(entry.responseId, open);
          open = null;
        }
      }
      assert.ok(
        texts.every((under) => under === 0),
        'nothing was under way when a text was sent',
      );
      const edges = sink.of('speech').map(({ edge }) => edge);
      assert.ok(
        edges.every((edge, n) => edge === (n % 2 === 0 ? 'started' : 'stopped')),
        edges.join(),
      );
      if (!detectsTurns) assert.is(edges.length, 0);
    }),
    { numRuns: 500 },
  );
});

test('every word is in a transcript that is whole, once the turn is over', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('audio', 'words', 'caller', 'generated' as const), { maxLength: 30 }),
      (steps) => {
        const sink = new RecordingSink();
        const conversation = new GeminiConversation({
          ...{ backend: 'g', secrets: [], responseTimeoutMs: 5_000, detectsTurns: true, sink },
          ...{ send: () => undefined, sendText: () => undefined, end: () => undefined },
        });
        const said = { agent: '', caller: '' };
        let word = 0;
        const tell = (content: Partial<GeminiContent>): void => {
          conversation.beforeAudio({ ...SILENT, ...content }, 0);
          conversation.afterAudio({ ...SILENT, ...content }, 0);
        };
        conversation.admitAudio(10, 0);
        for (const one of steps) {
          const text = ` w${(word += 1)}`;
          if (one === 'audio') conversation.admitAudio(10, 0);
          else if (one === 'generated') tell({ generationComplete: true });
          else if (one === 'words') {
            said.agent += text;
            tell({ output: { text, finished: false } });
          } else {
            said.caller += text;
            tell({ input: { text, finished: false } });
          }
        }
        conversation.admitAudio(10, 0);
        tell({ turnComplete: true });
        for (const by of ['agent', 'caller'] as const) {
          const whole = sink.of('transcript').filter((entry) => entry.by === by && entry.final);
          assert.is(whole.map(({ text }) => text).join(' '), said[by].trim());
        }
      },
    ),
  );
});

test.run();
