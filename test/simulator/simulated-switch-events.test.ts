// The events of calls, compared leg by leg with those of a real FreeSWITCH that was told the same.
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import { SipPeer } from './sip-peer.ts';
import type { SipPeerOptions } from './sip-peer.ts';
import { api, TestPhone, withSwitch } from './switch-bench.ts';

const test = suite('SimulatedSwitch, recorded events');

interface Stage {
  /** `api`, with A, B and T for the legs. */
  readonly api: (line: string) => Promise<string>;
  readonly park: (...legs: string[]) => Promise<void>;
  readonly rest: () => Promise<void>;
  /** Forgets what came before. */
  readonly record: () => void;
  readonly agent: SipPeer;
  /** The agent's dial string for the second leg, and for a tap. */
  readonly dial: string;
  readonly tap: string;
}

interface Scene {
  readonly agent?: SipPeerOptions;
  readonly run: (stage: Stage) => Promise<void>;
}

const refuse = (status: string): SipPeerOptions => ({ onInvite: (peer, invite) => peer.reply(invite, status) });
const RINGS = refuse('180 Ringing');

/** Parks a caller, records, and bridges it to the agent. */
async function bridge({ park, record, api: ask, rest, dial }: Stage, then = ''): Promise<void> {
  await park('A');
  record();
  await ask(`uuid_transfer A 'm:^:bridge:${dial}${then}' inline`);
  await rest();
}

function pairThen(...lines: string[]): Scene {
  return {
    run: async ({ api: ask, park, record, rest }) => {
      await park('A', 'B');
      const before = lines.filter((line) => line.startsWith('uuid_setvar'));
      for (const line of before) await ask(line);
      record();
      await ask('uuid_bridge A B');
      await rest();
      for (const line of lines.filter((each) => !before.includes(each))) await ask(line);
    },
  };
}

/** Bridges, then says lines one after the other. */
function bridgeThen(agent: SipPeerOptions, ...lines: string[]): Scene {
  return {
    agent,
    run: async (stage) => {
      await bridge(stage);
      for (const line of lines) await stage.api(line);
    },
  };
}

function afterBridge(...lines: string[]): Scene {
  return {
    run: async (stage) => {
      await bridge(stage);
      stage.record();
      for (const line of lines) {
        await stage.api(line);
        await stage.rest();
      }
    },
  };
}

const LOOPBACK = 'originate {origination_uuid=T}loopback/app=park &eavesdrop(A)';

const SCENES: Readonly<Record<string, Scene>> = {
  'bridge, BYE': { run: async (stage) => (await bridge(stage), stage.agent.ask('BYE')) },
  'bridge, 180, park_after_bridge, BYE': {
    agent: RINGS,
    run: async (stage) => {
      await stage.park('A');
      await stage.api('uuid_setvar A park_after_bridge true');
      stage.record();
      await stage.api(`uuid_transfer A 'm:^:bridge:${stage.dial}' inline`);
      await stage.rest();
      stage.agent.answer();
      await stage.rest();
      stage.agent.ask('BYE');
    },
  },
  'bridge, park, BYE': { run: async (stage) => (await bridge(stage, '^park'), stage.agent.ask('BYE')) },
  'bridge, 183, BYE': {
    agent: { onInvite: (peer, invite) => peer.reply(invite, '183 Session Progress', peer.sdp()) },
    run: async (stage) => {
      await bridge(stage);
      stage.agent.answer();
      await stage.rest();
      stage.agent.ask('BYE');
    },
  },
  'bridge, 180, caller hangs up': bridgeThen(RINGS, 'uuid_kill A'),
  'bridge, 180, caller transferred': bridgeThen(RINGS, 'uuid_transfer A park inline'),
  'bridge, caller hangs up': bridgeThen({}, 'uuid_kill A'),
  'bridge, caller transferred': bridgeThen({}, 'uuid_transfer A park inline'),
  'bridge, 486': bridgeThen(refuse('486 Busy Here')),
  'bridge, 480, park': { agent: refuse('480 Temporarily Unavailable'), run: (stage) => bridge(stage, '^park') },
  'bridge, hold of both': afterBridge('uuid_hold A', 'uuid_hold off A', 'uuid_hold B', 'uuid_hold off B'),
  'bridge, uuid_recv_dtmf of both': afterBridge('uuid_recv_dtmf A 1', 'uuid_recv_dtmf B 2'),
  'originate park, BYE': {
    run: async ({ api: ask, dial, rest, agent }) => {
      await ask(`originate ${dial} &park`);
      await rest();
      agent.ask('BYE');
    },
  },
  'originate 486': {
    agent: refuse('486 Busy Here'),
    run: async ({ api: ask, dial }) => void (await ask(`originate ${dial} &park`)),
  },
  'uuid_bridge, second hangs up': pairThen('uuid_kill B'),
  'uuid_bridge, first hangs up': pairThen('uuid_kill A'),
  'uuid_bridge, park_after_bridge of the first': pairThen('uuid_setvar A park_after_bridge true', 'uuid_kill B'),
  'uuid_bridge, park_after_bridge of the second': pairThen('uuid_setvar B park_after_bridge true', 'uuid_kill A'),
  'uuid_bridge, first transferred': pairThen('uuid_transfer A park inline'),
  'uuid_bridge, second transferred': pairThen('uuid_transfer B park inline'),
  'uuid_bridge, -both': pairThen('uuid_transfer A -both park inline'),
  'uuid_bridge, -bleg': pairThen('uuid_transfer A -bleg park inline'),
  'uuid_bridge, uuid_park of the first': pairThen('uuid_park A'),
  'uuid_bridge, broadcast to the first': {
    run: async ({ api: ask, park, record, rest }) => {
      await park('A', 'B');
      await ask('uuid_bridge A B');
      await rest();
      record();
      await ask('uuid_broadcast A tone_stream://%(100,0,500) aleg');
      await rest();
    },
  },
  'broadcast on park, uuid_break': {
    run: async ({ api: ask, park, record, rest }) => {
      await park('A');
      record();
      await ask('uuid_broadcast A tone_stream://%(2000,0,500) aleg');
      await rest();
      await ask('uuid_break A');
    },
  },
  'loopback eavesdrop, target hangs up': {
    run: async ({ api: ask, park, record, rest }) => {
      await park('A');
      record();
      await ask(LOOPBACK);
      await rest();
      await ask('uuid_kill A');
    },
  },
  'loopback eavesdrop, *': {
    run: async ({ api: ask, park, record, rest }) => {
      await park('A');
      record();
      await ask(LOOPBACK);
      await rest();
      await ask('uuid_recv_dtmf T *');
    },
  },
  'loopback eavesdrop, nobody': { run: async ({ api: ask }) => void (await ask(LOOPBACK.replace('(A)', '(nosuch)'))) },
  'SIP eavesdrop, BYE': {
    run: async ({ api: ask, park, record, rest, tap, agent }) => {
      await park('A');
      record();
      await ask(`originate ${tap} &eavesdrop(A)`);
      await rest();
      agent.ask('BYE');
    },
  },
  'SIP eavesdrop, target transferred and bridged': {
    run: async ({ api: ask, park, record, rest, tap }) => {
      await park('A', 'B');
      await ask(`originate ${tap} &eavesdrop(A)`);
      await rest();
      record();
      await ask('uuid_bridge A B');
      await rest();
      await ask('uuid_transfer A -both park inline');
    },
  },
};

