/** The path that is chosen, what opens when, and that all of it is closed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { capabilitiesOf } from '../../../src/switch/asterisk/asterisk-capabilities.ts';
import type { MediaPathKind } from '../../../src/switch/asterisk/asterisk-capabilities.ts';
import { MediaChoice } from '../../../src/switch/asterisk/media-choice.ts';
import type { AsteriskMediaPath, MediaWanted } from '../../../src/switch/asterisk/media-path.ts';

const ALL = ['chan_rtp', 'res_rtp_asterisk', 'chan_audiosocket', 'res_audiosocket', 'chan_websocket'];
const NEEDED = [
  'app_stasis',
  'res_stasis',
  'res_ari_applications',
  'res_ari_bridges',
  'res_ari_channels',
  'bridge_simple',
];
const CODECS = ['codec_ulaw', 'codec_resample', 'res_http_websocket', 'res_websocket_client'];

function asteriskWithout(...names: string[]) {
  return capabilitiesOf('22.10.1', new Set([...ALL, ...NEEDED, ...CODECS].filter((name) => !names.includes(name))));
}

const wanted: MediaWanted = {
  channelId: 'm1',
  format: 'auto',
  callFormat: 'ulaw',
  onDigit: () => undefined,
  linkUp: () => true,
  signal: new AbortController().signal,
};

class Doors {
  readonly opened: MediaPathKind[] = [];
  readonly closed: MediaPathKind[] = [];
  readonly prepared: string[] = [];
  fails: MediaPathKind | null = null;

  async open(kind: MediaPathKind): Promise<AsteriskMediaPath> {
    await Promise.resolve();
    if (this.fails === kind) throw new TalkspurtError('ERR_TALKSPURT_LISTEN', `no room for ${kind}`);
    this.opened.push(kind);
    return {
      kind,
      prepare: (asked) => {
        this.prepared.push(`${kind} for ${asked.capabilities?.version ?? 'whatever'}`);
        return Promise.resolve({
          externalMedia: {},
          connect: () => Promise.reject(new Error('not asked for')),
          abandon: () => Promise.resolve(),
        });
      },
      close: async () => void this.closed.push(kind),
    };
  }
}

function choice(kind: 'auto' | MediaPathKind, doors = new Doors(), format = 'auto') {
  const made = new MediaChoice({ switchName: 'pbx', kind, format, open: (each) => doors.open(each) });
  return { made, doors };
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return await attempt.then(
    () => 'done',
    (error: unknown) => (error as TalkspurtError).code,
  );
}

test('auto: nothing is open before Asterisk is known, then the first that it has; another Asterisk, another choice', async () => {
  const { made, doors } = choice('auto');
  await made.openConfigured();
  assert.equal(doors.opened, []);
  assert.is(await codeOf(made.prepare(wanted)), 'ERR_TALKSPURT_LINK_DOWN');
  await made.suit(asteriskWithout());
  await made.prepare(wanted);
  assert.equal([made.kind, doors.opened, doors.prepared], ['rtp', ['rtp'], ['rtp for 22.10.1']]);
  await made.suit(asteriskWithout('chan_rtp'));
  await made.prepare(wanted);
  assert.is(made.kind, 'audiosocket');
  await made.suit(asteriskWithout());
  assert.equal([made.kind, doors.opened, doors.closed], ['rtp', ['rtp', 'audiosocket'], []]);
  await made.close();
  await made.close();
  assert.equal(doors.closed, ['rtp', 'audiosocket']);
  assert.is(await codeOf(made.prepare(wanted)), 'ERR_TALKSPURT_LINK_DOWN');
  assert.is(await codeOf(made.suit(asteriskWithout())), 'ERR_TALKSPURT_LINK_DOWN');
  assert.equal(doors.opened, ['rtp', 'audiosocket'], 'nothing is opened behind the close');
});

test('none will do: calls are refused with the reason until one does', async () => {
  const { made, doors } = choice('auto');
  assert.is(await codeOf(made.suit(asteriskWithout(...ALL))), 'ERR_TALKSPURT_NOT_SUPPORTED');
  assert.is(await codeOf(made.prepare(wanted)), 'ERR_TALKSPURT_NOT_SUPPORTED');
  assert.equal(doors.opened, []);
  await made.suit(asteriskWithout());
  assert.is(await codeOf(made.prepare(wanted)), 'done');
});

test('what is configured opens at once, stands for nothing else, and may turn out not to be there', async () => {
  const { made, doors } = choice('websocket');
  assert.is(made.kind, 'websocket');
  await made.openConfigured();
  assert.equal(doors.opened, ['websocket']);
  assert.is(await codeOf(made.prepare(wanted)), 'done', 'by a link that was up before');
  assert.is(await codeOf(made.suit(asteriskWithout('chan_websocket'))), 'ERR_TALKSPURT_NOT_SUPPORTED');
  assert.is(await codeOf(made.prepare(wanted)), 'ERR_TALKSPURT_NOT_SUPPORTED');
  await made.suit(asteriskWithout());
  assert.equal([doors.opened, await codeOf(made.prepare(wanted))], [['websocket'], 'done']);
});

test('a path that cannot be opened leaves its place to the next, and is tried anew', async () => {
  const doors = new Doors();
  doors.fails = 'rtp';
  const { made } = choice('auto', doors);
  await made.suit(asteriskWithout());
  assert.is(made.kind, 'audiosocket');
  doors.fails = null;
  await made.suit(asteriskWithout());
  assert.is(made.kind, 'rtp');
  doors.fails = 'websocket';
  const alone = choice('websocket', doors).made;
  assert.is(await codeOf(alone.openConfigured()), 'ERR_TALKSPURT_LISTEN');
  assert.is(await codeOf(alone.suit(asteriskWithout())), 'ERR_TALKSPURT_LISTEN');
});

test.run();
