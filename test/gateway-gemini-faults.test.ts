/** Gemini Live that refuses, or talks nonsense: every fault ends in a typed error, a reply, and nothing left behind. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isHeard } from './sim/deepgram-host.ts';
import { withGemini } from './sim/gemini-host.ts';
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
  ['refuses the key', { kind: 'refuse', status: 403 }, 'ERR_TALKSPURT_BACKEND_AUTH'],
  ['has no quota left', { kind: 'quota' }, 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ['does not set the session up', { kind: 'stalled-setup' }, 'ERR_TALKSPURT_BACKEND_TIMEOUT'],
] as const) {
  test(`a service that ${name}`, () =>
    withGemini(speech, { server: { fault }, backend: { openTimeoutMs: 400 } }, async ({ fs, ask }) => {
      const { uuid } = fs.createCall({ phone: new LevelPhone() });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), new RegExp(`^-ERR .*${code}`));
    }));
}

test('a key and a model that are not known, by the words of a close', async () => {
  for (const [backend, code] of [
    [{ apiKey: 'another' }, 'AUTH'],
    [{ model: 'gemini-that-writes' }, 'DENIED'],
    [{ setup: { sneeze: true } }, 'DENIED'],
  ] as const) {
    await withGemini(speech, { backend }, async ({ fs, ask }) => {
      const { uuid } = fs.createCall({ phone: new LevelPhone() });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), new RegExp(`^-ERR .*ERR_TALKSPURT_BACKEND_${code}`));
    });
  }
});

for (const frame of ['json', 'base64', 'bytes', 'empty', 'unknown-field', 'wrong-types'] as const) {
  test(`a service that sends nonsense between its words (${frame}) is heard all the same`, () =>
    withGemini(
      speech,
      { server: { fault: { kind: 'malformed', frame } }, profile: { greeting: 'Say hello.' } },
      async ({ fs, ask, settle }) => {
        const phone = new LevelPhone();
        const { uuid } = fs.createCall({ phone });
        assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
        await settle(() => isHeard(phone), 'heard');
        assert.match(await ask(`uuid_audio_stream ${uuid} stop`), /^\+OK/);
      },
    ));
}

test('a session that is closed in the middle of a call, by what it means', async () => {
  for (const [fault, code] of [
    [{ kind: 'close', code: 1007, reason: 'Request contains an invalid argument.' }, 'DENIED'],
    [{ kind: 'close', code: 1008, reason: 'API key expired. Please renew the API key.' }, 'AUTH'],
  ] as const) {
    await withGemini(
      speech,
      { server: { fault }, profile: { greeting: 'Say hello.' } },
      async ({ fs, ask, events, runtime, settle }) => {
        const { uuid } = fs.createCall({ phone: new LevelPhone() });
        await ask(`uuid_audio_stream ${uuid} start p`);
        await settle(() => runtime.gateway.callCount === 0, 'the call is over');
        const closed = events.find((event) => event.type === 'backend.closed');
        assert.is(closed?.type === 'backend.closed' ? closed.error?.code : '', `ERR_TALKSPURT_BACKEND_${code}`);
      },
    );
  }
});

test.run();
