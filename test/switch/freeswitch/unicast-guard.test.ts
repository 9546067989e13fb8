/** What must never happen to a FreeSWITCH: one test for each way, and that there is no way around. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fc } from '../../chance.ts';
import type { TalkspurtError } from '../../../src/core/errors.ts';
import {
  redeemPermit,
  UNICAST_TABLE,
  UnicastGuard,
  UnicastPermit,
} from '../../../src/switch/freeswitch/unicast-guard.ts';

function parked(): UnicastGuard {
  const guard = new UnicastGuard('u');
  guard.answered();
  guard.parked(guard.repark());
  return guard;
}

function ready(): UnicastGuard {
  const guard = parked();
  guard.codecKnown('PCMU');
  return guard;
}

function active(): UnicastGuard {
  const guard = ready();
  redeemPermit(guard.permit());
  guard.flowing();
  return guard;
}

function refused(run: () => unknown): void {
  assert.throws(run, (error: TalkspurtError) => error.code === 'ERR_TALKSPURT_UNICAST_GUARD');
}

test('the right way leads to one unicast', () => {
  assert.is(redeemPermit(ready().permit()), 'u');
});

test('not before the channel is answered: it cannot even be parked', () => {
  const guard = new UnicastGuard('u');
  refused(() => guard.repark());
  refused(() => guard.permit());
  guard.parked('');
  guard.parked('x');
  assert.is(guard.state, 'unanswered');
});

test('not before the channel is parked', () => {
  const guard = new UnicastGuard('u');
  guard.answered();
  refused(() => guard.permit());
  refused(() => guard.codecKnown('PCMU'));
  guard.repark();
  refused(() => guard.codecKnown('PCMU'));
  refused(() => guard.permit());
});

test('not in a park that we did not ask for, or asked for before', () => {
  const guard = new UnicastGuard('u');
  guard.answered();
  const first = guard.repark();
  const second = guard.repark();
  for (const mark of [first, '', 'x']) {
    guard.parked(mark);
    assert.is(guard.state, 'parking', mark);
  }
  guard.parked(second);
  assert.is(guard.state, 'parked');
});

test('not without a read codec: that is the segmentation fault', () => {
  for (const none of ['', ' ', '_undef_', '_undef_\n', '-ERR No such channel!\n']) {
    const guard = parked();
    refused(() => guard.codecKnown(none));
    refused(() => guard.permit());
  }
});

test('once in a park: the second one is the assertion', () => {
  const guard = ready();
  const permit = guard.permit();
  refused(() => guard.permit());
  redeemPermit(permit);
  refused(() => redeemPermit(permit));
  refused(() => guard.permit());
  refused(() => guard.codecKnown('PCMU'));
  guard.flowing();
  refused(() => guard.permit());
  guard.disturbed();
  refused(() => guard.permit());
  refused(() => guard.codecKnown('PCMU'));
});

test('again after another park of ours', () => {
  const guard = active();
  const mark = guard.repark();
  refused(() => guard.permit());
  guard.parked(mark);
  guard.codecKnown('PCMU');
  assert.is(redeemPermit(guard.permit()), 'u');
});

test('never beside a playback or a bridge, not even with a permit in the hand', () => {
  for (const guard of [parked(), ready()]) {
    guard.disturbed();
    refused(() => guard.permit());
    refused(() => guard.codecKnown('PCMU'));
  }
  const guard = ready();
  const permit = guard.permit();
  guard.disturbed();
  refused(() => redeemPermit(permit));
});

test('never after the hang-up', () => {
  const guard = ready();
  const permit = guard.permit();
  guard.hungUp();
  refused(() => redeemPermit(permit));
  refused(() => guard.repark());
  guard.answered();
  assert.is(guard.state, 'gone');
});

test('no other park while a unicast may still wait in the switch: it could end up with two', () => {
  const guard = ready();
  redeemPermit(guard.permit());
  assert.ok(guard.pending);
  refused(() => guard.repark());
  guard.disturbed();
  refused(() => guard.repark());
  guard.carriedOut();
  assert.not.ok(guard.pending);
  guard.repark();
});

test('a permit of an earlier park is worth nothing in a later one', () => {
  const guard = ready();
  const old = guard.permit();
  guard.parked(guard.repark());
  guard.codecKnown('PCMU');
  const fresh = guard.permit();
  refused(() => redeemPermit(old));
  assert.is(redeemPermit(fresh), 'u');
});

test('a permit cannot be made, copied or inherited', () => {
  const permit = ready().permit();
  for (const forged of [
    new UnicastPermit('u'),
    { uuid: permit.uuid },
    Object.create(permit),
    structuredClone({ uuid: 'u' }),
  ]) {
    refused(() => redeemPermit(forged as UnicastPermit));
  }
  redeemPermit(permit);
});

test('every state knows the hang-up, and only the parking of ours leads to ready', () => {
  for (const [state, row] of Object.entries(UNICAST_TABLE)) {
    if (state !== 'gone') assert.is(row.hangup, 'gone', state);
    if (row.redeem !== undefined) assert.is(state, 'permitted');
    if (row.permit !== undefined) assert.is(state, 'ready');
    if (row.codec !== undefined) assert.is(state, 'parked');
    if (row.park !== undefined) assert.is(state, 'parking');
  }
});

test('whatever is tried in whatever order, unicast goes out once a park at most, with a codec, undisturbed', () => {
  const steps = [
    'answered',
    'repark',
    'park',
    'stale-park',
    'codec',
    'no-codec',
    'permit',
    'redeem',
    'done',
    'flow',
    'disturb',
    'hangup',
  ] as const;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...steps), { maxLength: 60 }), (script) => {
      const guard = new UnicastGuard('u');
      const permits: UnicastPermit[] = [];
      // A slow and independent judge of the same story.
      const world = { answered: false, mark: '', parked: false, codec: false, had: false, gone: false, waiting: false };
      for (const step of script) {
        try {
          switch (step) {
            case 'answered':
              if (!world.gone) world.answered = true;
              guard.answered();
              break;
            case 'repark':
              world.mark = guard.repark();
              assert.ok(world.answered && !world.gone && !world.waiting, 'parked at the wrong time');
              Object.assign(world, { parked: false, codec: false, had: false });
              break;
            case 'park':
              guard.parked(world.mark);
              if (world.mark !== '' && guard.state === 'parked') world.parked = true;
              break;
            case 'stale-park':
              guard.parked('another');
              break;
            case 'codec':
              guard.codecKnown('PCMA');
              world.codec = true;
              break;
            case 'no-codec':
              guard.codecKnown('_undef_');
              assert.unreachable('no codec was taken for one');
              break;
            case 'permit':
              permits.push(guard.permit());
              break;
            case 'redeem':
              for (const permit of permits) {
                try {
                  redeemPermit(permit);
                } catch {
                  continue;
                }
                assert.ok(world.answered && world.parked && world.codec && !world.had && !world.gone, script.join(' '));
                world.had = true;
                world.waiting = true;
              }
              break;
            case 'done':
              world.waiting = false;
              guard.carriedOut();
              break;
            case 'flow':
              world.waiting = false;
              guard.flowing();
              break;
            case 'disturb':
              world.parked = false;
              guard.disturbed();
              break;
            case 'hangup':
              world.gone = true;
              guard.hungUp();
          }
        } catch (error) {
          if ((error as TalkspurtError).code !== 'ERR_TALKSPURT_UNICAST_GUARD') throw error;
        }
      }
    }),
    { numRuns: 3000, seed: 20_261_121 },
  );
});

test.run();
