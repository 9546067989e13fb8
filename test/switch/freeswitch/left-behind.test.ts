/** What a dead process has left on a switch, as a FreeSWITCH 1.11.2 lists it (rows are recorded, cut to what says something). */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isOfDead, ownerMark } from '../../../src/switch/freeswitch/left-behind-marks.ts';
import { leftBehind } from '../../../src/switch/freeswitch/left-behind.ts';
import type { VoicelessCall } from '../../../src/switch/freeswitch/left-behind.ts';
import { FakeClock } from '../../sim/fake-clock.ts';

const ADDRESS = '127.0.0.1:5096';
const OWNER = ownerMark('fs');
const [HOST, NAME] = OWNER.split('/');
/** A number that no process has: beyond what a system gives out. */
const NOBODY = 4_194_305;
const DEAD = `${HOST}/${NAME}/${NOBODY}/00aa`;
/** This very process, and its parent, live. */
const ALIVE = `${HOST}/${NAME}/${process.ppid}/00aa`;
const TOKEN = 'ts-082f98e0a2d4e4d9b801717edbaac19b';

interface Channel {
  readonly row: Readonly<Record<string, string>>;
  readonly variables: Map<string, string>;
}

/** A switch that knows a list, variables, and how to kill. */
class ListingSwitch {
  readonly channels = new Map<string, Channel>();
  readonly killed: string[] = [];
  /** What `show channels count` says; default: the truth. */
  count: string | null = null;

  add(row: Readonly<Record<string, string>> & { uuid: string }, variables: Record<string, string> = {}): void {
    this.channels.set(row.uuid, { row, variables: new Map(Object.entries(variables)) });
  }

  readonly api = (line: string): Promise<string> => Promise.resolve(this.#answer(line));

  #answer(line: string): string {
    const [verb, uuid = '', name = '', ...value] = line.split(' ');
    if (line === 'show channels count') return this.count ?? `\n${this.channels.size} total.\n`;
    if (verb === 'show') return this.#rows(name === 'like' ? value[0]! : null);
    const channel = this.channels.get(uuid);
    if (channel === undefined) return '-ERR No such channel!\n';
    const { variables } = channel;
    if (verb === 'uuid_dump') {
      return JSON.stringify(Object.fromEntries([...variables].map(([key, text]) => [`variable_${key}`, text])));
    }
    if (verb === 'uuid_getvar') return variables.get(name) ?? '_undef_';
    if (verb === 'uuid_setvar' && value.length > 0) variables.set(name, value.join(' '));
    else if (verb === 'uuid_setvar') variables.delete(name);
    else this.#kill(uuid);
    return '+OK\n';
  }

  #rows(like: string | null): string {
    const rows = [...this.channels.values()]
      .map(({ row }) => row)
      .filter((row) => like === null || `${row['name']} ${row['cid_name']} ${row['cid_num']}`.includes(like));
    return rows.length === 0 ? '{"row_count": 0}\n' : JSON.stringify({ row_count: rows.length, rows });
  }

  #kill(uuid: string): void {
    this.killed.push(uuid);
    this.channels.delete(uuid);
    for (const { variables } of this.channels.values()) {
      if (variables.get('bridge_to') === uuid) variables.delete('bridge_to');
    }
  }
}

const PARKED = {
  direction: 'outbound',
  name: 'sofia/internal/5001@127.0.0.1:5070',
  state: 'CS_EXECUTE',
  cid_name: '5001',
  cid_num: '5001',
  dest: 'unset:park_timeout,unset:send_silence_when_idle,set:max_forwards=70,set:talkspurt_park=8e8d692e-f9d4-44e5-a11c-2e4f8e81b2c1,park',
  application: 'park',
  dialplan: 'inline',
};
const DIAL = `{absolute_codec_string=PCMU,originate_timeout=5}sofia/internal/${TOKEN}@${ADDRESS}`;
const BRIDGED = { ...PARKED, dest: `m:^:bridge:${DIAL}^park`, application: 'bridge', application_data: DIAL };
const OUR_LEG = {
  direction: 'outbound',
  name: `sofia/internal/${TOKEN}@${ADDRESS}`,
  state: 'CS_EXCHANGE_MEDIA',
  cid_name: '5001',
  cid_num: '5001',
  dest: TOKEN,
  application: '',
};
const LOOPBACK = {
  direction: 'inbound',
  name: 'loopback/park-b',
  state: 'CS_EXECUTE',
  cid_name: 'talkspurt-tap',
  cid_num: '0000000000',
  dest: 'park',
  application: 'park',
};
const VOICE = { talkspurt_voice: 'p', talkspurt_masked: 'false', talkspurt_owner: DEAD };
const STALE = {
  park_after_bridge: 'true',
  hangup_after_bridge: 'false',
  continue_on_fail: 'true',
  ignore_display_updates: 'true',
  talkspurt_own: 'of=channel&hangup_after_bridge=true',
  talkspurt_owner: DEAD,
};

