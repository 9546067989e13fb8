import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeConfig, loadConfig, secretsOfConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { TalkspurtError } from '../../src/core/errors.ts';

type Env = Record<string, string>;

/** A configuration whose one backend has this `speech`. */
function load(speech: object, env: Env = {}): Config {
  const text = JSON.stringify({
    frontDoor: false,
    backends: { b: { kind: 'openai', speech } },
    profiles: { p: { backend: 'b' } },
  });
  return loadConfig({ text, path: 'test.yaml', env: { OPENAI_API_KEY: 'sk-of-openai', ...env } });
}

function refusal(speech: object, env: Env = {}): TalkspurtError {
  try {
    load(speech, env);
  } catch (error) {
    assert.instance(error, TalkspurtError);
    return error as TalkspurtError;
  }
  throw new Error('it was accepted');
}

test('a backend with speech writes, and its engine has its defaults and key', () => {
  const { backends } = load({ engine: 'openai' });
  const { b } = backends;
  assert.ok(b?.kind === 'openai');
  assert.equal(
    [b.writes, b.speech?.apiKey, b.speech?.language, b.speech?.fallback],
    [true, 'sk-of-openai', 'en', null],
  );
});

test('keys come from variables of their own, are secrets, and are not sent to another server', () => {
  const speech = {
    engine: 'elevenlabs',
    voice: 'v',
    fallback: { engine: 'openai', baseUrl: 'https://tts.example/v1' },
  };
  const config = load(speech, { ELEVENLABS_API_KEY: 'el-1' });
  const { b } = config.backends;
  assert.ok(b?.kind === 'openai');
  assert.equal([b.speech?.apiKey, b.speech?.fallback?.apiKey], ['el-1', '']);
  const own = load(speech, {
    TALKSPURT_BACKENDS__B__SPEECH__API_KEY: 'el-2',
    TALKSPURT_BACKENDS__B__SPEECH__FALLBACK__API_KEY: 'oa-2',
  });
  for (const secret of ['el-2', 'oa-2', 'sk-of-openai']) assert.ok(secretsOfConfig(own).includes(secret));
  const line = describeConfig(own).find((each) => each.startsWith('backend b'));
  assert.match(line ?? '', /writes, spoken by elevenlabs \(v\), by openai when that fails/);
  assert.not.match(describeConfig(own).join('\n'), /el-2|oa-2/);
});

test('the example is accepted, and says what it would do', () => {
  const path = fileURLToPath(new URL('../../examples/speech.yaml', import.meta.url));
  const env = {
    OPENAI_API_KEY: 'sk-of-openai',
    ELEVENLABS_API_KEY: 'el-key',
    TALKSPURT_FRONT_DOOR__PASSWORD: 'p1',
    TALKSPURT_SWITCHES__LOCAL__PASSWORD: 'p2',
  };
  const config = loadConfig({ path, env });
  assert.equal(config.warnings, []);
  const lines = describeConfig(config).join('\n');
  assert.match(lines, /backend shop: .*spoken by elevenlabs .*by embedded when that fails/);
  assert.match(lines, /backend calm: .*spoken by openai \(coral\)/);
});

test('what an engine cannot do is told at its key', () => {
  const cases: [object, Env, RegExp][] = [
    [{ engine: 'elevenlabs' }, { ELEVENLABS_API_KEY: 'k' }, /speech.*voice.*is missing/],
    [{ engine: 'elevenlabs', voice: 'v' }, {}, /apiKey.*ELEVENLABS_API_KEY/],
    [{ engine: 'elevenlabs', voice: 'v', speed: 2 }, { ELEVENLABS_API_KEY: 'k' }, /speed/],
    [{ engine: 'embedded', voice: 'alloy' }, {}, /voice.*rms/],
    [{ engine: 'embedded', speed: 3 }, {}, /speed/],
    [{ engine: 'openai', baseUrl: 'http://tts.example' }, {}, /baseUrl.*http:\/\//],
    [{ engine: 'openai', fallback: { engine: 'embedded', voice: 'x' } }, {}, /fallback.*voice/],
    [{ engine: 'openai', wings: 2 }, {}, /wings/],
    [{ engine: 'other' }, {}, /engine/],
  ];
  for (const [speech, env, words] of cases) assert.match(refusal(speech, env).message, words);
});

test.run();
