// Random commands in random order: the simulated switch dies where the real one dies, for its reasons, and nowhere else.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SipPeer } from './sip-peer.ts';
import { api, TestPhone, unicast, withSwitch } from './switch-bench.ts';

const test = suite('SimulatedSwitch, random commands');

/** Numbers in [0, 1) by a seed (mulberry32). */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const LINES = [
  'uuid_transfer X park inline',
  'uuid_transfer X -both park inline',
  'uuid_transfer X -bleg park inline',
  "uuid_transfer X 'm:^:bridge:DIAL^park' inline",
  "uuid_transfer X 'bridge:{a=b,c=d}DIAL' inline",
  'uuid_transfer X bridge:loopback/app=echo inline',
  'uuid_transfer X echo inline',
  'uuid_bridge X Y',
  'uuid_park X',
  'uuid_hold X',
  'uuid_hold off X',
  'uuid_hold toggle X',
  'uuid_broadcast X tone_stream://%(100,0,500)',
  'uuid_break X all',
  'uuid_send_dtmf X 12@60',
  'uuid_recv_dtmf X 3',
  'uuid_recv_dtmf X *',
  'uuid_setvar X park_after_bridge true',
  'uuid_setvar X park_after_bridge',
  'uuid_kill X',
  'uuid_record X start /dev/null',
  'uuid_displace X start tone_stream://%(100,0,500) 0 mux',
  'originate loopback/app=park &eavesdrop(X)',
  'originate {absolute_codec_string=L16@16000h@20i,eavesdrop_whisper_aleg=true}DIAL &eavesdrop(X)',
  'originate DIAL &bridge(DIAL)',
  'uuid_dump X json',
  'show calls as json',
  'global_setvar loopback_initial_codec=L16@16000h@20i',
];

for (let seed = 1; seed <= 12; seed += 1) {
  test(`seed ${seed}`, async () => {
    const roll = dice(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(roll() * list.length)]!;
    const answers = [
      (peer: SipPeer) => peer.answer(),
      (peer: SipPeer, invite: string) => peer.reply(invite, '486 Busy Here'),
      (peer: SipPeer, invite: string) => peer.reply(invite, '183 Session Progress', peer.sdp()),
    ];
    const agent = await new SipPeer({
      formats: '0 102',
      maps: ['0 PCMU/8000', '102 L16/16000'],
      onInvite: pick(answers),
    }).open();
    try {
      await withSwitch({}, async ({ simulated, client, ticks, peer }) => {
        const esl = await client();
        const { port } = await peer();
        for (let step = 0; step < 40 && simulated.crashed === null; step += 1) {
          if (simulated.channels.size < 4) simulated.createCall({ phone: new TestPhone() });
          const legs = [...simulated.channels.keys()];
          if (roll() < 0.08) await unicast(esl, pick(legs), port);
          else {
            const line = pick(LINES)
              .replaceAll('X', pick(legs))
              .replaceAll('Y', pick(legs))
              .replaceAll('DIAL', agent.dialString);
            if (line.startsWith('originate')) esl.send(`bgapi ${line}\n\n`);
            else await api(esl, line);
          }
          await ticks(Math.floor(roll() * 4));
        }
        if (simulated.crashed !== null)
          assert.match(simulated.crashed, /^SIG(SEGV in switch_ivr_activate_unicast|ABRT)/);
        else assert.match(await api(esl, 'status'), /is ready/);
      });
    } finally {
      agent.close();
    }
  });
}

test.run();
