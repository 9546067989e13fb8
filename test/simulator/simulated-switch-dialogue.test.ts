// Everything that was recorded between clients and a real FreeSWITCH, said again to the simulated one.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import { HandClock } from '../switch/freeswitch/hand-clock.ts';
import { dialogues, RawClient, replay } from '../switch/freeswitch/recorded-dialogue.ts';
import { until } from '../switch/freeswitch/hand-clock.ts';

const test = suite('SimulatedSwitch, recorded dialogues');

const identity = { switchname: 'labfs', hostname: 'vm', ipv4: '192.0.2.2', ipv6: 'fd00::2' };
const version = '1.11.2-release git 3f13ad1 2026-08-09 16:23:10Z 64bit';

for (const file of ['esl-raw', 'fs-cli-x', 'fs-cli-interactive', 'fs-cli-batch']) {
  for (const dialogue of dialogues(file)) {
    test(`${file}: ${dialogue.name}`, async () => {
      const clock = new HandClock();
      const simulated = new SimulatedSwitch({ clock, identity, version });
      await simulated.listen();
      try {
        for (const { recorded, heard } of await replay(dialogue, simulated.port, clock)) assert.is(heard, recorded);
      } finally {
        await simulated.close();
      }
      assert.is(clock.pending, 0, 'no timer is left');
    });
  }
}

test('an address that is not allowed is sent away in the recorded words', async () => {
  const simulated = new SimulatedSwitch({ clock: new HandClock(), allow: ['192.0.2.1'] });
  await simulated.listen();
  const client = new RawClient(simulated.port);
  await until(() => client.ended, 'FIN');
  assert.is(
    client.received,
    'Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n' +
      'Content-Type: text/disconnect-notice\nContent-Length: 67\n\n' +
      'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n',
  );
  client.close();
  await simulated.close();
});

test.run();