async function found(
  fs: ListingSwitch,
  options: { address?: string | null; held?: readonly string[] } = {},
): Promise<VoicelessCall[]> {
  const { address = ADDRESS, held = [] } = options;
  const calls: VoicelessCall[] = [];
  const owner = OWNER;
  const left = leftBehind({ link: fs, clock: new FakeClock(), address, owner, held: (uuid) => held.includes(uuid) });
  for await (const call of left) calls.push(call);
  return calls;
}

const one = (uuid: string, masked = false): VoicelessCall => ({ uuid, profile: 'p', standing: { masked } });

test('a call on unicast has its voice again, masked where it was, or where that cannot be read', async () => {
  const fs = new ListingSwitch();
  fs.add({ uuid: 'a', ...PARKED }, VOICE);
  fs.add({ uuid: 'b', ...PARKED }, { ...VOICE, talkspurt_masked: 'true' });
  fs.add({ uuid: 'c', ...PARKED }, { talkspurt_voice: 'p', talkspurt_owner: DEAD });
  assert.equal(await found(fs, { address: null }), [one('a'), one('b', true), one('c', true)]);
  assert.equal(fs.killed, []);
});

test('what another process lives for, what is this one’s own, and what is nobody’s is left alone', async () => {
  const fs = new ListingSwitch();
  fs.add({ uuid: 'another-host', ...PARKED }, { ...VOICE, talkspurt_owner: `elsewhere/${NAME}/${NOBODY}/00aa` });
  fs.add({ uuid: 'another-name', ...PARKED }, { ...VOICE, talkspurt_owner: `${HOST}/other/${NOBODY}/00aa` });
  fs.add({ uuid: 'alive', ...PARKED }, { ...VOICE, talkspurt_owner: ALIVE });
  fs.add({ uuid: 'mine', ...PARKED }, { ...VOICE, talkspurt_owner: OWNER });
  fs.add({ uuid: 'held', ...PARKED }, VOICE);
  fs.add({ uuid: 'unnamed', ...PARKED }, {});
  fs.add({ uuid: 'elsewhere', ...PARKED, dest: '5001' }, VOICE);
  fs.add({ uuid: 'bridged', ...PARKED }, { ...VOICE, bridge_to: 'somebody' });
  fs.add({ uuid: 'odd', ...PARKED }, { ...VOICE, talkspurt_voice: 'p;rm' });
  fs.add({ uuid: 'theirs', ...LOOPBACK }, { talkspurt_owner: ALIVE });
  fs.add({ uuid: 'own', ...LOOPBACK }, { talkspurt_owner: OWNER });
  fs.add({ uuid: 'caller', ...LOOPBACK, cid_name: 'talkspurt-tap me' }, { talkspurt_owner: DEAD });
  const before = [...fs.channels.values()].map(({ variables }) => [...variables]);
  assert.equal(await found(fs, { held: ['held'] }), []);
  assert.equal(fs.killed, []);
  assert.equal(
    [...fs.channels.values()].map(({ variables }) => [...variables]),
    before,
  );
});

test('eavesdroppers by loopback are hung up, whoever they listen to is not touched', async () => {
  const fs = new ListingSwitch();
  fs.add({ uuid: 'tapped', ...PARKED, dest: '5001', application: 'uuid_bridge' });
  fs.add({ uuid: 'ear-1', ...LOOPBACK }, { talkspurt_owner: DEAD });
  fs.add({ uuid: 'ear-2', ...LOOPBACK }, { talkspurt_owner: DEAD });
  assert.equal(await found(fs, { held: ['ear-2'] }), []);
  assert.equal(fs.killed, ['ear-1']);
  assert.equal([...fs.channels.keys()], ['tapped', 'ear-2']);
});

