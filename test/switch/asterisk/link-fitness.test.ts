/** An Asterisk that can carry no calls: what is told of it, how its calls are refused, and how that ends. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import { notReadyReasons } from '../../../src/gateway-readiness.ts';
import { LIMITS } from '../../../src/limits.ts';
import { choosePath } from '../../../src/switch/asterisk/asterisk-capabilities.ts';
import type { AsteriskCapabilities } from '../../../src/switch/asterisk/asterisk-capabilities.ts';
import { linkDown, refusal } from './fake-ari.ts';
import { FakePath, StasisWorld, settle } from './stasis-world.ts';

const BASE = [
  ...['app_stasis', 'res_stasis', 'res_ari_applications', 'res_ari_bridges', 'res_ari_channels', 'bridge_simple'],
  ...['codec_ulaw', 'chan_rtp'],
];

/** A path over RTP that looks as the real one does. */
class RtpOnly extends FakePath {
  suited = 0;

  suit(capabilities: AsteriskCapabilities): Promise<void> {
    this.suited += 1;
    return Promise.resolve().then(
      () => void choosePath(capabilities, { switchName: 'pbx', kind: 'rtp', format: 'auto' }),
    );
  }
}

/** `modules` are what the fake says that it runs, from now on. */
function worldOf(modules: string[]) {
  const path = new RtpOnly();
  const world = new StasisWorld({ media: path });
  const asked = { modules: [...modules], times: 0, answer: (): unknown => undefined };
  world.ari.answer = (line) => {
    if (line !== 'GET asterisk/modules') return undefined;
    asked.times += 1;
    return asked.answer() ?? asked.modules.map((name) => ({ name: `${name}.so`, status: 'Running' }));
  };
  return { world, path, asked };
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return await attempt.then(
    () => 'done',
    (error: unknown) => (error as TalkspurtError).code,
  );
}

/** Nothing else stands against a call. */
const WELL = { draining: false, full: false, backendsClosed: false, overload: [] };

test('one that can: asked once for each link, told once', async () => {
  const { world, path, asked } = worldOf([...BASE, 'res_rtp_asterisk']);
  assert.equal(world.adapter.fitness, { version: null, media: null, problem: null });
  await world.start();
  const [told] = world.events.of('link.capabilities');
  assert.equal([told?.link, told?.media, told?.rtp, told?.audiosocket], ['pbx', 'rtp', 'ulaw slin', '']);
  assert.match(told!.missing, 'chan_websocket');
  assert.is(told!.error, undefined);
  assert.equal(world.adapter.fitness, { version: '22.10.1', media: 'rtp', problem: null });
  await world.call();
  assert.is(asked.times, 1);
  world.ari.goDown();
  world.ari.comeUp();
  await settle();
  assert.equal([asked.times, path.suited], [2, 2]);
  assert.is(world.events.of('link.capabilities').length, 1, 'nothing new');
  await world.adapter.stop();
  assert.is(world.clock.pending, 0);
});

test('one that cannot: calls go back to the dialplan with a reason, nothing is built, and readiness says why', async () => {
  const { world, path, asked } = worldOf(BASE);
  await world.start();
  const { adapter, ari, events } = world;
  assert.match(events.of('link.capabilities')[0]!.error!.message, 'module load res_rtp_asterisk.so');
  assert.is(events.of('link.capabilities')[0]!.media, 'none');
  assert.match(adapter.fitness.problem!, 'res_rtp_asterisk');
  assert.is(adapter.fitness.media, null);
  assert.match(notReadyReasons([adapter], WELL).join(), 'switch pbx cannot carry calls: media.kind of switch pbx');

  ari.enter('c1', ['profile=agent']);
  await settle();
  const { inApp, variables } = ari.channels.get('c1')!;
  assert.equal(
    [inApp, variables.get('TALKSPURT_RESULT'), variables.get('TALKSPURT_REASON')],
    [false, 'refused', 'media-unavailable'],
  );
  const [refused] = events.of('call.refused');
  assert.equal([refused?.call, refused?.error.code], ['c1', 'ERR_TALKSPURT_NOT_SUPPORTED']);
  assert.equal([world.calls.length, world.ours, path.wanted.length, adapter.legCount], [0, [], 0, 0]);
  ari.add('c2', { inApp: true });
  assert.is(await codeOf(adapter.attach('c2')), 'ERR_TALKSPURT_NOT_SUPPORTED');
  const dialled = adapter.originate({ endpoint: 'PJSIP/alice', profile: 'agent' });
  assert.is(await codeOf(dialled), 'ERR_TALKSPURT_NOT_SUPPORTED');

  // Loaded meanwhile: the next call is taken.
  asked.modules.push('res_rtp_asterisk');
  await world.call('c3');
  assert.equal([adapter.fitness.problem, adapter.fitness.media], [null, 'rtp']);
  assert.equal(notReadyReasons([adapter], WELL), []);
  assert.is(events.of('link.capabilities').at(-1)!.media, 'rtp');
});

test('without calls it is asked again after a while, not before, and not when it is closed', async () => {
  const { world, asked } = worldOf(BASE);
  await world.start();
  world.clock.advance(LIMITS.ariCapabilityRetryMs - 1);
  await settle();
  assert.is(asked.times, 1);
  asked.modules.push('res_rtp_asterisk');
  world.clock.advance(1);
  await settle();
  assert.equal([asked.times, world.adapter.fitness.problem], [2, null]);
  world.clock.advance(3 * LIMITS.ariCapabilityRetryMs);
  await settle();
  assert.is(asked.times, 2, 'it can: nobody asks');

  const other = worldOf(BASE);
  await other.world.start();
  await other.world.adapter.stop();
  assert.is(other.world.clock.pending, 0);
});

test('a call that comes before the answer waits for it', async () => {
  const { world, asked } = worldOf(BASE);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  asked.answer = () => held.then(() => BASE.map((name) => ({ name, status: 'Running' })));
  await world.start();
  world.ari.enter('c1', ['profile=agent']);
  await settle();
  assert.equal([world.calls.length, world.ari.channels.get('c1')!.inApp], [0, true]);
  release();
  await settle();
  assert.equal([world.calls.length, world.ari.channels.get('c1')!.inApp], [0, false]);
});

test('an answer that does not come leaves what was known; one that is refused is judged by the version', async () => {
  const { world, asked } = worldOf([...BASE, 'res_rtp_asterisk']);
  await world.start();
  asked.answer = () => {
    throw linkDown();
  };
  world.ari.goDown();
  world.ari.comeUp({ version: '22.11.0' });
  await settle();
  assert.equal(world.adapter.fitness, { version: '22.11.0', media: 'rtp', problem: null });
  asked.answer = () => {
    throw refusal(404, 'Resource not found');
  };
  world.clock.advance(LIMITS.ariCapabilityRetryMs);
  await settle();
  assert.is(world.events.of('link.capabilities').at(-1)!.rtp, 'ulaw alaw g722 slin');
});

test('a media channel that cannot be made: what to load, by the path', async () => {
  const { world } = worldOf([...BASE, 'res_rtp_asterisk']);
  await world.start();
  const leg = await world.call();
  world.ari.answer = (line) => {
    if (line.startsWith('POST channels/externalMedia')) throw refusal(500, 'An internal error');
    return undefined;
  };
  const failure = (await leg
    .openMedia(new AbortController().signal)
    .catch((error: unknown) => error)) as TalkspurtError;
  assert.is(failure.code, 'ERR_TALKSPURT_ARI_REFUSED');
  assert.match(failure.message, 'module load res_rtp_asterisk.so');
  assert.is(failure.details['status'], 500);
});

test.run();
