/**
 * No order of commands, of an operator's and of ours, on a network that lags and breaks, makes us kill the switch: the
 * simulated one dies where the real one dies. More sequences: OPERATOR_SEQUENCES=5000; another order: OPERATOR_SEED=7.
 */
import { fc } from '../../chance.ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CHANNELS, play } from './operator-world.ts';
import type { Step, Timed } from './operator-world.ts';

const test = suite('whatever an operator does');
const SEQUENCES = Number(process.env['OPERATOR_SEQUENCES'] ?? 160);
const SEED = Number(process.env['OPERATOR_SEED'] ?? 20_261_121);

const OPERATOR = [
  'uuid_broadcast X tone_stream://%(60,0,500) aleg',
  'uuid_broadcast X tone_stream://%(900,0,500) aleg',
  'uuid_broadcast X gentones::%(100,0,500) aleg',
  'uuid_broadcast X speak::flite|kal|hello aleg',
  'uuid_broadcast X endless_playback::tone_stream://%(60,0,500) aleg',
  'uuid_broadcast X sleep::100 aleg',
  'uuid_broadcast X bridge::loopback/app=echo aleg',
  'uuid_broadcast X echo aleg',
  'uuid_broadcast X park aleg',
  'uuid_broadcast X /no/such/file.wav aleg',
  'uuid_break X',
  'uuid_break X all',
  'uuid_bridge X Y',
  'uuid_transfer X park inline',
  'uuid_transfer X -both park inline',
  'uuid_transfer X -bleg park inline',
  'uuid_transfer X echo inline',
  "uuid_transfer X 'm:^:playback:tone_stream://%(60,0,500)^park' inline",
  "uuid_transfer X 'm:^:bridge:{a=b,c=d}loopback/app=park^park' inline",
  'uuid_transfer X sleep:40,park inline',
  'uuid_transfer X parks',
  'uuid_transfer X announces XML default',
  'uuid_transfer X echoes',
  'uuid_transfer X bridges',
  'uuid_transfer X unanswered',
  'uuid_transfer X nowhere',
  'uuid_park X',
  'uuid_kill X',
  'uuid_hold X',
  'uuid_hold off X',
  'uuid_hold toggle X',
  'uuid_send_dtmf X 12@60',
  'uuid_recv_dtmf X 3',
  'uuid_answer X',
  'uuid_setvar X park_after_bridge true',
  'uuid_setvar X park_after_bridge',
  'uuid_setvar X hangup_after_bridge true',
  'uuid_setvar X send_silence_when_idle 400',
  'uuid_setvar X talkspurt_park',
  'uuid_setvar X talkspurt_park somebody-elses',
  'uuid_record X start /dev/null',
  'uuid_record X stop /dev/null',
  'uuid_displace X start tone_stream://%(100,0,500) 0 mux',
  'uuid_displace X stop tone_stream://%(100,0,500)',
  'originate loopback/app=park &eavesdrop(X)',
  'originate {eavesdrop_bridge_aleg=true}loopback/app=park &eavesdrop(X)',
];
const OURS = [
  'start p',
  'stop',
  'health',
  'pause',
  'resume',
  'break',
  'dtmf 12#',
  'transfer parks',
  'transfer announces',
  'transfer echoes',
  'transfer bridges',
  'transfer nowhere',
  'transfer no such place',
  'graceful-shutdown',
  'send_text hello',
  'switch nobody',
  'mute all',
];

