/** What follows from an Asterisk's modules and version: on a real one's answers, and on those with modules taken out. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { readInfo } from '../../../src/switch/asterisk/ari-answer.ts';
import {
  askCapabilities,
  capabilitiesOf,
  choosePath,
  describeCapabilities,
  pathsFor,
  readModules,
} from '../../../src/switch/asterisk/asterisk-capabilities.ts';
import type { MediaWish } from '../../../src/switch/asterisk/asterisk-capabilities.ts';
import { linkDown, refusal } from './fake-ari.ts';

const recorded = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../fixtures/asterisk/${name}-22.10.1.json`, import.meta.url), 'utf8')) as unknown;
const MODULES = readModules(recorded('modules'));
const { version: VERSION } = readInfo(recorded('info'));

function without(...names: string[]): ReadonlySet<string> {
  for (const name of names) assert.ok(MODULES.has(name), `${name} is one of the recorded`);
  return new Set([...MODULES].filter((name) => !names.includes(name)));
}

function wish(kind: MediaWish['kind'] = 'auto', format = 'auto'): MediaWish {
  return { switchName: 'pbx', kind, format };
}

function refused(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.is((error as TalkspurtError).code, 'ERR_TALKSPURT_NOT_SUPPORTED');
    return (error as TalkspurtError).message;
  }
  throw new Error('it was taken');
}

test('a whole Asterisk 22.10 has every path with every format of it', () => {
  assert.is(VERSION, '22.10.1+dfsg+~cs6.17.60671434-1');
  const whole = capabilitiesOf(VERSION, MODULES);
  assert.is(
    describeCapabilities(whole),
    'rtp ulaw,alaw,g722,slin; audiosocket slin,slin16,slin24,slin48; websocket ulaw,alaw,slin,slin16,slin24,slin48',
  );
  assert.equal([whole.lack, whole.missing], [null, []]);
  assert.equal(pathsFor(whole, wish()), ['rtp', 'audiosocket', 'websocket']);
  for (const kind of ['rtp', 'audiosocket', 'websocket'] as const) assert.is(choosePath(whole, wish(kind)), kind);
});

test('auto takes the first path that is there and has the format', () => {
  for (const [gone, format, expected] of [
    [[], 'auto', 'rtp'],
    [[], 'slin16', 'audiosocket'],
    [[], 'g722', 'rtp'],
    [['res_rtp_asterisk'], 'auto', 'audiosocket'],
    [['chan_rtp'], 'auto', 'audiosocket'],
    [['chan_rtp'], 'ulaw', 'websocket'],
    [['chan_rtp', 'chan_audiosocket'], 'auto', 'websocket'],
    [['res_audiosocket'], 'slin48', 'websocket'],
    [['codec_g722'], 'auto', 'rtp'],
  ] as const) {
    assert.is(choosePath(capabilitiesOf(VERSION, without(...gone)), wish('auto', format)), expected, gone.join());
  }
});

test('what cannot be had is refused with the field, what is missing and how to load it', () => {
  for (const [gone, kind, format, expected] of [
    [
      ['res_rtp_asterisk'],
      'rtp',
      'auto',
      /media\.kind of switch pbx is rtp, .*res_rtp_asterisk.*module load res_rtp_asterisk\.so/,
    ],
    [
      ['chan_websocket'],
      'websocket',
      'ulaw',
      /media\.kind of switch pbx is websocket, .*module load chan_websocket\.so/,
    ],
    [['chan_audiosocket'], 'audiosocket', 'slin', /media\.kind of switch pbx is audiosocket, .*chan_audiosocket/],
    [['codec_g722'], 'rtp', 'g722', /media\.format of switch pbx is g722, .*module load codec_g722\.so/],
    [['codec_resample'], 'audiosocket', 'slin16', /media\.format of switch pbx is slin16, .*codec_resample/],
    [[], 'rtp', 'slin16', /rtp has no slin16, but ulaw, alaw, g722, slin/],
    [
      ['chan_rtp'],
      'auto',
      'g722',
      /no media path of switch pbx .*rtp: .*chan_rtp.*audiosocket: .*no g722.*websocket: .*no g722/,
    ],
  ] as const) {
    const capabilities = capabilitiesOf(VERSION, without(...gone));
    assert.match(
      refused(() => choosePath(capabilities, wish(kind, format))),
      expected,
    );
  }
});

test('without what every call needs there is no path at all', () => {
  for (const name of ['res_ari_bridges', 'res_ari_channels', 'res_ari_applications', 'res_stasis', 'app_stasis']) {
    const message = refused(() => choosePath(capabilitiesOf(VERSION, without(name)), wish()));
    assert.match(message, `cannot hold a call: it does not run ${name} (module load ${name}.so`);
  }
  assert.is(capabilitiesOf(VERSION, without('bridge_simple')).lack, null);
  assert.match(capabilitiesOf(VERSION, without('bridge_simple', 'bridge_softmix')).lack!, 'bridge_simple');
  const few = capabilitiesOf(VERSION, without('app_audiosocket', 'res_stasis_snoop'));
  assert.equal([few.lack, few.missing], [null, ['app_audiosocket', 'res_stasis_snoop']]);
  assert.equal(capabilitiesOf(VERSION, without('func_dialplan', 'func_channel')).missing, [
    'func_dialplan',
    'func_channel',
  ]);
});

test('versions: what each series has, and what a build without a number is taken for', () => {
  const formats = (version: string): string[] => {
    const { paths } = capabilitiesOf(version, MODULES);
    return [paths.rtp.formats.length, paths.audiosocket.formats.length, paths.websocket.formats.length].map(String);
  };
  for (const [version, expected] of [
    ['13.38.3', '0 0 0'],
    ['16.5.1', '0 0 0'],
    ['16.6.0', '4 0 0'],
    ['17.0.0', '4 0 0'],
    ['18.26.4', '4 1 0'],
    ['certified/18.9-cert17', '4 1 0'],
    ['19.8.1', '4 1 0'],
    ['20.16.0', '4 1 0'],
    ['20.17.0', '4 4 0'],
    ['20.18.0', '4 4 6'],
    ['certified-20.7-cert8', '4 1 0'],
    ['21.11.0', '4 1 0'],
    ['21.12.0', '4 4 0'],
    ['22.6.0', '4 1 0'],
    ['22.7.0', '4 4 0'],
    ['22.8.0', '4 4 6'],
    ['23.0.0', '4 1 0'],
    ['23.1.0', '4 4 0'],
    ['23.2.0', '4 4 6'],
    ['24.0.0-rc1', '4 4 6'],
    ['GIT-master-1a2b3c4', '4 4 6'],
  ] as const) {
    assert.is(formats(version).join(' '), expected, version);
  }
  assert.match(
    refused(() => choosePath(capabilitiesOf('22.6.0', MODULES), wish('websocket'))),
    'Asterisk 22.6.0 is too old for it: it needs 20.18, 22.8, 23.2 or later',
  );
  assert.match(
    refused(() => choosePath(capabilitiesOf('18.20.0', MODULES), wish('audiosocket', 'slin16'))),
    'AudioSocket of Asterisk 18.20.0 has slin only: wideband needs 20.17, 21.12, 22.7, 23.1 or later',
  );
});

test('asking: what is refused is not told, what is no list is no ARI, a link that is down says so', async () => {
  const asking = (answer: () => unknown) =>
    askCapabilities({ request: async () => await Promise.resolve(answer()) }, '22.10.1');
  assert.equal((await asking(() => recorded('modules'))).modules, MODULES);
  const untold = await asking(() => {
    throw refusal(404, 'Resource not found');
  });
  assert.is(untold.modules, null);
  assert.equal([untold.missing, untold.lack, pathsFor(untold, wish()).length], [[], null, 3]);
  for (const [answer, code] of [
    [() => ({ modules: [] }), 'ERR_TALKSPURT_LINK_PROTOCOL'],
    [() => 'none', 'ERR_TALKSPURT_LINK_PROTOCOL'],
    [
      () => {
        throw linkDown();
      },
      'ERR_TALKSPURT_LINK_DOWN',
    ],
  ] as const) {
    const failure = await asking(answer).catch((error: unknown) => error);
    assert.is((failure as TalkspurtError).code, code);
  }
});

test('a list: only what runs counts, whatever else stands in it, and no more than is bounded', () => {
  const odd = [null, 7, { name: 'a.so' }, { name: 3, status: 'Running' }, { name: 'b.so', status: 'Not Running' }];
  assert.equal([...readModules([...odd, { name: 'c.so', status: 'Running' }])], ['c']);
  const many = Array.from({ length: LIMITS.ariModules + 5 }, (_, at) => ({ name: `m${at}.so`, status: 'Running' }));
  assert.is(readModules(many).size, LIMITS.ariModules);
});

test.run();
