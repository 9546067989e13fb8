/**
 * A real Asterisk 22 and RTP, the whole way: the dialplan sends a call into our application, and a tone goes each way in every
 * format. What Asterisk hears is judged by the recording that the other end of the call makes.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../../src/core/errors.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import {
  RATE_HZ,
  assertNothingLeft,
  callIn,
  clearest,
  dialplanWentOn,
  recorded as recordedTone,
  samplesOf,
  startHost,
  talking,
  toneOf,
  until,
} from './stasis-rig.ts';

let asterisk: RunningAsterisk | null = null;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  asterisk = await startAsterisk();
});

test.after(async () => {
  await asterisk?.stop();
});

const WIRES = [
  ['ulaw', 'ulaw', { codec: 'pcmu', sampleRateHz: 8_000, ptimeMs: 20 }, 1_100],
  ['alaw', 'alaw', { codec: 'pcma', sampleRateHz: 8_000, ptimeMs: 20 }, 1_100],
  ['slin', 'slin', { codec: 'l16', sampleRateHz: 8_000, ptimeMs: 20 }, 1_100],
  // A caller of 16 kHz: a tone that no narrowband codec would let through.
  ['g722', 'slin16', { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 }, 5_000],
] as const;

for (const [format, formats, leg, toneHz] of WIRES) {
  test(`${format}: we hear Asterisk's tone, and it hears ours`, async () => {
    if (asterisk === null) return;
    const host = await startHost(asterisk, { format });
    const listening = await callIn(asterisk, 'tone440', { formats });
    const talk = await talking(host, listening);
    assert.equal(talk.call.leg, leg);
    await until(() => {
      const { share, amplitude } = toneOf(talk.heard.slice(-RATE_HZ / 4), RATE_HZ, 440);
      return share > 0.95 && amplitude > 1_000;
    }, 'we hear 440 Hz');
    await asterisk.ari('DELETE', `channels/${listening}-far`);

    const name = `rtp-${format}-${process.pid}`;
    // The far end records at 8 kHz: what is above is judged in the bridge.
    const recorded = await callIn(asterisk, `rec-${name}`, { formats });
    const voice = await talking(host, recorded);
    const bridge = ((await asterisk.ari('GET', 'bridges')) as { id: string; channels: string[] }[]).find(
      ({ channels }) => channels.includes(recorded),
    );
    assert.ok(bridge !== undefined);
    await asterisk.ari('POST', `applications/test/subscription?eventSource=bridge:${bridge.id}`);
    const [file, extension] = leg.sampleRateHz === 16_000 ? [`${name}-b`, 'wav16'] : [`${name}-b`, 'wav'];
    await asterisk.ari('POST', `bridges/${bridge.id}/record?name=${file}&format=${extension}&maxDurationSeconds=2`);
    voice.speak(toneHz, 2_500);
    await asterisk.event((event) => event.type === 'RecordingFinished' && event.recording?.name === file);
    const mixed = clearest(asterisk.recording(file, extension), toneHz);
    assert.ok(mixed.share > 0.95, `${format}: Asterisk's bridge hears ${toneHz} Hz: ${mixed.share}`);
    assert.ok(mixed.amplitude > 7_000 && mixed.amplitude < 9_000, `as loud as it was said: ${mixed.amplitude}`);
    assert.ok(
      toneOf(samplesOf(asterisk.recording(file, extension)).samples, leg.sampleRateHz, toneHz + 300).share < 0.05,
    );

    assert.match(await host.gateway.command(`uuid_audio_stream ${recorded} stop`), /^\+OK/);
    const left = await dialplanWentOn(asterisk, recorded);
    assert.equal(
      [left['status'], left['result'], left['reason'], left['turns']],
      ['SUCCESS', 'completed', 'stopped', '0'],
    );
    await assertNothingLeft(asterisk);
    if (leg.sampleRateHz === 8_000) {
      const heard = await recordedTone(asterisk, `${name}-in`, toneHz);
      assert.ok(heard.share > 0.9, `${format}: the other end hears ${toneHz} Hz: ${heard.share}`);
    }
    await until(() => host.ports.inUse === 0, 'the ports are free');
    await host.close();
  });
}

test('auto takes the call as it is', async () => {
  if (asterisk === null) return;
  const host = await startHost(asterisk);
  for (const [formats, codec, rateHz] of [
    ['ulaw', 'pcmu', 8_000],
    ['alaw', 'pcma', 8_000],
    ['gsm', 'pcmu', 8_000],
    ['slin16', 'l16', 16_000],
  ] as const) {
    const id = await callIn(asterisk, 'silent', { formats });
    const { leg } = (await talking(host, id)).call;
    assert.equal([leg.codec, leg.sampleRateHz], [codec, rateHz], formats);
    await asterisk.ari('DELETE', `channels/${id}`);
    await until(() => host.gateway.session(id) === undefined, 'the call is over');
  }
  await assertNothingLeft(asterisk);
  await host.close();
});

test('a format that Asterisk does not hear over RTP is refused before anything is made', async () => {
  if (asterisk === null) return;
  const host = await startHost(asterisk, { format: 'slin16' });
  const id = await callIn(asterisk, 'silent');
  const left = await dialplanWentOn(asterisk, id);
  assert.equal([left['result'], left['reason']], ['failed', 'media-failed']);
  await until(() => host.events.of('call.refused').length > 0, 'it is told');
  const refused = host.events.of('call.refused')[0];
  assert.ok(hasCode(refused?.error, 'ERR_TALKSPURT_MEDIA_FORMAT'), refused?.error.message);
  await assertNothingLeft(asterisk);
  await host.close();
});

test.run();
