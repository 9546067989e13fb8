/** A handover that is refused, by the simulated switch: its dialplan goes on. The rest is recorded, in outbound-socket.test.ts. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { OutboundSocketServer } from '../../../src/switch/freeswitch/outbound-socket.ts';
import type { OutboundRefusal } from '../../../src/switch/freeswitch/outbound-socket.ts';
import { withSwitch } from '../../simulator/switch-bench.ts';
import { HandClock, until } from './hand-clock.ts';

test('refused: the dialplan goes on, and knows why', async () => {
  const refusals: OutboundRefusal[] = [];
  const server = new OutboundSocketServer({
    host: '127.0.0.1',
    port: 0,
    clock: new HandClock(),
    admit: () => {
      throw new TalkspurtError('ERR_TALKSPURT_CALL_LIMIT', 'all calls are in use');
    },
    onChannel: async () => undefined,
    onRefused: (refusal) => void refusals.push(refusal),
  });
  const { port } = await server.listen();
  try {
    const script = [`socket:127.0.0.1:${port} async full`, 'set:came_back=yes', 'park'];
    await withSwitch({ extensions: { 7001: script } }, async ({ call, ticks }) => {
      const { channel } = call({ uuid: 'call-1', parked: false, answered: false });
      channel.transfer('7001');
      for (let turn = 0; turn < 200 && !channel.variables.has('came_back'); turn += 1) await ticks(1);
      assert.is(channel.variables.get('came_back'), 'yes');
      assert.is(channel.variables.get('talkspurt_refused'), 'ERR_TALKSPURT_CALL_LIMIT');
      await until(() => refusals.length === 1, 'told');
      assert.is(refusals[0]!.channel.uuid, 'call-1');
      assert.is(refusals[0]!.left, false);
    });
  } finally {
    await server.close();
  }
});

test.run();
