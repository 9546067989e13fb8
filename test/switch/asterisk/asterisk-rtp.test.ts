/** Asterisk's externalMedia by RTP: formats, where each side sends, and what is given back. */
import { createSocket } from 'node:dgram';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/core/clock.ts';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { frameBytes } from '../../../src/core/media.ts';
import { capabilitiesOf } from '../../../src/switch/asterisk/asterisk-capabilities.ts';
import { AsteriskRtpPath } from '../../../src/switch/asterisk/asterisk-rtp.ts';
import type { AsteriskRtpOptions } from '../../../src/switch/asterisk/asterisk-rtp.ts';
import type { MediaWanted } from '../../../src/switch/asterisk/media-path.ts';
import { RtpPortPool } from '../../../src/transport/rtp-port-pool.ts';

const clock = new SystemClock();
const from = 31_000 + (process.pid % 200) * 20;
const ports = new RtpPortPool({ clock, bindHost: '127.0.0.1', from, to: from + 17, coolDownMs: 0 });

const link = { up: true };
const wanted = (format: string, callFormat = '', signal = new AbortController().signal): MediaWanted => ({
  channelId: 'm1',
  format,
  callFormat,
  signal,
  linkUp: () => link.up,
  onDigit: () => undefined,
});

/** A codec of which it is counted how often it was released. */
function codec(): { made: () => ReturnType<NonNullable<AsteriskRtpOptions['g722']>>; released: number } {
  const counting = {
    released: 0,
    made: () => ({
      decode: () => undefined,
      encode: (_pcm: Uint8Array, out: Uint8Array) => void out.fill(7),
      release: () => void (counting.released += 1),
    }),
  };
  return counting;
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return await attempt.then(
    () => 'it was done',
    (error: unknown) => (error instanceof TalkspurtError ? error.code : String(error)),
  );
}

/** Asterisk's end: where it listens, and what came there. */
async function asteriskEnd(): Promise<{ port: number; packets: Buffer[]; send: AsteriskSend; close: () => void }> {
  const socket = createSocket('udp4');
  const packets: Buffer[] = [];
  socket.on('message', (packet) => packets.push(packet));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    port: socket.address().port,
    packets,
    send: (packet, port) => socket.send(packet, port, '127.0.0.1'),
    close: () => void socket.close(),
  };
}

type AsteriskSend = (packet: Buffer, port: number) => void;

async function until(is: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 20_000 && !is(); tries += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(is(), what);
}

test('what Asterisk is asked for', async () => {
  const path = new AsteriskRtpPath({ clock, ports, advertiseHost: '192.0.2.7' });
  const prepared = await path.prepare(wanted('ulaw'));
  const { external_host: host, ...rest } = prepared.externalMedia;
  assert.match(host!, /^192\.0\.2\.7:\d+$/);
  assert.is(Number(host!.split(':')[1]) % 2, 0);
  const fixed = { encapsulation: 'rtp', transport: 'udp', connection_type: 'client', direction: 'both' };
  assert.equal(rest, { ...fixed, format: 'ulaw' });
  assert.is(ports.inUse, 1);
  await prepared.abandon();
  await prepared.abandon();
  assert.is(ports.inUse, 0);

  const six = await new AsteriskRtpPath({ clock, ports, advertiseHost: '2001:db8::7' }).prepare(wanted('alaw'));
  assert.match(six.externalMedia['external_host']!, /^\[2001:db8::7\]:\d+$/);
  await six.abandon();
});

test('auto: by what the caller speaks, and whether there is G.722', async () => {
  const [with722, without] = [
    new AsteriskRtpPath({ clock, ports, g722: codec().made }),
    new AsteriskRtpPath({ clock, ports }),
  ];
  for (const [callFormat, format, narrow] of [
    ['ulaw', 'ulaw', 'ulaw'],
    ['alaw', 'alaw', 'alaw'],
    ['gsm', 'ulaw', 'ulaw'],
    ['slin', 'ulaw', 'ulaw'],
    ['slin16', 'g722', 'ulaw'],
    ['opus', 'g722', 'ulaw'],
    ['', 'g722', 'ulaw'],
  ] as const) {
    for (const [path, expected] of [
      [with722, format],
      [without, narrow],
    ] as const) {
      const prepared = await path.prepare(wanted('auto', callFormat));
      assert.is(prepared.externalMedia['format'], expected, callFormat);
      await prepared.abandon();
    }
  }
  // What Asterisk cannot transcode is not asked for, unless it is the caller's own.
  for (const [without722, callFormat, expected] of [
    [['codec_g722'], 'opus', 'ulaw'],
    [['codec_g722', 'codec_ulaw'], 'opus', 'alaw'],
    [['codec_ulaw'], 'gsm', 'alaw'],
    [['codec_ulaw'], 'ulaw', 'ulaw'],
  ] as const) {
    const running = ['chan_rtp', 'res_rtp_asterisk', 'codec_g722', 'codec_ulaw', 'codec_alaw'];
    const left = new Set(running.filter((name) => !(without722 as readonly string[]).includes(name)));
    const capabilities = capabilitiesOf('22.10.1', left);
    const prepared = await with722.prepare({ ...wanted('auto', callFormat), capabilities });
    assert.is(prepared.externalMedia['format'], expected, `${callFormat} without ${without722.join()}`);
    await prepared.abandon();
  }
  for (const format of ['slin16', 'slin48', 'opus', 'gsm', 'g722', 'constructor']) {
    assert.is(await codeOf(without.prepare(wanted(format))), 'ERR_TALKSPURT_MEDIA_FORMAT', format);
  }
  const reason = new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'gone');
  assert.is(await codeOf(without.prepare(wanted('ulaw', '', AbortSignal.abort(reason)))), 'ERR_TALKSPURT_CALL_GONE');
  assert.is(ports.inUse, 0);
});