const LEFT_OUT = /^(CALL_UPDATE|CODEC|CHANNEL_UUID|RE_SCHEDULE|PLAYBACK_)/;
const COLUMNS = [
  'Event-Name',
  'Channel-State',
  'Channel-Call-State',
  'Answer-State',
  'Application',
  'Hangup-Cause',
  'Other-Type',
  'DTMF-Source',
];

/** The recorded scenes: lines of each, leg by leg. */
function recorded(): Map<string, string[]> {
  const text = readFileSync(new URL('../fixtures/freeswitch-events/calls.txt', import.meta.url), 'utf8');
  const scenes = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('# ')) scenes.set(line.slice(2), (lines = []));
    else if (line !== '' && !line.startsWith(';')) lines.push(line);
  }
  return scenes;
}

/** What a client got, in the same shape. */
function told(text: string, name: string): string[] {
  const lines: string[] = [];
  for (const part of text.split(/Content-Length: \d+\nContent-Type: text\/event-json\n\n/)) {
    if (!part.startsWith('{"Event-Name"') && !part.startsWith('{"Command"') && !part.startsWith('{')) continue;
    // An answer may follow in the same bytes.
    const event = JSON.parse(part.slice(0, part.lastIndexOf('}') + 1)) as Record<string, string>;
    const leg =
      event['Channel-Name'] === 'loopback/park-b' ? 'p' : { A: 'a', B: 'b', T: 't' }[event['Unique-ID'] ?? ''];
    if (leg === undefined || LEFT_OUT.test(event['Event-Name']!)) continue;
    const line = COLUMNS.map((column) => event[column] ?? '-').join(' ');
    if (/^uuid_bridge|target transferred/.test(name) && line.includes('CS_CONSUME_MEDIA')) continue;
    lines.push(`${leg} ${line}`);
  }
  return ['a', 'b', 'p', 't'].flatMap((leg) => lines.filter((line) => line.startsWith(leg)));
}

for (const [name, expected] of recorded()) {
  const scene = SCENES[name];
  if (scene === undefined) continue;
  test(name, async () => {
    const agent = await new SipPeer(scene.agent).open();
    try {
      await withSwitch({}, async ({ simulated, client, ticks }) => {
        const [esl, listener] = [await client(), await client()];
        await listener.ask('event json ALL\n\n', /enabled json\n\n$/);
        let from = listener.received.length;
        const ofLeg = (uuid: string): string =>
          `{absolute_codec_string=PCMU,origination_uuid=${uuid}}${agent.dialString}`;
        const rest = async (): Promise<void> => {
          for (let n = 0; n < 15; n += 1) await ticks(1);
        };
        await scene.run({
          api: (line) => api(esl, line),
          park: async (...legs) => {
            for (const uuid of legs) simulated.createCall({ phone: new TestPhone(), uuid });
            await ticks(3);
          },
          rest,
          record: () => (from = listener.received.length),
          agent,
          dial: ofLeg('B'),
          tap: ofLeg('T'),
        });
        await rest();
        await until(() => told(listener.received.slice(from), name).length >= expected.length, 'events').catch(
          () => undefined,
        );
        assert.equal(told(listener.received.slice(from), name), expected);
      });
    } finally {
      agent.close();
    }
  });
}

test('every scene is there', () => {
  const names = [...recorded().keys()];
  assert.equal(
    Object.keys(SCENES).filter((name) => !names.includes(name)),
    [],
  );
});

test.run();