// Most of it happens to one channel: what is spread meets nothing.
const channel = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.nat({ max: CHANNELS - 1 }) },
);
const line = (lines: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...lines);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ by: fc.constant('operator'), line: line(OPERATOR), x: channel, y: channel }) },
  { weight: 2, arbitrary: fc.record({ by: fc.constant('us'), line: line(OURS), x: channel }) },
  { weight: 4, arbitrary: fc.record({ by: fc.constant('us'), line: line(['start p', 'stop']), x: channel }) },
  { weight: 1, arbitrary: fc.record({ by: fc.constant('phone'), digits: fc.constant('5'), x: channel }) },
  { weight: 1, arbitrary: fc.record({ by: fc.constant('network') }) },
);
// Most things follow one another closely; sometimes there is time for a whole re-arm.
const ptimes = fc.oneof(
  { weight: 3, arbitrary: fc.nat({ max: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(18, 24) },
);
const lag = fc.constantFrom(0, 0, 0, 5, 25, 45, 130);

test('the switch lives, every command is answered, nothing is left', async () => {
  let [frames, unicasts, carriedOut, calls] = [0, 0, 0, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(step, ptimes), { minLength: 30, maxLength: 60 }),
      lag,
      async (sequence, lagMs) => {
        const outcome = await play(sequence, lagMs);
        assert.is(outcome.crashed, null);
        assert.is(outcome.haunted, false, 'no unicast is left without an owner');
        frames += outcome.sentFrames;
        unicasts += outcome.unicasts;
        calls += outcome.calls;
        carriedOut += outcome.replies.filter((reply) => reply.startsWith('+OK')).length;
      },
    ),
    {
      numRuns: SEQUENCES,
      seed: SEED,
      includeErrorInReport: true,
      endOnFailure: process.env['OPERATOR_SHRINK'] === undefined,
    },
  );
  // A property of calls that never talk, or never come back, would prove nothing.
  assert.ok(frames > 20 * SEQUENCES, `${frames} frames were sent`);
  assert.ok(carriedOut > SEQUENCES, `${carriedOut} commands were carried out`);
  if (SEQUENCES >= 160) assert.ok(unicasts > calls * 1.05, `${unicasts} unicasts for ${calls} calls that talked`);
});

/** Steps on one channel, `us` where the line is none of FreeSWITCH's. */
function steps(...lines: readonly (readonly [string, number])[]): Timed[] {
  return lines.map(([text, wait]) => [
    /^(uuid_|originate|sendmsg)/.test(text)
      ? { by: 'operator', line: text, x: 0, y: 4 }
      : { by: 'us', line: text, x: 0 },
    wait,
  ]);
}

const UNICAST = (port: number): string =>
  `sendmsg X\ncall-command: unicast\nlocal-ip: 127.0.0.1\nlocal-port: 0\nremote-ip: 127.0.0.1\nremote-port: ${port}\ntransport: udp\n\n`;

test('a second unicast would be seen: it is the switch that dies', async () => {
  const outcome = await play(steps(['start p', 150], [UNICAST(9), 5], ['uuid_kill X', 20]), 130);
  assert.match(String(outcome.crashed), /SIG(ABRT|SEGV)/);
  assert.ok(outcome.haunted);
});

test('so would a unicast without a codec', async () => {
  const outcome = await play([[{ by: 'operator', line: UNICAST(9), x: 1, y: 1 }, 10]], 0);
  assert.match(String(outcome.crashed), /SIGSEGV/);
});

/** Somewhere among these the broadcast comes between our park and our unicast, or the stop between it and the unicast. */
function* closeCalls(): Generator<{ sequence: Timed[]; lagMs: number }> {
  for (const lagMs of [0, 5]) {
    for (let wait = 3; wait < (lagMs === 0 ? 10 : 14); wait += 1) {
      for (const [until, pause] of [
        [0, 0],
        [0, 1],
        [0, 2],
        [1, 1],
        [1, 2],
        [2, 1],
        [3, 1],
      ] as const) {
        const broadcast = ['uuid_broadcast X set::a=b aleg', until] as const;
        const sequence = steps(['start p', wait], broadcast, ['stop', pause], ['start p', 30], ['uuid_kill X', 20]);
        yield { sequence, lagMs };
      }
    }
  }
}

// Found by it: the opening of a call that was stopped went on, and had unicast in the park of the next one.
test('a stop ends the opening before the channel is let go, and no unicast that waits is overtaken', async () => {
  for (const { sequence, lagMs } of closeCalls()) {
    const outcome = await play(sequence, lagMs);
    assert.is(outcome.crashed, null);
    assert.is(outcome.haunted, false, JSON.stringify({ sequence, lagMs }));
  }
});

test.run();
