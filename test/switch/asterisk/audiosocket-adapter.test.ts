/** Calls that a dialplan brings by AudioSocket, with a plain TCP socket in Asterisk's place. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { AudioSocketAdapter } from '../../../src/switch/asterisk/audiosocket-adapter.ts';
import type { CallLeg, SwitchSink } from '../../../src/switch/switch-adapter.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { until } from '../freeswitch/hand-clock.ts';
import { UUID, frame, rig, uuidFrame } from '../../transport/audiosocket-rig.ts';
import type { Peer, Rig } from '../../transport/audiosocket-rig.ts';

interface Calls {
  readonly adapter: AudioSocketAdapter;
  readonly legs: CallLeg[];
  readonly peer: Peer;
  readonly clock: Rig['clock'];
}

async function withCall(run: (calls: Calls) => Promise<void>): Promise<void> {
  let adapter: AudioSocketAdapter | null = null;
  await rig({ onStranger: (_uuid, connection) => adapter?.offer(connection) ?? false }, async ({ clock, dial }) => {
    adapter = new AudioSocketAdapter({ name: 'pbx-audiosocket', clock, profile: 'reception' });
    const legs: CallLeg[] = [];
    const sink: SwitchSink = {
      onCall: (leg, profile) => {
        assert.is(profile, 'reception');
        legs.push(leg);
      },
      onLinkDown: () => undefined,
      onLinkUp: () => undefined,
    };
    await adapter.start(sink);
    const peer = await dial();
    peer.say(uuidFrame());
    await until(() => legs.length === 1, 'the call is offered');
    await run({ adapter, legs, peer, clock });
    const stopped = adapter.stop();
    peer.socket.destroy();
    await stopped;
    assert.is(adapter.legCount, 0);
  });
}

async function fails(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.ok(hasCode(error, code), String(error));
    return;
  }
  assert.unreachable(`no ${code}`);
}

test('audio both ways at 8 kHz, a digit, and the caller hangs up', () =>
  withCall(async ({ adapter, legs, peer }) => {
    const [leg] = legs;
    assert.ok(leg);
    assert.is(leg.id, UUID);
    const heard: string[] = [];
    leg.listen({
      onHangup: (cause) => heard.push(`hangup ${cause}`),
      onDigit: (digit) => heard.push(`digit ${digit}`),
      onMediaEnded: (reason) => heard.push(reason),
    });
    const signal = new AbortController().signal;
    await leg.answer(signal);
    const transport = await leg.openMedia(signal);
    assert.equal(transport.format, { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 });
    const frames: Uint8Array[] = [];
    const losses: TalkspurtError[] = [];
    transport.start({ onFrame: (payload) => frames.push(payload.slice()), onLost: (error) => losses.push(error) });
    peer.say(frame(0x10, Buffer.alloc(320, 7)));
    peer.say(frame(3, Buffer.from('9')));
    await until(() => frames.length === 1 && heard.length === 1, 'a frame and a digit');
    assert.is(frames[0]?.[100], 7);
    transport.send(new Uint8Array(320).fill(9), true);
    await until(() => peer.heard().length === 323, 'our frame');
    assert.equal(peer.heard().subarray(0, 4), Buffer.from([0x10, 0x01, 0x40, 9]));
    peer.socket.end();
    await until(() => heard.length === 2, 'the end');
    assert.equal(heard, ['digit 9', 'hangup 16']);
    assert.equal(losses, [], 'a hang-up is no loss');
    assert.is(adapter.legCount, 0);
    await leg.release();
  }));

test('what a connection cannot do is refused with what can', () =>
  withCall(async ({ adapter, legs }) => {
    const [leg] = legs;
    assert.ok(leg);
    await fails('ERR_TALKSPURT_NOT_SUPPORTED', leg.sendDtmf('1'));
    await fails('ERR_TALKSPURT_NOT_SUPPORTED', leg.transfer('100'));
    await fails('ERR_TALKSPURT_ALREADY_RUNNING', adapter.attach(UUID));
    await fails('ERR_TALKSPURT_UNKNOWN_CALL', adapter.attach('somebody'));
    await fails('ERR_TALKSPURT_NOT_SUPPORTED', adapter.command());
  }));

test('letting go says goodbye, on which the dialplan goes on; nothing is told then', () =>
  withCall(async ({ legs, peer }) => {
    const [leg] = legs;
    assert.ok(leg);
    const heard: number[] = [];
    leg.listen({ onHangup: (cause) => heard.push(cause), onDigit: () => undefined, onMediaEnded: () => undefined });
    const released = leg.release();
    await until(() => peer.ends.length > 0, 'the end');
    peer.socket.end();
    await released;
    assert.equal(peer.heard(), Buffer.from([0, 0, 0]));
    assert.equal(heard, []);
    await fails('ERR_TALKSPURT_CALL_GONE', leg.openMedia(new AbortController().signal));
  }));

test('a caller who is gone before anybody listens is told as one', () =>
  withCall(async ({ legs, peer }) => {
    const [leg] = legs;
    assert.ok(leg);
    peer.socket.end();
    const transport = await leg.openMedia(new AbortController().signal);
    const causes: number[] = [];
    transport.start({ onFrame: () => undefined, onLost: () => undefined });
    leg.listen({ onHangup: (cause) => causes.push(cause), onDigit: () => undefined, onMediaEnded: () => undefined });
    await until(() => causes.length === 1, 'the hang-up');
  }));

test.run();
