/**
 * Taps on the calls of a real Asterisk 22: who is heard, who hears, and that the call never notices. What each side hears is in
 * Asterisk's own recordings; an independent ARI client says what Asterisk has.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';
import { survey, sweep } from '../../../src/switch/asterisk/reconcile.ts';
import { forgetTaps } from '../../../src/switch/asterisk/snoop-left-behind.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import { assertNothingLeft, callIn, samplesOf, startHost, toneOf, until } from './stasis-rig.ts';
import { Ear, startTaps, twoLegs } from './tap-rig.ts';
import type { Taps } from './tap-rig.ts';

const never = new AbortController().signal;
const NARROW = { mix: 'mono', sampleRateHz: 8000 } as const;
let asterisk: RunningAsterisk | null = null;

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  asterisk = await startAsterisk();
});

test.after(async () => {
  await asterisk?.stop();
});

/** Afterwards nothing of ours is left, here or there. */
async function withTaps(
  kind: 'rtp' | 'audiosocket',
  run: (asterisk: RunningAsterisk, taps: Taps) => Promise<void>,
): Promise<void> {
  if (asterisk === null) return;
  const taps = await startTaps(asterisk, kind);
  try {
    await run(asterisk, taps);
    await assertNothingOfOurs(asterisk);
    assert.is(taps.leftovers(), 0);
    await taps.close();
  } finally {
    await clear(asterisk);
    await taps.end();
  }
}

/** Ends every call and every bridge there is. */
async function clear(pbx: RunningAsterisk): Promise<void> {
  for (const kind of ['channels', 'bridges']) {
    for (const { id } of (await pbx.ari('GET', kind)) as { id: string }[]) {
      await pbx.ari('DELETE', `${kind}/${id}`).catch(() => undefined);
    }
  }
  await assertNothingLeft(pbx);
}

/** What Asterisk has of ours, by kind. */
async function ours(pbx: RunningAsterisk): Promise<string[]> {
  const all = (await Promise.all([pbx.ari('GET', 'channels'), pbx.ari('GET', 'bridges')])) as { id: string }[][];
  const kinds = all.flat().map(({ id }) => /^talkspurt-([a-z]+)-/.exec(id)?.[1] ?? '');
  return kinds.filter((kind) => kind !== '').sort();
}

/** A channel that is hung up is there for a moment longer. */
async function assertNothingOfOurs(pbx: RunningAsterisk): Promise<void> {
  let left: string[] = [];
  for (let tries = 0; tries < 100; tries += 1) {
    left = await ours(pbx);
    if (left.length === 0) return;
    await sleep(20);
  }
  assert.equal(left, [], 'nothing of ours is left');
}

/** The channels whose events our application still gets, once there are none or after 2 s. */
async function toldOf(pbx: RunningAsterisk): Promise<string[]> {
  let known: string[] = [];
  for (let tries = 0; tries < 100; tries += 1) {
    ({ channel_ids: known } = (await pbx.ari('GET', 'applications/talkspurt')) as { channel_ids: string[] });
    if (known.length === 0) break;
    await sleep(20);
  }
  return known;
}

/** The parties' tones in the fifth of a second that has most of them. */
function tonesOf(samples: Int16Array, rateHz: number): string {
  const parties = [440, 1_000];
  let best: readonly number[] = [0];
  const sum = (levels: readonly number[]): number => levels.reduce((total, level) => total + level, 0);
  for (let at = 0; at + rateHz / 5 <= samples.length; at += rateHz / 20) {
    const levels = parties.map((hz) => toneOf(samples.subarray(at, at + rateHz / 5), rateHz, hz).amplitude);
    if (sum(levels) > sum(best)) best = levels;
  }
  return parties
    .flatMap((hz, at) => (best[at]! > 5_000 ? [String(hz)] : best[at]! > 80 ? [`faint ${hz}`] : []))
    .join(' ');
}

