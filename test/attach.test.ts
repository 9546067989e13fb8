/** talkspurt on the connection of somebody else's `esl` application. */
import { FreeSwitchClient } from 'esl';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { attach } from '../src/attach.ts';
import { SystemClock } from '../src/core/clock.ts';
import { SimulatedSwitch } from '../src/simulator/simulated-switch.ts';
import { LevelPhone } from './sim/whole-host.ts';

const SILENT = { debug: () => undefined, info: () => undefined, error: () => undefined };

for (const config of [
  'status: false\nsip: { port: 0 }\nbackends: { ai: { kind: embedded } }\nprofiles: { p: { backend: ai } }',
  '{"status": false, "sip": {"port": 0}, "backends": {"ai": {"kind": "embedded"}}, "profiles": {"p": {"backend": "ai"}}}',
]) {
  test(`a call gets a voice, and the client stays its owner's (${config[0] === '{' ? 'JSON' : 'YAML'})`, async () => {
    const clock = new SystemClock();
    const fs = new SimulatedSwitch({ clock, password: 'pw' });
    await fs.listen();
    const client = new FreeSwitchClient({ host: '127.0.0.1', port: fs.port, password: 'pw', logger: SILENT });
    const runtime = await attach(client, { config, quiet: true, clock });
    try {
      client.connect();
      const untilMs = clock.nowMs() + 5_000;
      while (runtime.gateway.notReady().length > 0 && clock.nowMs() < untilMs) {
        await new Promise<void>((resolve) => clock.after(20, resolve));
      }
      const { uuid } = fs.createCall({ phone: new LevelPhone() });
      assert.is(await runtime.gateway.command(`${uuid} start p`), '+OK Success\n');
      assert.is(await runtime.gateway.command(`${uuid} stop`), '+OK Success\n');
    } finally {
      await runtime.close();
      client.end();
      await fs.close();
    }
  });
}

test.run();
