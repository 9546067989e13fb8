/** A real Asterisk boots from its scripts and answers ARI: what the Asterisk tests stand on. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';

test('Asterisk 22 boots on loopback and answers ARI', async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  const { version, httpPort, ari, stop } = await startAsterisk();
  try {
    assert.match(version, /Asterisk 22\./);
    assert.is(((await ari('GET', 'asterisk/ping')) as { ping: string }).ping, 'pong');
    assert.is((await fetch(`http://127.0.0.1:${httpPort}/ari/asterisk/ping`)).status, 401);
  } finally {
    await stop();
  }
});

test.run();