/** Says so much of a tone, 8000 at its peak, in frames of 20 ms. */
async function speak(media: MediaTransport, frequencyHz: number, ms: number): Promise<void> {
  const { sampleRateHz, codec } = media.format;
  assert.is(codec, 'l16');
  const size = sampleRateHz / 50;
  const startedMs = performance.now();
  for (let frame = 0; frame * 20 < ms; frame += 1) {
    const samples = Int16Array.from({ length: size }, (_, at) =>
      Math.round(8_000 * Math.sin((2 * Math.PI * frequencyHz * (frame * size + at)) / sampleRateHz)),
    );
    media.send(new Uint8Array(samples.buffer), frame === 0);
    await sleep(Math.max(0, startedMs + (frame + 1) * 20 - performance.now()));
  }
}

for (const kind of ['rtp', 'audiosocket'] as const) {
  test(`${kind}: the caller alone, both added up, both apart; its end is told with its cause`, async () => {
    await withTaps(kind, async (pbx, taps) => {
      const heard: string[] = [];
      for (const mix of ['mono', 'mixed', 'stereo'] as const) {
        const id = await twoLegs(pbx, 'tone440', 'tone1000');
        const { leg, told } = await taps.tap(id, { request: { mix, sampleRateHz: null } });
        const media = await leg.openMedia(never);
        const ears = [new Ear(media), ...(media.other === undefined ? [] : [new Ear(media.other)])];
        // The parties begin half a second after they are answered.
        await Promise.all(ears.map((ear) => ear.next(900)));
        heard.push(`${mix}: ${ears.map((ear) => tonesOf(ear.line(), ear.rateHz)).join(' | ')}`);
        await pbx.ari('DELETE', `channels/${id}?reason_code=17`);
        await until(() => told.length > 0, 'the end is told');
        // Longer than the end of the audio alone would take to be told.
        if (mix === 'mono') await sleep(600);
        assert.equal(told, ['hangup 17'], mix);
        await leg.release();
        await media.close();
        await assertNothingLeft(pbx);
      }
      assert.equal(heard, ['mono: 440', 'mixed: 440 1000', 'stereo: 440 | 1000']);
    });
  });
}

test('whispers: each is heard by whom it is meant for, changed while the tap runs, and by nobody else', async () => {
  await withTaps('rtp', async (pbx, taps) => {
    const id = await twoLegs(pbx, 'tone440', 'tone1000');
    await sleep(600);
    const sides = [await recordEar(pbx, 'Local/tone440@'), await recordEar(pbx, 'Local/tone1000@')];
    const { leg } = await taps.tap(id, { request: NARROW });
    const media = await leg.openMedia(never);
    assert.equal(await ours(pbx), ['bridge', 'bridge', 'media', 'media', 'snoop', 'snoop']);
    const ear = new Ear(media);
    const meant = [
      ['caller', 600],
      ['other', 800],
      ['both', 1_300],
      ['none', 1_700],
      ['caller', 2_100],
    ] as const;
    for (const [whisper, hz] of meant) {
      await leg.setWhisper(whisper);
      await speak(media, hz, 500);
      await sleep(60);
    }
    assert.is(media.stats.sentFrames, 4 * 25, 'what is said to nobody is not sent');
    for (const [, hz] of meant) assert.ok(toneOf(ear.line(), ear.rateHz, hz).amplitude < 100, 'we hear ourselves');
    await leg.release();
    await media.close();
    const hears: number[][] = [];
    for (const name of sides) {
      await pbx.ari('POST', `recordings/live/${name}/stop`);
      await pbx.event((event) => event.type === 'RecordingFinished' && event.recording?.name === name);
      const { samples, rateHz } = samplesOf(pbx.recording(name, 'wav'));
      hears.push([440, 1_000, ...meant.map(([, hz]) => hz)].filter((hz) => loudest(samples, rateHz, hz) > 6_500));
    }
    assert.equal(hears, [
      [1_000, 600, 1_300, 2_100],
      [440, 800, 1_300],
    ]);
  });
});

/** Has Asterisk record what the party hears that a Local channel of this name stands for, for the application `test`. */
async function recordEar(pbx: RunningAsterisk, name: string): Promise<string> {
  const all = (await pbx.ari('GET', 'channels')) as { id: string; name: string }[];
  const party = all.find((each) => each.name.startsWith(name) && each.name.endsWith(';2'))!;
  const id = `ear-${party.id}`;
  await pbx.ari('POST', `channels/${party.id}/snoop/${id}?app=test&spy=in`);
  await pbx.event((event) => event.type === 'StasisStart' && event.channel?.id === id);
  await pbx.ari('POST', `channels/${id}/record?name=${id}&format=wav`);
  return id;
}