for (const [format, payloadType, wireBytes] of [
  ['ulaw', 0, 160],
  ['alaw', 8, 160],
  ['g722', 9, 160],
  ['slin', 10, 320],
] as const) {
  test(`${format}: both ways, with the one who was named and with nobody else`, async () => {
    const [asterisk, counting] = [await asteriskEnd(), codec()];
    const path = new AsteriskRtpPath({ clock, ports, g722: counting.made });
    const prepared = await path.prepare(wanted(format));
    const ourPort = Number(prepared.externalMedia['external_host']!.split(':')[1]);
    const transport = await prepared.connect({
      UNICASTRTP_LOCAL_ADDRESS: '127.0.0.1',
      UNICASTRTP_LOCAL_PORT: String(asterisk.port),
    });
    // Handed out: it is its owner's to close.
    await prepared.abandon();
    assert.is(ports.inUse, 1);
    const frames: number[] = [];
    transport.start({ onFrame: (payload) => void frames.push(payload.length), onLost: () => undefined });
    assert.is(transport.kind, 'rtp');
    assert.is(transport.expectsFrames, false, 'a silent far end sends nothing');
    assert.is(transport.owesFirstFrame, true, 'but it begins');
    link.up = false;
    assert.is(transport.expectsFrames, true, 'and while ARI is silent too, that is a sign');
    link.up = true;
    assert.is(transport.leadInFrames, 0, 'it plays what comes first');

    transport.send(new Uint8Array(frameBytes(transport.format)), true);
    await until(() => asterisk.packets.length > 0, 'Asterisk has a packet without having sent one');
    const packet = asterisk.packets[0]!;
    assert.equal([packet[1]! & 0x7f, packet.length], [payloadType, 12 + wireBytes]);
    // The time in packets: what comes later, from whichever process, is not behind; in the upper half, ahead of what begins at 0.
    assert.ok(packet.readUInt16BE(2) >= 0x8000);
    const aheadOf = (Math.floor(clock.wallTimeMs() / 20) - packet.readUInt16BE(2)) & 0x7fff;
    assert.ok(aheadOf < 500, `${aheadOf} packets ago`);

    const back = Buffer.alloc(12 + wireBytes);
    back.writeUInt16BE(0x8000 | payloadType, 0);
    back.writeUInt32BE(77, 8);
    asterisk.send(back, ourPort);
    await until(() => frames.length > 0, 'we hear Asterisk');
    assert.equal(frames, [frameBytes(transport.format)]);

    await transport.close();
    await transport.close();
    assert.equal([ports.inUse, counting.released], [0, format === 'g722' ? 1 : 0]);
    asterisk.close();
  });
}

test('a far end that does not say where it is, and one that is not the one named', async () => {
  const counting = codec();
  const path = new AsteriskRtpPath({ clock, ports, g722: counting.made });
  for (const variables of [
    {},
    { UNICASTRTP_LOCAL_ADDRESS: 'pbx.example', UNICASTRTP_LOCAL_PORT: '27000' },
    { UNICASTRTP_LOCAL_ADDRESS: '127.0.0.1', UNICASTRTP_LOCAL_PORT: '65535' },
    { UNICASTRTP_LOCAL_ADDRESS: '127.0.0.1', UNICASTRTP_LOCAL_PORT: 'x' },
  ]) {
    const prepared = await path.prepare(wanted('g722'));
    assert.is(await codeOf(prepared.connect(variables)), 'ERR_TALKSPURT_MEDIA_CONNECTION');
    await prepared.abandon();
  }
  assert.equal([ports.inUse, counting.released], [0, 0]);

  const stranger = await asteriskEnd();
  const prepared = await path.prepare(wanted('ulaw'));
  const transport = await prepared.connect({ UNICASTRTP_LOCAL_ADDRESS: '192.0.2.1', UNICASTRTP_LOCAL_PORT: '27000' });
  let heard = 0;
  transport.start({ onFrame: () => void (heard += 1), onLost: () => undefined });
  const packet = Buffer.alloc(172);
  packet[0] = 0x80;
  stranger.send(packet, Number(prepared.externalMedia['external_host']!.split(':')[1]));
  await until(() => transport.stats.rejectedPackets === 1, 'it is counted');
  assert.is(heard, 0);
  await transport.close();
  stranger.close();
  await path.close();
});

test('no ports are left: a clear error', async () => {
  const scarce = new RtpPortPool({ clock, bindHost: '127.0.0.1', from: from + 18, to: from + 19 });
  const path = new AsteriskRtpPath({ clock, ports: scarce });
  const one = await path.prepare(wanted('ulaw'));
  assert.is(await codeOf(path.prepare(wanted('ulaw'))), 'ERR_TALKSPURT_PORTS_EXHAUSTED');
  await one.abandon();
});

test.run();