test('legs to our address are hung up, and their calls have their voice again; those of this process go on', async () => {
  const fs = new ListingSwitch();
  fs.add({ uuid: 'a', ...BRIDGED }, { ...VOICE, ...STALE, bridge_to: 'leg-a' });
  fs.add({ uuid: 'leg-a', ...OUR_LEG, call_uuid: 'a' });
  fs.add({ uuid: 'now', ...BRIDGED }, { ...VOICE, bridge_to: 'leg-now' });
  fs.add({ uuid: 'leg-now', ...OUR_LEG, call_uuid: 'now' });
  fs.add({ uuid: 'ear-now', ...OUR_LEG, call_uuid: 'ear-now' });
  fs.add({ uuid: 'ear', ...OUR_LEG, call_uuid: 'ear' });
  fs.add({ uuid: 'theirs', ...OUR_LEG, name: OUR_LEG.name.replace('5096', '5097'), call_uuid: '' });
  fs.add({ uuid: 'caller', ...OUR_LEG, direction: 'inbound', call_uuid: '' });
  const calls = await found(fs, { held: ['now', 'ear-now'] });
  assert.equal(calls[0], one('a'));
  assert.equal(fs.killed.sort(), ['ear', 'leg-a']);
});

test('a call whose leg has ended by itself has its voice again; settings without a voice are given back', async () => {
  const fs = new ListingSwitch();
  fs.add({ uuid: 'parked', ...BRIDGED }, { ...STALE, ...VOICE });
  fs.add({ uuid: 'early', ...BRIDGED }, { ...STALE, other: 'x' });
  fs.add({ uuid: 'taken', ...BRIDGED }, { ...STALE, ...VOICE, bridge_to: 'somebody' });
  fs.add({ uuid: 'theirs', ...BRIDGED, dest: BRIDGED.dest.replace('5096', '5097') }, { ...STALE, ...VOICE });
  assert.equal(await found(fs), [one('parked')]);
  assert.equal(Object.fromEntries(fs.channels.get('early')!.variables), { hangup_after_bridge: 'true', other: 'x' });
  assert.equal(Object.fromEntries(fs.channels.get('taken')!.variables), {
    hangup_after_bridge: 'true',
    bridge_to: 'somebody',
  });
  assert.is(fs.channels.get('theirs')!.variables.get('park_after_bridge'), 'true');
});

test('a switch with too many channels for one list, and one that answers nonsense, are left as they are', async () => {
  const fs = new ListingSwitch();
  fs.add({ uuid: 'a', ...PARKED }, VOICE);
  fs.count = '\n3001 total.\n';
  assert.equal(await found(fs), []);
  fs.count = '-ERR no reply\n';
  assert.equal(await found(fs), []);
  const clock = new FakeClock();
  for (const nonsense of [
    '',
    '-USAGE: x',
    '[1]',
    '{"rows":7}',
    '{"rows":[null,7,{"uuid":7},{"uuid":"a b"}]}',
    'null',
  ]) {
    const link = {
      api: (line: string) => Promise.resolve(line.endsWith('count') ? '\n1 total.\n' : nonsense),
    };
    const calls: VoicelessCall[] = [];
    const left = leftBehind({ link, clock, address: ADDRESS, owner: OWNER, held: () => false });
    for await (const call of left) calls.push(call);
    assert.equal(calls, [], nonsense);
  }
});

test('a process is told from another of the same number', () => {
  assert.match(OWNER, /^[\w.-]+\/fs\/\d+\/[0-9a-f]{12}$/);
  assert.is(ownerMark('a b;c/d').split('/')[1], 'a_b_c_d');
  assert.is(isOfDead(OWNER, OWNER), false);
  assert.is(isOfDead(`${HOST}/${NAME}/${process.pid}/00aa`, OWNER), true, 'in a container, the one before');
  assert.is(isOfDead(DEAD, OWNER), true);
  assert.is(isOfDead(ALIVE, OWNER), false);
  for (const text of [
    '',
    'x',
    `${HOST}/${NAME}`,
    `${HOST}/${NAME}/1`,
    `${HOST}/${NAME}/-1/00aa`,
    `${HOST}/${NAME}//x`,
  ]) {
    assert.is(isOfDead(text, OWNER), false, text);
  }
});

test.run();