/** Amplitude of that tone in the fifth of a second that has most of it. */
function loudest(samples: Int16Array, rateHz: number, frequencyHz: number): number {
  let most = 0;
  for (let at = 0; at + rateHz / 5 <= samples.length; at += rateHz / 20) {
    most = Math.max(most, toneOf(samples.subarray(at, at + rateHz / 5), rateHz, frequencyHz).amplitude);
  }
  return most;
}

test('the call never notices: what its party hears has no gap, however often a tap comes and goes', async () => {
  await withTaps('rtp', async (pbx, taps) => {
    const name = `calm-${process.pid}`;
    const id = await twoLegs(pbx, `rec-${name}`, 'tone1000');
    await sleep(800);
    for (const mix of ['mono', 'mixed', 'stereo'] as const) {
      const { leg, told } = await taps.tap(id, { request: { mix, sampleRateHz: 8000 } });
      const media = await leg.openMedia(never);
      await sleep(300);
      await leg.setWhisper('other');
      await sleep(250);
      await leg.release();
      await media.close();
      await sleep(100);
      assert.equal(told, []);
    }
    const [channel] = (await pbx.ari('GET', 'channels')) as { id: string }[];
    assert.ok(channel !== undefined, 'the call goes on');
    await pbx.ari('DELETE', `channels/${id}`);
    await assertNothingLeft(pbx);
    await sleep(300);
    const { samples, rateHz } = samplesOf(pbx.recording(`${name}-in`, 'wav'));
    const levels: number[] = [];
    for (let at = 0; at + rateHz / 10 <= samples.length; at += rateHz / 10) {
      levels.push(toneOf(samples.subarray(at, at + rateHz / 10), rateHz, 1_000).amplitude);
    }
    const middle = levels.slice(3, -3);
    assert.ok(middle.length >= 15, `a second and a half at least: ${levels.map(Math.round).join(' ')}`);
    // A tenth of a second that lacked one packet of 20 ms would be at four fifths, or less.
    assert.ok(Math.min(...middle) > 0.95 * Math.max(...middle), middle.map(Math.round).join(' '));
  });
});

/** By how many samples `one` is behind `other` where they fit best, and how well. */
function lagOf(one: Int16Array, other: Int16Array, most: number): { readonly lag: number; readonly fit: number } {
  let best = { lag: 0, fit: -1 };
  const end = Math.min(one.length, other.length) - most;
  for (let lag = -most; lag <= most; lag += 1) {
    let [product, power, otherPower] = [0, 0, 0];
    for (let at = most; at < end; at += 2) {
      product += one[at + lag]! * other[at]!;
      power += one[at + lag]! ** 2;
      otherPower += other[at]! ** 2;
    }
    const fit = product / Math.sqrt(power * otherPower || 1);
    if (fit > best.fit) best = { lag, fit };
  }
  return best;
}

test('stereo is aligned: what goes out and comes back at once is in both at the same sample', async () => {
  await withTaps('audiosocket', async (pbx, taps) => {
    // The channel's own party is an echo: what it hears it says.
    const lags: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const id = await twoLegs(pbx, 'echo', 'speaks');
      const { leg } = await taps.tap(id, { request: { mix: 'stereo', sampleRateHz: 8000 }, whisper: 'none' });
      const media = await leg.openMedia(never);
      const [caller, other] = [new Ear(media), new Ear(media.other!)];
      await Promise.all([caller.next(1_500), other.next(1_500)]);
      const [one, two] = [caller.line(), other.line()];
      for (let at = 0; at + 4_000 <= Math.min(one.length, two.length); at += 2_000) {
        const { lag, fit } = lagOf(one.subarray(at, at + 4_000), two.subarray(at, at + 4_000), 480);
        if (fit > 0.99) lags.push(lag);
      }
      await leg.release();
      await media.close();
      await pbx.ari('DELETE', `channels/${id}`);
    }
    assert.ok(lags.length >= 6, `the two fit: ${lags.length}`);
    // A snoop that found nothing in its 20 ms is behind by a whole frame from then on; nothing else moves.
    assert.ok(
      lags.every((lag) => lag % 160 === 0),
      `lags: ${lags.join(' ')}`,
    );
    assert.ok(lags.filter((lag) => lag === 0).length > lags.length / 2, `lags: ${lags.join(' ')}`);
  });
});

