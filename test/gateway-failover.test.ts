/** Whole calls over real sockets whose backend is killed for good: a second one takes over, and one of another kind and format. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SimulatedCaller } from '../src/simulator/caller.ts';
import { StreamServer } from '../src/simulator/stream-server.ts';
import { Restartable, inWorld, openai, spoken } from './sim/killable-backends.ts';

test('killed for good: the next of the list takes over within 2 s and goes on', async () => {
  let first: Restartable;
  let second: Restartable;
  await inWorld(
    async (speech) => {
      first = new Restartable(speech);
      second = new Restartable(speech);
      await first.start();
      await second.start();
      return {
        config: { one: openai(first.url), two: openai(second.url) },
        close: async () => void (await Promise.all([first.kill(), second.kill()])),
      };
    },
    { backends: ['one', 'two'] },
    async ({ fs, runtime, of, until }) => {
      const { uuid } = fs.createCall({ phone: new SimulatedCaller({ script: [{ silenceMs: 60_000 }] }) });
      await runtime.gateway.startCall(uuid, 'p');
      await first.kill();
      await until(() => of('backend.reconnected').length === 1, 'the other is there');
      const told = of('backend.reconnected')[0]!;
      assert.is(told.backend, 'two');
      assert.ok(told.gapMs <= 2_000, `${told.gapMs} ms`);
      assert.is(second.stats.refusedEvents, 0);
      assert.is(second.stats.responses, 0, 'nothing was asked for: nobody has spoken');
      await runtime.gateway.stop(uuid);
    },
  );
});

test('a server of another kind and format takes over, is told what was said, and hears the caller', async () => {
  let first: Restartable;
  const second = new StreamServer({ sampleRateHz: 16_000, echo: 'binary' });
  await inWorld(
    async (speech) => {
      first = new Restartable(speech);
      await first.start();
      await second.listen();
      const stream = { kind: 'websocket', url: second.url, sampleRateHz: 16_000 };
      return {
        config: { one: openai(first.url), two: stream },
        close: async () => void (await Promise.all([first.kill(), second.close()])),
      };
    },
    { backends: ['one', 'two'], greeting: 'Greet the caller.', bargeIn: false },
    async ({ fs, runtime, of, until, speech }) => {
      const words = await spoken(speech, 'Is anybody there?');
      const caller = new SimulatedCaller({
        script: [{ waitForAgent: 'stops', timeoutMs: 15_000 }, { silenceMs: 800 }, words, { silenceMs: 60_000 }],
      });
      const { uuid } = fs.createCall({ phone: caller });
      await runtime.gateway.startCall(uuid, 'p');
      await until(() => of('transcript').some(({ by, final }) => by === 'agent' && final), 'the agent greets');
      await first.kill();
      await until(() => second.clients.length === 1, 'the other is dialled');
      await until(() => runtime.gateway.session(uuid)?.state === 'talking', 'and has the call');
      const [client] = second.clients;
      await until(() => client?.texts.length === 1, 'it is told');
      const told = JSON.parse(client?.texts[0] ?? '{}') as { type: string; data: { turns: { by: string }[] } };
      assert.is(told.type, 'history');
      assert.equal([...new Set(told.data.turns.map(({ by }) => by))], ['agent']);
      // 20 ms of 16 kHz, 16 bits: the chain was planned anew.
      await until(() => (client?.sizes.get(640) ?? 0) > 50, 'it hears the caller');
      await until(() => client?.heard.some((sample) => Math.abs(sample) > 2_000) ?? false, 'speaking');
      assert.equal(
        of('backend.failover').map(({ previous, backend, outcome }) => [previous, backend, outcome]),
        [['one', 'two', 'succeeded']],
      );
      await runtime.gateway.stop(uuid);
    },
  );
});

test.run();
