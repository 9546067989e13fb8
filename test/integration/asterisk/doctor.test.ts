/** The doctor's call on a real Asterisk, over each of its media paths, with faults that a PBX has; nothing is left there. */
import { suite } from 'uvu';
import { WebSocket } from 'ws';
import * as assert from 'uvu/assert';
import { callAsterisk } from '../../../src/cli/doctor/call/call-asterisk.ts';
import { judgeLine } from '../../../src/cli/doctor/call/judge-line.ts';
import { makeTestSignal } from '../../../src/cli/doctor/call/test-signal.ts';
import { loadConfig } from '../../../src/config.ts';
import type { AsteriskConfig } from '../../../src/config.ts';
import { SystemClock } from '../../../src/core/clock.ts';
import { SpeechSynthesizer } from '../../../src/simulator/speech.ts';
import { assertNothingLeft } from './stasis-rig.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import { required } from '../required.ts';

const test = suite('doctor on Asterisk');
const clock = new SystemClock();
const asterisk = required(asteriskIsThere(), 'Asterisk') ? await startAsterisk() : null;
test.after(() => asterisk?.stop());
const speaker = new SpeechSynthesizer();
const signal = makeTestSignal(
  (await speaker.synthesize('This is the doctor. The line is being measured.', 'kal')).samples,
);
await speaker.close();

function entry(media: object, password = 'test'): AsteriskConfig {
  const config = loadConfig({
    text: JSON.stringify({
      switches: [{ name: 'pbx', kind: 'asterisk', port: asterisk?.httpPort ?? 1, username: 'test', password, media }],
      backends: { ai: { kind: 'embedded' } },
      profiles: { p: { backend: 'ai' } },
    }),
    env: {},
  });
  return config.switches[0] as AsteriskConfig;
}

for (const kind of ['rtp', 'audiosocket', 'websocket']) {
  test(`${kind}: the signal comes back as it was sent, both ways are known apart, and nothing is left`, async () => {
    if (asterisk === null) return;
    const call = await callAsterisk(entry({ kind }), signal, clock);
    const findings = judgeLine(call);
    const failed = findings.filter(({ verdict }) => verdict === 'fail');
    assert.equal(
      failed.map(({ id, text }) => `${id} ${text}`),
      [],
    );
    assert.is(findings.length, 10);
    assert.ok((call.out?.framesHeard ?? 0) > 300, `${call.out?.framesHeard} frames at the far end`);
    await assertNothingLeft(asterisk);
  });
}

test('what a doctor that was killed has left goes with the next one', async () => {
  if (asterisk === null) return;
  const query = new URLSearchParams({ endpoint: 'UnicastRTP/127.0.0.1:9/c(ulaw)', app: 'talkspurt-doctor' });
  // An application is there while somebody listens to it; the call outlives that.
  const socket = new WebSocket(`ws://127.0.0.1:${asterisk.httpPort}/ari/events?app=talkspurt-doctor&api_key=test:test`);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  // Asterisk may tell of the call before it has answered the request for it.
  const told = new Promise((resolve) => socket.once('message', resolve));
  await asterisk.ari('POST', `channels?${query.toString()}&appArgs=profile%3Ddoctor`);
  await told;
  socket.terminate();
  const left = (await asterisk.ari('GET', 'channels')) as unknown[];
  assert.is(left.length, 1);
  const call = await callAsterisk(entry({ kind: 'rtp' }), signal, clock);
  assert.ok(call.back.framesHeard > 0);
  await assertNothingLeft(asterisk);
});

test('a wrong password is told at once', async () => {
  if (asterisk === null) return;
  const refused = await callAsterisk(entry({}, 'wrong'), signal, clock).then(
    () => 'none',
    (error: { code?: string }) => error.code,
  );
  assert.is(refused, 'ERR_TALKSPURT_LINK_AUTH');
});

test.run();
