// Dialogues with a real FreeSWITCH, said to the simulated one: it has to answer and to fire the same.
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../switch/freeswitch/hand-clock.ts';
import { SipPeer } from './sip-peer.ts';
import { api, withSwitch } from './switch-bench.ts';
import type { SwitchBench } from './switch-bench.ts';

const test = suite('SimulatedSwitch, measured dialogues');

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
const LEFT_OUT = /^(CALL_UPDATE|CODEC|CHANNEL_UUID|RE_SCHEDULE)/;

interface Scene {
  /** `> …` and `= …`. */
  readonly script: string[];
  readonly events: string[];
}

function recorded(): Map<string, Scene> {
  const scenes = new Map<string, Scene>();
  let scene: Scene = { script: [], events: [] };
  for (const line of readFileSync(new URL('measured-calls.txt', import.meta.url), 'utf8').split('\n')) {
    if (line.startsWith('# ')) scenes.set(line.slice(2), (scene = { script: [], events: [] }));
    else if (/^[>=] /.test(line)) scene.script.push(line);
    else if (/^[a-d] /.test(line)) scene.events.push(line);
  }
  return scenes;
}

/** Events that a client got, leg by leg. */
function told(text: string): string[] {
  const lines: string[] = [];
  for (const part of text.split(/Content-Length: \d+\nContent-Type: text\/event-json\n\n/)) {
    if (!part.startsWith('{')) continue;
    const event = JSON.parse(part.slice(0, part.lastIndexOf('}') + 1)) as Record<string, string>;
    if (!/^[A-D]$/.test(event['Unique-ID'] ?? '') || LEFT_OUT.test(event['Event-Name']!)) continue;
    const columns = COLUMNS.map((column) => event[column] ?? '-');
    lines.push(`${event['Unique-ID']!.toLowerCase()} ${columns.join(' ')}`);
  }
  return ['a', 'b', 'c', 'd'].flatMap((leg) => lines.filter((line) => line.startsWith(leg)));
}

/** Does what a script says, and writes it down with the answers it gets. */
class Replay {
  readonly said: string[] = [];
  readonly peers = new Map<string, SipPeer>();
  readonly #bench: SwitchBench;
  from = 0;

  constructor(bench: SwitchBench) {
    this.#bench = bench;
  }

  async run(script: readonly string[], received: () => number): Promise<void> {
    const esl = await this.#bench.client();
    for (const line of script) {
      if (line.startsWith('=')) continue;
      this.said.push(line);
      const [word = '', ...words] = line.slice(2).split(' ');
      if (word === 'mark') this.from = received();
      else if (word === 'wait') await this.#bench.ticks(Math.ceil(Number(words[0]) / 20));
      else if (word === 'park') for (const leg of words) await this.#park(leg, esl);
      else if (word === 'BYE') {
        this.peers.get(words[0]!)!.ask('BYE');
        await this.#settle();
      } else if (word === 'call') {
        const dial = `{origination_uuid=B,absolute_codec_string=PCMU}${(await this.#peer(words[1]!)).dialString}`;
        await api(esl, `uuid_transfer ${words[0]} 'm:^:bridge:${dial}' inline`);
        await this.#until(() => this.#bench.simulated.channels.get('B')?.answered === true);
      } else {
        const answer = (await api(esl, line.slice(2))).split('\n').filter((each) => each !== '');
        this.said.push(...answer.map((each) => `= ${each}`));
      }
    }
  }

  async #peer(leg: string): Promise<SipPeer> {
    const peer = await new SipPeer().open();
    this.peers.set(leg, peer);
    return peer;
  }

  async #park(leg: string, esl: Awaited<ReturnType<SwitchBench['client']>>): Promise<void> {
    const { dialString } = await this.#peer(leg);
    const answered = api(esl, `originate {origination_uuid=${leg},absolute_codec_string=PCMU}${dialString} &park`);
    await this.#until(() => this.#bench.simulated.channels.get(leg)?.parked === true);
    assert.is(await answered, `+OK ${leg}\n`);
  }

  async #until(condition: () => boolean): Promise<void> {
    for (let turn = 0; turn < 200 && !condition(); turn += 1) await this.#bench.ticks(1);
    assert.ok(condition(), 'the call is up');
  }

  /** Until a datagram has arrived: no time passes for the switch. */
  async #settle(): Promise<void> {
    const gone = (): boolean => [...this.#bench.simulated.channels.values()].some(({ phone }) => phone.hungUp);
    await until(gone, 'BYE');
  }
}

for (const [name, { script, events }] of recorded()) {
  test(name, () =>
    withSwitch({}, async (bench) => {
      const listener = await bench.client();
      await listener.ask('event json ALL\n\n', /enabled json\n\n$/);
      const replay = new Replay(bench);
      try {
        await replay.run(script, () => listener.received.length);
        await bench.ticks(15);
        assert.equal(replay.said, script);
        const fired = (): string[] => told(listener.received.slice(replay.from));
        await until(() => fired().length >= events.length, 'events').catch(() => undefined);
        assert.equal(fired(), events);
      } finally {
        for (const peer of replay.peers.values()) peer.close();
      }
    }),
  );
}

test.run();
