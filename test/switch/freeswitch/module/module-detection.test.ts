/** Judged by what a real switch said: `show api` with and without the module, and with an alias of its name. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../../src/core/errors.ts';
import type { EslLink } from '../../../../src/switch/freeswitch/esl-link.ts';
import { apiUsage, checkModuleFit, detectModules } from '../../../../src/switch/freeswitch/module/module-detection.ts';
import type { ModuleWanted } from '../../../../src/switch/freeswitch/module/module-detection.ts';

const STREAM =
  'name,description,syntax,ikey\nuuid_audio_stream,audio_stream API,<uuid> [start | stop | send_text | pause | resume | graceful-shutdown ] [wss-url | path] [mono | mixed | stereo] [8000 | 16000] [metadata],mod_audio_stream\n\n1 total.\n';
const NONE = '\n0 total.\n';
const DRACHTIO =
  'name,description,syntax,ikey\nuuid_audio_fork,audio_fork API,<uuid> [start | stop | send_text | pause | resume | graceful-shutdown ] [wss-url | path] [mono | mixed | stereo] [8000 | 16000 | 24000 | 32000 | 64000] [bugname] [metadata],mod_audio_fork\n\n1 total.\n';
const JAMBONZ = DRACHTIO.replace('shutdown ]', 'shutdown | stop_play ]').replace(
  '[metadata]',
  '[metadata] [bidirectionalAudio_enabled] [bidirectionalAudio_stream_enabled] [bidirectionalAudio_stream_samplerate]',
);

function linkThatSays(replies: Readonly<Record<string, string>>): EslLink {
  return { api: (command: string) => Promise.resolve(replies[command] ?? NONE) } as Partial<EslLink> as EslLink;
}

const WANTED: ModuleWanted = { mix: 'mono', sampleRateHz: 8000, play: true, written: true };

test('no module; an alias of the name is none, because the list does not have it', async () => {
  // Recorded with `alias stickyadd uuid_audio_stream lua uuid_audio_stream.lua` in place.
  assert.equal(await detectModules(linkThatSays({})), []);
  // Programs of the same name by somebody else are not the module either.
  const other = STREAM.replaceAll('mod_audio_stream', 'mod_other');
  assert.equal(await detectModules(linkThatSays({ 'show api uuid_audio_stream': other })), []);
});

test('the published mod_audio_stream', async () => {
  const [found, ...more] = await detectModules(linkThatSays({ 'show api uuid_audio_stream': STREAM }));
  assert.equal(more, []);
  assert.is(found?.module, 'mod_audio_stream');
  assert.is(found?.edition, 'community');
  assert.is(found?.canPlay, 'file');
  assert.match(found?.usage ?? '', /^<uuid> \[start .* \[metadata\]$/);
});

test('the commercial one is what an operator says it is', async () => {
  const link = linkThatSays({ 'show api uuid_audio_stream': STREAM });
  const [found] = await detectModules(link, { edition: 'commercial' });
  assert.is(found?.edition, 'commercial');
  assert.is(found?.canPlay, 'binary');
});

test('mod_audio_fork as published, and by jambonz; both modules at once', async () => {
  const replies = { 'show api uuid_audio_stream': STREAM, 'show api uuid_audio_fork': DRACHTIO };
  const both = await detectModules(linkThatSays(replies));
  assert.equal(
    both.map(({ module, edition, canPlay }) => [module, edition, canPlay]),
    [
      ['mod_audio_stream', 'community', 'file'],
      ['mod_audio_fork', 'drachtio', 'file'],
    ],
  );
  const [jambonz] = await detectModules(linkThatSays({ 'show api uuid_audio_fork': JAMBONZ }));
  assert.is(jambonz?.edition, 'jambonz');
  assert.is(jambonz?.canPlay, 'binary');
});

test('usage with commas stays whole', () => {
  assert.is(apiUsage('a_b,what, it is,<x,y>,mod_c', 'a_b', 'mod_c'), ' it is,<x,y>');
  assert.is(apiUsage('a_b,only,mod_c', 'a_b', 'mod_c'), '');
  assert.is(apiUsage('a_bc,only,x,mod_c', 'a_b', 'mod_c'), null);
});

test('what would be lost in silence is refused, with the fix', async () => {
  const [stream] = await detectModules(linkThatSays({ 'show api uuid_audio_stream': STREAM }));
  const [jambonz] = await detectModules(linkThatSays({ 'show api uuid_audio_fork': JAMBONZ }));
  const refused = (detection: typeof stream, wanted: Partial<ModuleWanted>, reason: RegExp): void => {
    try {
      checkModuleFit(detection!, { ...WANTED, ...wanted });
    } catch (error) {
      assert.instance(error, TalkspurtError);
      assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_MODULE_UNFIT');
      assert.match((error as TalkspurtError).message, reason);
      return;
    }
    assert.unreachable(String(reason));
  };
  assert.is(checkModuleFit(stream!, WANTED), 8000);
  assert.is(checkModuleFit(stream!, { ...WANTED, play: false, sampleRateHz: 48000 }), 48000);
  refused(stream, { sampleRateHz: 11025 }, /take 8000, 16000/);
  refused(stream, { sampleRateHz: 32000 }, /take 8000, 16000/);
  // FreeSWITCH reads .r24 as samples of 24 bits.
  refused(stream, { sampleRateHz: 24000 }, /8000 and 16000/);
  refused(stream, { sampleRateHz: 48000 }, /8000 and 16000/);
  refused(stream, { mix: 'mixed', play: false, written: false }, /send_silence_when_idle/);
  refused(stream, { mix: 'stereo', play: false, written: false }, /nothing is written|sends nothing/);
  refused(stream, { mix: 'stereo' }, /mono/);
  assert.is(checkModuleFit(stream!, { ...WANTED, written: false }), 8000);
  assert.is(checkModuleFit(stream!, { ...WANTED, mix: 'stereo', play: false }), 8000);
  refused(jambonz, { written: false }, /mixes its audio/);
  assert.is(checkModuleFit(jambonz!, { ...WANTED, sampleRateHz: 24000 }), 24000);
});

test.run();