test('who they are is known at once: numbers, channels, an agent, chosen variables', async () => {
  await withTaps('rtp', async (pbx, taps) => {
    const variables = { AGENT_ID: 'agent-7', QUEUE: 'sales' };
    const id = await twoLegs(pbx, 'tone440', 'silent', { variables });
    const variableNames = ['AGENT_ID', 'QUEUE', 'CALLERID(num)', 'CHANNEL(language)', 'NOWHERE'];
    const { leg, preparedMs } = await taps.tap(id, { request: NARROW, variableNames });
    assert.equal([leg.from, leg.to], ['4711', 'calls']);
    const known = Object.fromEntries(leg.variables);
    assert.match(known['CHANNEL(name)'] ?? '', /^Local\/tone440@test-\w+;1$/);
    assert.match(known['BRIDGEPEER'] ?? '', /^Local\/silent@test-\w+;1$/);
    assert.equal(
      ['AGENT_ID', 'QUEUE', 'CALLERID(num)', 'CHANNEL(language)', 'NOWHERE'].map((name) => known[name]),
      ['agent-7', 'sales', '4711', 'en', undefined],
    );
    const tries = [preparedMs];
    for (let again = 0; again < 2; again += 1) {
      const other = await taps.tap(await twoLegs(pbx, 'silent', 'silent', { variables }), { variableNames });
      tries.push(other.preparedMs);
      await other.leg.release();
    }
    assert.ok(Math.min(...tries) < 100, `known after ${tries.map(Math.round).join(', ')} ms`);
    await leg.release();
  });
});

test('digits of the party are told, as its channel has them', async () => {
  await withTaps('rtp', async (pbx, taps) => {
    const id = await twoLegs(pbx, 'digits', 'silent');
    const { leg, told } = await taps.tap(id, { request: NARROW });
    await leg.openMedia(never);
    await until(() => told.length >= 4, 'four digits are told');
    assert.equal(told, ['digit 1', 'digit 2', 'digit #', 'digit *']);
    await leg.release();
    // On a call in which nobody sends anything Asterisk keeps a snoop until it ends.
    await pbx.ari('DELETE', `channels/${id}`);
  });
});

test('a snoop, its media or its bridge that is taken away alone ends the tap, and not the call', async () => {
  await withTaps('rtp', async (pbx, taps) => {
    const id = await twoLegs(pbx, 'tone440', 'tone1000');
    for (const [collection, kind] of [
      ['channels', 'snoop'],
      ['channels', 'media'],
      ['bridges', 'bridge'],
    ] as const) {
      const { leg, told } = await taps.tap(id, { request: { mix: 'stereo', sampleRateHz: null } });
      const media = await leg.openMedia(never);
      const all = (await pbx.ari('GET', collection)) as { id: string }[];
      await pbx.ari('DELETE', `${collection}/${all.find((each) => each.id.startsWith(`talkspurt-${kind}-`))!.id}`);
      await until(() => told.length > 0, 'the end is told');
      assert.match(told.join(), /^media ended: /, kind);
      await leg.release();
      await media.close();
      await assertNothingOfOurs(pbx);
      assert.ok(await pbx.ari('GET', `channels/${id}`), 'the call goes on');
    }
    await pbx.ari('DELETE', `channels/${id}`);
  });
});

