/** Taps on a bridged call of the simulated switch: who is heard, who hears, and that nothing is left. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { WHISPERS } from '../../../src/switch/whisper.ts';
import {
  AGENT_HZ,
  CALLER_HZ,
  Ear,
  OTHER_HZ,
  TonePhone,
  rejects,
  speakThrough,
  toneLevel,
  until,
  watchedLink,
  withBridgedCall,
} from './tap-rig.ts';

const never = new AbortController().signal;
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
    const [ear, otherEar] = [new Ear(transport), new Ear(transport.other)];
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
      await ear.next(2000);
      caller.phone.heard = [];
      other.phone.heard = [];
      const [mine, theirs] = await Promise.all([ear.next(1600), otherEar.next(1600)]);
      const toCaller = toneLevel(caller.phone.heard, AGENT_HZ);
      const toOther = toneLevel(other.phone.heard, AGENT_HZ);
      assert.is(
        toCaller > LOUD,
        whisper === 'caller' || whisper === 'both',
        `${whisper}: the caller hears ${toCaller}`,
      );
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

test('orders go to the call: digits and a transfer; its end is not ours', () =>
  withBridgedCall(async ({ makeTap, caller, link, told }) => {
    const sent: string[] = [];
    const leg = makeTap({ link: watchedLink(link, (command) => void sent.push(command)) });
    await leg.openMedia(never);
    const { uuid } = caller.channel;
    await leg.sendDtmf('12');
    assert.is(sent.pop(), `uuid_send_dtmf ${uuid} 12`);
    caller.phone.digits = '7';
    await until(() => told.includes('digit 7'), 'a digit of the caller');
    for (const wrong of ['12;', '', '1\n2']) await rejects(leg.sendDtmf(wrong), 'ERR_TALKSPURT_COMMAND_SYNTAX');
    for (const wrong of ['a b', "'x'", '&park()', 'x inline', '-both x']) {
      await rejects(leg.transfer(wrong), 'ERR_TALKSPURT_COMMAND_SYNTAX');
    }
    await leg.transfer('5000 XML default');
    assert.is(sent.pop(), `uuid_transfer ${uuid} 5000 XML default`);
    await leg.hangup();
    // Where the transfer leads is nowhere: the switch itself may have ended the call by now.
    const killed = sent.filter((command) => command.startsWith(`uuid_kill ${uuid}`));
    assert.equal(killed, [], 'a call between two people is never ours to end');
    assert.equal(told, ['up', 'digit 7', 'released'], 'nothing is told of an end of our own');
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

test('an abort before any command of the opening leaves nothing', () =>
  withBridgedCall(async ({ makeTap, extraChannels, watched, caller, link, told }) => {
    let commands = 0;
    for (let step = 1; commands >= step - 1; step += 1) {
      commands = 0;
      const abort = new AbortController();
      const counted = watchedLink(link, () => {
        commands += 1;
        if (commands === step) abort.abort();
      });
      const leg = makeTap({ request: { mix: 'mono', sampleRateHz: null }, link: counted });
      const opening = leg.openMedia(abort.signal);
      // The last round is not aborted at all: it has no command of that number.
      if (!(await settles(opening))) assert.ok(abort.signal.aborted, `step ${step}`);
      await leg.release();
      await until(async () => (await extraChannels()) === 0, `nothing after step ${step}`);
      await until(() => watched.size === 0, `nothing is watched after step ${step}`);
      if (!abort.signal.aborted) break;
      assert.is(told.filter((text) => text === 'released').length, step);
      assert.ok(step < 60);
    }
    assert.ok(commands > 10, 'the opening was seen whole');
    assert.not(caller.channel.gone);
  }));

test('an eavesdropper that the switch makes after we have given up is ended too', () =>
  withBridgedCall(async ({ makeTap, extraChannels, link, told }) => {
    const asked = gate();
    const hold = gate();
    const slow = watchedLink(link, async (command) => {
      if (!command.startsWith('originate')) return;
      asked.open();
      await hold.opened;
    });
    const leg = makeTap({ link: slow });
    const abort = new AbortController();
    const opening = leg.openMedia(abort.signal);
    await asked.opened;
    abort.abort();
    assert.not(await settles(opening));
    await leg.release();
    assert.equal(told, ['up'], 'the channel is kept while something may come of it');
    hold.open();
    await until(() => told.includes('released'), 'the late one is ended');
    await until(async () => (await extraChannels()) === 0, 'no channel of ours');
  }));

test('without a link the end is owed, and paid when the link is back', () =>
  withBridgedCall(async ({ makeTap, extraChannels, link, told }) => {
    let down = false;
    const failing = watchedLink(link, () => {
      if (down) throw new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'down');
    });
    const leg = makeTap({ link: failing });
    await leg.openMedia(never);
    down = true;
    leg.onBlind();
    await leg.release();
    assert.is(await extraChannels(), 2);
    assert.equal(told, ['up']);
    down = false;
    await leg.onSighted();
    assert.equal(told, ['up', 'released']);
    await until(async () => (await extraChannels()) === 0, 'no channel of ours');
  }));

test('what happened while the link was down is found out when it is back', () =>
  withBridgedCall(async ({ makeTap, link, told, watched, caller }) => {
    const leg = makeTap();
    const transport = await leg.openMedia(never);
    const ear = new Ear(transport);
    leg.onBlind();
    await leg.onSighted();
    await ear.next(800);
    const ours = [...watched].filter(([uuid]) => uuid !== caller.channel.uuid);
    for (const [uuid] of ours) watched.set(uuid, () => undefined);
    leg.onBlind();
    await link.api(`uuid_kill ${ours[0]![0]}`);
    await leg.onSighted();
    await until(() => told.some((text) => text.startsWith('ended')), 'the end is told');
    leg.onMissing();
    assert.ok(told.includes('hangup 16'));
  }));

test('mono: the caller is spoken to through an eavesdropper that is had when it is needed', () =>
  withBridgedCall(async ({ makeTap, extraChannels, caller, other }) => {
    const leg = makeTap({ request: { mix: 'mono', sampleRateHz: null }, whisper: 'none' });
    const transport = await leg.openMedia(never);
    assert.is(await extraChannels(), 2, 'who only listens has one');
    const ear = new Ear(transport);
    speakThrough(transport, ear);
    await Promise.all([leg.setWhisper('both'), leg.setWhisper('caller')]);
    assert.is(leg.whisper, 'caller');
    assert.is(await extraChannels(), 4, 'and one more, once');
    await ear.next(4000);
    assert.ok(toneLevel(caller.phone.heard.slice(-1600), AGENT_HZ) > LOUD);
    assert.ok(toneLevel(other.phone.heard.slice(-1600), AGENT_HZ) < QUIET);
    await leg.release();
    await until(async () => (await extraChannels()) === 0, 'no channel of ours');
    await rejects(leg.setWhisper('none'), 'ERR_TALKSPURT_CALL_GONE');
  }));

test('a switch that refuses to eavesdrop is believed, and a call without a codec is not tapped', () =>
  withBridgedCall(async ({ makeTap, extraChannels, link, fs }) => {
    const refusing = watchedLink(link, () => undefined);
    const refused = new Proxy(refusing, {
      get: (target, name) =>
        name === 'bgapi' ? async () => '-ERR CHAN_NOT_IMPLEMENTED\n' : (Reflect.get(target, name, target) as unknown),
    });
    await rejects(makeTap({ link: refused }).openMedia(never), 'ERR_TALKSPURT_SWITCH_COMMAND');
    const ringing = fs.createCall({ phone: new TonePhone(CALLER_HZ), answered: false });
    const abort = new AbortController();
    let looks = 0;
    const looking = watchedLink(link, (command) => {
      if (command.endsWith('read_rate')) looks += 1;
      if (looks === 2) abort.abort();
    });
    const opening = makeTap({ uuid: ringing.uuid, link: looking }).openMedia(abort.signal);
    assert.not(await settles(opening));
    assert.is(await extraChannels(), 1, 'the ringing one alone');
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

/** Whether it resolved. */
async function settles(promise: Promise<unknown>): Promise<boolean> {
  const [result] = await Promise.allSettled([promise]);
  return result.status === 'fulfilled';
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

test.run();
