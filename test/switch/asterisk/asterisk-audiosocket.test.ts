/** AudioSocket as a media path of Asterisk: what is asked of Asterisk, what is waited for, and what is taken back. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { AsteriskAudioSocketPath } from '../../../src/switch/asterisk/asterisk-audiosocket.ts';
import type { AsteriskAudioSocketOptions } from '../../../src/switch/asterisk/asterisk-audiosocket.ts';
import type { MediaWanted } from '../../../src/switch/asterisk/media-path.ts';
import { AudioSocketServer } from '../../../src/transport/audiosocket-server.ts';
import { frame, rig, until, uuidFrame } from '../../transport/audiosocket-rig.ts';
import type { Rig } from '../../transport/audiosocket-rig.ts';
import { HandClock } from '../freeswitch/hand-clock.ts';

interface Here extends Rig {
  readonly path: AsteriskAudioSocketPath;
  readonly digits: string[];
  readonly abort: AbortController;
  readonly wanted: (changes?: Partial<MediaWanted>) => MediaWanted;
}

async function here(options: Partial<AsteriskAudioSocketOptions>, run: (here: Here) => Promise<void>): Promise<void> {
  await rig({}, async (rest) => {
    const path = new AsteriskAudioSocketPath({ clock: rest.clock, server: rest.server, ...options });
    const digits: string[] = [];
    const abort = new AbortController();
    const wanted = (changes: Partial<MediaWanted> = {}): MediaWanted => ({
      channelId: 'media-1',
      format: 'auto',
      callFormat: 'opus',
      linkUp: () => true,
      onDigit: (digit) => digits.push(digit),
      signal: abort.signal,
      ...changes,
    });
    await run({ ...rest, path, digits, abort, wanted });
    await path.close();
    assert.equal([rest.server.expected, rest.clock.pending], [0, 0], 'nothing is left');
  });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, TalkspurtError);
    return (error as TalkspurtError).code;
  }
  return 'none';
}

test('Asterisk is asked to connect to us with a UUID of its own, and the transport is that connection', async () => {
  await here({ advertisedHost: '192.0.2.7' }, async ({ path, server, dial, wanted, digits }) => {
    const prepared = await path.prepare(wanted());
    const { data = '', ...others } = prepared.externalMedia;
    assert.equal(others, {
      external_host: `192.0.2.7:${server.port}`,
      encapsulation: 'audiosocket',
      transport: 'tcp',
      format: 'slin16',
    });
    const second = await path.prepare(wanted());
    assert.is.not(second.externalMedia['data'], data);
    await second.abandon();
    await second.abandon();

    const peer = await dial();
    peer.say(Buffer.concat([uuidFrame(data), frame(3, Buffer.from('5')), frame(0x12, Buffer.alloc(640, 3))]));
    const transport = await prepared.connect({});
    assert.equal(
      [transport.kind, transport.format],
      ['audiosocket', { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 }],
    );
    await until(() => transport.stats.receivedFrames === 1, 'audio');
    assert.equal(digits, [], 'ARI tells them');
    await prepared.abandon();
    await path.close();
    transport.send(new Uint8Array(640), true);
    assert.is(transport.stats.sentFrames, 1, 'what was handed out is not taken back');
    peer.socket.end();
    await transport.close();
  });
});

test('formats: by name, or by what the caller has', async () => {
  await here({}, async ({ path, wanted }) => {
    const asked = async (format: string, callFormat = ''): Promise<string | undefined> => {
      const prepared = await path.prepare(wanted({ format, callFormat }));
      await prepared.abandon();
      return prepared.externalMedia['format'];
    };
    for (const name of ['slin', 'slin16', 'slin24', 'slin48']) assert.is(await asked(name, 'ulaw'), name);
    for (const narrow of ['ulaw', 'alaw', 'gsm', 'g729', 'ULAW'])
      assert.is(await asked('auto', narrow), 'slin', narrow);
    for (const wide of ['g722', 'opus', 'slin16', 'slin192', '']) assert.is(await asked('auto', wide), 'slin16', wide);
    for (const none of ['ulaw', 'opus', 'slin12', 'slin32', 'slin44', 'slin192', 'g722', ''])
      assert.is(await codeOf(path.prepare(wanted({ format: none }))), 'ERR_TALKSPURT_MEDIA_FORMAT', none);
  });
});

test('digits of the connection, where they are asked for', async () => {
  await here({ tellsDigits: true }, async ({ path, dial, wanted, digits }) => {
    const prepared = await path.prepare(wanted());
    const peer = await dial();
    peer.say(uuidFrame(prepared.externalMedia['data']));
    const transport = await prepared.connect({});
    peer.say(frame(3, Buffer.from('9')));
    await until(() => digits.length === 1, 'a digit');
    assert.equal(digits, ['9']);
    peer.socket.end();
    await transport.close();
  });
});

test('nobody connects, the call ends, it is given up before and after the connection came', async () => {
  await here({}, async ({ path, dial, clock, wanted, abort, server }) => {
    const late = await path.prepare(wanted());
    clock.advance(LIMITS.audioSocketConnectMs);
    assert.is(await codeOf(late.connect({})), 'ERR_TALKSPURT_MEDIA_CONNECTION');

    const given = await path.prepare(wanted());
    const [connecting] = [codeOf(given.connect({})), await given.abandon()];
    assert.is(await connecting, 'ERR_TALKSPURT_CALL_GONE');

    const arrived = await path.prepare(wanted());
    const peer = await dial();
    peer.say(uuidFrame(arrived.externalMedia['data']));
    await until(() => server.expected === 0, 'it came');
    const abandoning = arrived.abandon();
    await until(() => peer.ends.includes('end'), 'Asterisk is told');
    assert.is(peer.heard().toString('hex'), '000000');
    peer.socket.end();
    await abandoning;
    assert.is(await codeOf(arrived.connect({})), 'ERR_TALKSPURT_CALL_GONE');

    const ended = await path.prepare(wanted());
    const closed = await path.prepare(wanted({ signal: new AbortController().signal }));
    const connectingClosed = codeOf(closed.connect({}));
    abort.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'hung up'));
    assert.is(await codeOf(ended.connect({})), 'ERR_TALKSPURT_CALL_GONE');
    assert.is(await codeOf(path.prepare(wanted())), 'ERR_TALKSPURT_CALL_GONE');
    await path.close();
    assert.is(await connectingClosed, 'ERR_TALKSPURT_CALL_GONE');
  });
});

test('a server that does not listen', async () => {
  const clock = new HandClock();
  const path = new AsteriskAudioSocketPath({ clock, server: new AudioSocketServer({ clock }) });
  const wanted = {
    channelId: 'x',
    format: 'auto',
    callFormat: '',
    linkUp: () => true,
    onDigit: () => undefined,
    signal: new AbortController().signal,
  };
  assert.is(await codeOf(path.prepare(wanted)), 'ERR_TALKSPURT_MEDIA_BIND');
});

test.run();
