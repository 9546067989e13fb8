/** Taps on a bridged call of the simulated switch: who is heard, who hears, and that nothing is left. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WHISPERS } from '../../../src/switch/freeswitch/tap-whisper.ts';
import {
  AGENT_HZ,
  CALLER_HZ,
  Ear,
  OTHER_HZ,
  never,
  speakThrough,
  toneLevel,
  until,
  withBridgedCall,
} from './tap-rig.ts';

const LOUD = 2000;
const QUIET = 200;

test('mixed: both parties are heard, and nothing is left after the release', () =>
  withBridgedCall(async ({ makeTap, extraChannels, caller, told, watched }) => {
    const leg = makeTap();
    const transport = await leg.openMedia(never);
    assert.equal(transport.format, { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 });
    assert.is(transport.other, undefined);
    assert.is(await extraChannels(), 2, 'the eavesdropper and our end of it');
    const ear = new Ear(transport);
    await ear.next(1600);
    const heard = await ear.next(1600);
    assert.ok(toneLevel(heard, CALLER_HZ) > LOUD);
    assert.ok(toneLevel(heard, OTHER_HZ) > LOUD);
    await leg.release();
    await until(async () => (await extraChannels()) === 0, 'no channel of ours');
    assert.not(caller.channel.gone, 'the call goes on');
    assert.equal(told, ['up', 'released']);
    assert.is(watched.size, 0, 'nothing is watched any more');
  }));

test('mono: the caller alone', () =>
  withBridgedCall(async ({ makeTap }) => {
    const leg = makeTap({ request: { mix: 'mono', sampleRateHz: null } });
    const ear = new Ear(await leg.openMedia(never));
    await ear.next(1600);
    const heard = await ear.next(1600);
    assert.ok(toneLevel(heard, CALLER_HZ) > LOUD);
    assert.ok(toneLevel(heard, OTHER_HZ) < QUIET);
  }));

test('stereo: both apart, with the same number in the same moment', () =>
  withBridgedCall(async ({ makeTap, extraChannels }) => {
    const leg = makeTap({ request: { mix: 'stereo', sampleRateHz: null } });
    const transport = await leg.openMedia(never);
    assert.ok(transport.other);
    assert.is(await extraChannels(), 4);
    const [ear, otherEar] = [new Ear(transport), new Ear(transport.other!)];
    await Promise.all([ear.next(1600), otherEar.next(1600)]);
    assert.is(ear.numbers[0], 1);
    assert.is(otherEar.numbers[0], 1);
    const [heard, otherHeard] = await Promise.all([ear.next(1600), otherEar.next(1600)]);
    assert.ok(toneLevel(heard, CALLER_HZ) > LOUD && toneLevel(heard, OTHER_HZ) < QUIET, 'the caller');
    assert.ok(toneLevel(otherHeard, OTHER_HZ) > LOUD && toneLevel(otherHeard, CALLER_HZ) < QUIET, 'the other');
    assert.ok(Math.abs(ear.numbers.at(-1)! - otherEar.numbers.at(-1)!) <= 2, 'neither runs away');
    await leg.release();
    await until(async () => (await extraChannels()) === 0, 'no channel of ours');
  }));

test('whisper goes to whom it is for, is switched while it runs, and is not heard by ourselves', () =>
  withBridgedCall(async ({ makeTap, caller, other }) => {
    const leg = makeTap({ request: { mix: 'stereo', sampleRateHz: null } });
    const transport = await leg.openMedia(never);
    const ear = new Ear(transport);
    const otherEar = new Ear(transport.other!);
    speakThrough(transport, ear);
    assert.is(leg.whisper, 'caller');
    for (const whisper of ['caller', ...WHISPERS] as const) {
      if (whisper !== leg.whisper) await leg.setWhisper(whisper);
      // What is on its way is heard out.
      await ear.next(4000);
      caller.phone.heard = [];
      other.phone.heard = [];
      const [mine, theirs] = await Promise.all([ear.next(3200), otherEar.next(3200)]);
      const toCaller = toneLevel(caller.phone.heard, AGENT_HZ);
      const toOther = toneLevel(other.phone.heard, AGENT_HZ);
      assert.is(toCaller > LOUD, whisper === 'caller' || whisper === 'both', `${whisper}: the caller hears ${toCaller}`);
      assert.is(toOther > LOUD, whisper === 'other' || whisper === 'both', `${whisper}: the other hears ${toOther}`);
      assert.ok(toneLevel(mine, AGENT_HZ) < QUIET && toneLevel(theirs, AGENT_HZ) < QUIET, `${whisper}: no echo of us`);
    }
  }));

test('a tap may begin silent', () =>
  withBridgedCall(async ({ makeTap, caller, other }) => {
    const leg = makeTap({ whisper: 'none' });
    const transport = await leg.openMedia(never);
    const ear = new Ear(transport);
    speakThrough(transport, ear);
    await ear.next(4800);
    assert.ok(toneLevel(caller.phone.heard.slice(-1600), AGENT_HZ) < QUIET);
    assert.ok(toneLevel(other.phone.heard.slice(-1600), AGENT_HZ) < QUIET);
  }));

test("the caller's hang-up ends the tap, with the call's own cause", () =>
  withBridgedCall(async ({ makeTap, caller, other, link, told, watched }) => {
    const leg = makeTap({ request: { mix: 'stereo', sampleRateHz: null } });
    await leg.openMedia(never);
    await link.api(`uuid_kill ${caller.channel.uuid} USER_BUSY`);
    await until(() => told.includes('hangup 17'), 'the hang-up is told');
    await until(async () => /^0 total/m.test(await link.api('show channels count')), 'everything is gone');
    assert.ok(other.channel.gone);
    await leg.release();
    assert.equal(told, ['up', 'hangup 17', 'released']);
    assert.is(watched.size, 0);
  }));

test('orders go to the call: digits, a transfer, and the end that was asked for', () =>
  withBridgedCall(async ({ makeTap, caller, told }) => {
    const leg = makeTap();
    await leg.openMedia(never);
    await leg.sendDtmf('12');
    caller.phone.digits = '7';
    await until(() => told.includes('digit 7'), 'a digit of the caller');
    await leg.hangup(17);
    assert.is(caller.channel.hangupCause, 17);
    assert.equal(told, ['up', 'digit 7', 'released'], 'nothing is told of an end of our own');
    for (const wrong of ['12;', '', '1\n2']) await rejects(leg.sendDtmf(wrong), 'ERR_TALKSPURT_COMMAND_SYNTAX');
    for (const wrong of ['a b', "'x'", '&park()', 'inline', 'x inline']) {
      if (wrong !== 'inline') await rejects(leg.transfer(wrong), 'ERR_TALKSPURT_COMMAND_SYNTAX');
    }
    await rejects(leg.sendDtmf('1'), 'ERR_TALKSPURT_CALL_GONE');
  }));

test('an eavesdropper that somebody ends is told as the end of the audio; the call goes on', () =>
  withBridgedCall(async ({ makeTap, caller, link, told, watched }) => {
    const leg = makeTap();
    await leg.openMedia(never);
    const ours = [...watched.keys()].filter((uuid) => uuid !== caller.channel.uuid);
    assert.is(ours.length, 2);
    await link.api(`uuid_kill ${ours[0]!}`);
    await until(() => told.some((text) => text.startsWith('ended: the eavesdropper')), 'the end of the audio');
    assert.not(caller.channel.gone);
    await leg.release();
    assert.is(told.filter((text) => text.startsWith('ended')).length, 1);
  }));

test('a loopback that is faster than the call is refused, and nothing was begun', () =>
  withBridgedCall(async ({ makeTap, link, extraChannels }) => {
    await link.api('global_setvar loopback_initial_codec=L16@16000h@20i');
    await rejects(makeTap().openMedia(never), 'ERR_TALKSPURT_MEDIA_FORMAT');
    assert.is(await extraChannels(), 0);
  }));

test('a loopback of 16 kHz on a call of 16 kHz is heard as it is', () =>
  withBridgedCall(async ({ makeTap, link }) => {
    await link.api('global_setvar loopback_initial_codec=L16@16000h@20i');
    const transport = await makeTap().openMedia(never);
    assert.is(transport.format.sampleRateHz, 16_000);
    const ear = new Ear(transport);
    await ear.next(3200);
    assert.ok(toneLevel(await ear.next(3200), CALLER_HZ, 16_000) > LOUD);
  }, 16_000));

test('an abort at any moment of the opening leaves nothing', () =>
  withBridgedCall(async ({ makeTap, extraChannels, watched, caller, told }) => {
    for (const afterMs of [0, 1, 2, 4, 8, 16, 32, 64]) {
      const leg = makeTap({ request: { mix: 'stereo', sampleRateHz: null } });
      const abort = new AbortController();
      const opening = leg.openMedia(abort.signal);
      opening.catch(() => undefined);
      await new Promise<void>((resolve) => setTimeout(resolve, afterMs));
      abort.abort();
      await opening.then(
        () => undefined,
        () => undefined,
      );
      await leg.release();
      await until(async () => (await extraChannels()) === 0, `nothing after ${afterMs} ms`);
      await until(() => watched.size === 0, 'nothing is watched');
    }
    assert.not(caller.channel.gone);
    assert.is(told.filter((text) => text === 'released').length, 8);
  }));

test('a release in the middle of the opening ends it', () =>
  withBridgedCall(async ({ makeTap, extraChannels }) => {
    const leg = makeTap();
    const opening = leg.openMedia(never);
    opening.catch(() => undefined);
    await leg.release();
    await rejects(opening, 'ERR_TALKSPURT_CALL_GONE');
    assert.is(await extraChannels(), 0);
  }));

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.is((error as { code?: string }).code, code, String(error));
    return;
  }
  assert.unreachable(`resolved instead of ${code}`);
}

test.run();