test('a call of another Stasis application is tapped where it is, and stays there', async () => {
  await withTaps('rtp', async (pbx, taps) => {
    const [one, two] = [
      await callIn(pbx, 'tone440', { to: 'stasis-test' }),
      await callIn(pbx, 'tone1000', { to: 'stasis-test' }),
    ];
    for (const id of [one, two]) {
      await pbx.event((event) => event.type === 'StasisStart' && event.channel?.id === id);
    }
    const { id: bridge } = (await pbx.ari('POST', 'bridges?type=mixing')) as { id: string };
    await pbx.ari('POST', `bridges/${bridge}/addChannel?channel=${one},${two}`);
    const { leg } = await taps.tap(one, { request: { mix: 'stereo', sampleRateHz: null } });
    const media = await leg.openMedia(never);
    const ears = [new Ear(media), new Ear(media.other!)];
    await Promise.all(ears.map((ear) => ear.next(700)));
    assert.equal(
      ears.map((ear) => tonesOf(ear.line(), ear.rateHz)),
      ['440', '1000'],
    );
    await leg.release();
    await media.close();
    const { channels } = (await pbx.ari('GET', `bridges/${bridge}`)) as { channels: string[] };
    assert.equal([...channels].sort(), [one, two].sort());
    // A channel of ours that is being hung up is forgotten when Asterisk has taken it down, a moment after its answer.
    await assertNothingOfOurs(pbx);
    assert.equal(await toldOf(pbx), [], 'we are told of nothing any more');
    await pbx.ari('DELETE', `bridges/${bridge}`);
  });
});

/** Has a process of ours tap these channels, and kills it. */
async function tapAndDie(pbx: RunningAsterisk, channels: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL('./tap-victim.ts', import.meta.url));
  const victim = spawn(process.execPath, ['--import', 'tsx', script, String(pbx.httpPort), ...channels], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const over = once(victim, 'exit');
  await once(victim.stdout, 'data');
  victim.kill('SIGKILL');
  await over;
  assert.is((await ours(pbx)).length, 9 * channels.length, 'three snoops, media and bridges each');
}

async function applicationOf(pbx: RunningAsterisk, id: string): Promise<string> {
  const { dialplan } = (await pbx.ari('GET', `channels/${id}`)) as { dialplan: { app_name: string } };
  return dialplan.app_name;
}

test('killed while it taps: the next process clears up what is left of it, and every call stays where it is', async () => {
  if (asterisk === null) return;
  const id = await twoLegs(asterisk, 'tone440', 'tone1000');
  const foreign = await callIn(asterisk, 'tone440', { to: 'stasis-test' });
  await asterisk.event((event) => event.type === 'StasisStart' && event.channel?.id === foreign);
  await tapAndDie(asterisk, [id, foreign]);
  const host = await startHost(asterisk);
  try {
    await assertNothingOfOurs(asterisk);
    await sleep(100);
    const where = [await applicationOf(asterisk, id), await applicationOf(asterisk, foreign)];
    assert.equal([...where, host.adapter.legCount], ['Dial', 'Stasis', 0]);
    const leg = await host.adapter.attach(id, never, { mix: 'stereo', sampleRateHz: null });
    const media = await leg.openMedia(never);
    const [caller, other] = [new Ear(media), new Ear(media.other!)];
    await Promise.all([caller.next(400), other.next(400)]);
    assert.equal([tonesOf(caller.line(), caller.rateHz), tonesOf(other.line(), other.rateHz)], ['440', '1000']);
    await leg.release();
    await media.close();
    assert.is(host.adapter.legCount, 0);
    await assertNothingOfOurs(asterisk);
  } finally {
    await host.close();
    await clear(asterisk);
  }
});

test("killed while it taps another application's call: that is not taken for one of ours", async () => {
  if (asterisk === null) return;
  const id = await callIn(asterisk, 'tone440', { to: 'stasis-test' });
  await asterisk.event((event) => event.type === 'StasisStart' && event.channel?.id === id);
  await tapAndDie(asterisk, [id]);
  await withTaps('rtp', async (pbx, { link, ids, routes }) => {
    const isHeld = (each: string): boolean => routes.has(each);
    const before = await survey(link);
    assert.not(before.inApplication.has(id), 'another application is named where it came in');
    assert.is(await forgetTaps(link, before, ids, isHeld), true);
    const after = await survey(link);
    assert.not(after.inApplication.has(id));
    assert.is(await sweep(link, after, ids, isHeld), 9);
    await assertNothingOfOurs(pbx);
    assert.is(await applicationOf(pbx, id), 'Stasis', 'it stays with whoever has it');
    assert.is(await forgetTaps(link, await survey(link), ids, isHeld), false);
  });
});

test.run();
