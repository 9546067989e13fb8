/** A Voice Agent that refuses, is lost or talks nonsense: every fault ends in a typed error, a reply, and nothing left behind. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isHeard, withDeepgram } from './sim/deepgram-host.ts';
import { LevelPhone } from './sim/whole-host.ts';

/** A tenth of a second of a tone for every word: no voice is needed here. */
const speech = {
  synthesize: (text: string) =>
    Promise.resolve({
      samples: Int16Array.from({ length: 1_600 * text.split(' ').length }, (_, n) => 8_000 * Math.sin(n / 6)),
      sampleRateHz: 16_000,
    }),
};

for (const [name, fault, code] of [
  ['refuses the key', { kind: 'refuse', status: 401 }, 'ERR_TALKSPURT_BACKEND_AUTH'],
  ['does not apply the settings', { kind: 'stalled-settings' }, 'ERR_TALKSPURT_BACKEND_TIMEOUT'],
] as const) {
  test(`an agent that ${name}`, () =>
    withDeepgram(speech, { server: { fault } }, async ({ fs, ask }) => {
      const { uuid } = fs.createCall({ phone: new LevelPhone() });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), new RegExp(`^-ERR .*${code}`));
    }));
}

test('settings that are not taken', () =>
  withDeepgram(speech, { backend: { agent: { listen: { provider: { type: 'sneeze' } } } } }, async ({ fs, ask }) => {
    const { uuid } = fs.createCall({ phone: new LevelPhone() });
    assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^-ERR .*ERR_TALKSPURT_BACKEND_DENIED/);
  }));

for (const [name, fault, code] of [
  ['is lost', { kind: 'drop', afterAudioMs: 300 }, 'ERR_TALKSPURT_BACKEND_CLOSED'],
  ['fails', { kind: 'error', code: 'FAILED_TO_THINK', description: 'no' }, 'ERR_TALKSPURT_BACKEND_API'],
] as const) {
  test(`an agent that ${name} in the middle of a call`, () =>
    withDeepgram(speech, { backend: { greeting: 'Hello there, how are you?' }, server: { fault } }, async (host) => {
      const { fs, ask, events, runtime, settle } = host;
      const { uuid } = fs.createCall({ phone: new LevelPhone() });
      await ask(`uuid_audio_stream ${uuid} start p`);
      await settle(() => runtime.gateway.callCount === 0, 'the call is over');
      const closed = events.find((event) => event.type === 'backend.closed');
      assert.is(closed?.type === 'backend.closed' ? closed.error?.code : '', code);
    }));
}

test('an agent that sends nonsense between its words is heard all the same', () =>
  withDeepgram(
    speech,
    { backend: { greeting: 'Hello there.' }, server: { fault: { kind: 'malformed', text: '{"type":' } } },
    async ({ fs, ask, events, settle }) => {
      const phone = new LevelPhone();
      const { uuid } = fs.createCall({ phone });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
      await settle(() => isHeard(phone), 'heard');
      assert.ok(events.some((event) => event.type === 'backend.error'));
      assert.match(await ask(`uuid_audio_stream ${uuid} stop`), /^\+OK/);
    },
  ));

test.run();
