/** A whole call over real sockets whose backend, the embedded Realtime server, is killed and restarted in mid-sentence, twice. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { delay } from '../src/core/clock.ts';
import { SimulatedCaller } from '../src/simulator/caller.ts';
import { Restartable, clock, inWorld, openai, spoken } from './sim/killable-backends.ts';

test('killed and restarted in the middle of a sentence of the agent’s, and of the caller’s', async () => {
  let server: Restartable;
  await inWorld(
    async (speech) => {
      server = new Restartable(speech);
      await server.start();
      return { config: { ai: openai(server.url) }, close: () => server.kill() };
    },
    { backend: 'ai', greeting: 'Greet the caller.' },
    async ({ fs, runtime, of, until, speech }) => {
      const question = await spoken(speech, 'Hello there. Is anybody on the line?');
      const caller = new SimulatedCaller({
        script: [
          { waitForAgent: 'starts', timeoutMs: 10_000 },
          { waitForAgent: 'stops', quietMs: 900, timeoutMs: 15_000 },
          question,
          { waitForAgent: 'starts', timeoutMs: 10_000 },
          { silenceMs: 300 },
          { hangup: true },
        ],
      });
      const { uuid } = fs.createCall({ phone: caller });
      await runtime.gateway.startCall(uuid, 'p');
      const heard = (by: string): boolean => of('speech.started').some((event) => event.by === by);
      await until(() => heard('agent'), 'the agent greets');
      await server.kill();
      await until(() => of('call.state').at(-1)?.state === 'reconnecting', 'the loss is seen');
      await server.start();
      await until(() => of('backend.reconnected').length === 1, 'it is there again');
      await until(() => heard('caller'), 'the caller asks');
      const turnsBefore = of('turn.response-latency').length;
      await server.kill();
      await until(() => of('call.state').at(-1)?.state === 'reconnecting', 'the second loss is seen');
      await delay(clock, 200);
      await server.start();
      await until(() => of('backend.reconnected').length === 2, 'it is there again, again');
      await until(() => of('call.ended').length === 1, 'the caller was answered and hangs up');
      assert.is(of('call.ended')[0]?.reason, 'hangup');
      assert.ok(of('turn.response-latency').length > turnsBefore, 'the question was answered');
      assert.is(server.stats.refusedEvents, 0, 'it took everything that it was told');
      assert.ok(server.stats.turns >= 1, 'it heard the turn');
      for (const { droppedMs, keptMs, gapMs } of of('backend.reconnected')) {
        assert.is(droppedMs, 0);
        assert.ok(keptMs > 0 && keptMs <= gapMs + 60, `${keptMs} of ${gapMs} ms`);
      }
    },
  );
});

test.run();
