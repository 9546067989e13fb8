/** When a channel gets its own settings back: not before the bridge to us is complete, and then at once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { BridgeSettings } from '../../../src/switch/freeswitch/bridge-settings.ts';
import { ChannelWaits } from '../../../src/switch/channel-waits.ts';
import type { EslEvent } from '../../../src/switch/freeswitch/esl-link.ts';
import { FakeClock, settle } from '../../sim/fake-clock.ts';

const OURS = 'ts-00112233445566778899aabbccddeeff';
const DATA = `{absolute_codec_string=PCMU,originate_timeout=5}sofia/internal/${OURS}@127.0.0.1:5090`;
const OWNER = 'host/fs/7/0011';

interface Bench {
  readonly settings: BridgeSettings;
  readonly clock: FakeClock;
  /** Variables as the switch has them. */
  readonly has: Map<string, string>;
  readonly commands: string[];
  /** What a command is refused with. */
  refusal: TalkspurtError | null;
  happen(name: string, headers?: Record<string, string>): void;
}

function bench(own: Record<string, string> = {}): Bench {
  const clock = new FakeClock();
  const waits = new ChannelWaits(clock);
  const has = new Map(Object.entries(own));
  const commands: string[] = [];
  const command = (line: string): Promise<string> => {
    commands.push(line);
    if (made.refusal !== null) return Promise.reject(made.refusal);
    const [verb, , ...rest] = line.split(' ');
    for (const pair of verb === 'uuid_setvar_multi' ? rest.join(' ').split(';') : []) {
      has.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    if (verb === 'uuid_setvar' && rest.length > 1) has.set(rest[0]!, rest.slice(1).join(' '));
    else if (verb === 'uuid_setvar') has.delete(rest[0]!);
    return Promise.resolve('+OK\n');
  };
  const settings = new BridgeSettings({
    uuid: 'u',
    variables: new Map(Object.entries(own)),
    owner: OWNER,
    waits,
    command,
  });
  const made: Bench = {
    settings,
    clock,
    has,
    commands,
    refusal: null,
    happen: (name, headers = {}) => {
      settings.onEvent({ name, uuid: 'u', headers } as unknown as EslEvent);
      waits.changed();
    },
  };
  return made;
}

/** As a 1.11.2 tells of a bridge to us that is up. */
async function bridged(own: Record<string, string> = {}): Promise<Bench> {
  const made = bench(own);
  made.happen('CHANNEL_PARK');
  await made.settings.make();
  made.settings.leading(OURS);
  made.happen('CHANNEL_UNPARK');
  made.happen('CHANNEL_EXECUTE', { Application: 'bridge', 'Application-Data': DATA });
  made.happen('CHANNEL_BRIDGE', { 'Other-Leg-Unique-ID': 'our-leg' });
  await made.settings.remember('p', { masked: true });
  return made;
}

const OWN = { hangup_after_bridge: 'true', some_other: 'x' };

test('all of it is said in one command, with what is the channel’s own', async () => {
  const { has, commands, settings } = await bridged(OWN);
  assert.is(commands.length, 2);
  assert.is(has.get('park_after_bridge'), 'true');
  assert.is(has.get('hangup_after_bridge'), 'false');
  assert.is(has.get('talkspurt_own'), 'of=channel&hangup_after_bridge=true');
  assert.is(has.get('talkspurt_voice'), 'p');
  assert.is(has.get('talkspurt_masked'), 'true');
  assert.is(has.get('talkspurt_owner'), OWNER);
  await settings.remember('p', { masked: false });
  assert.is(has.get('talkspurt_masked'), 'false');
});

test('settings are back when the bridge is complete, and nothing of ours is left', async () => {
  const { settings, happen, has } = await bridged(OWN);
  const back = settings.takeBackWhenLeft();
  await settle();
  assert.is(has.get('park_after_bridge'), 'true', 'not before: the switch reads it');
  happen('CHANNEL_UNBRIDGE');
  await settle();
  assert.is(has.get('park_after_bridge'), 'true');
  happen('CHANNEL_EXECUTE_COMPLETE', { Application: 'bridge', 'Application-Data': DATA });
  await back;
  assert.equal(Object.fromEntries(has), OWN);
  assert.is(settings.owed, false);
});

test('a playback to one leg during the bridge, and its end, change nothing', async () => {
  const { settings, happen, has } = await bridged();
  const back = settings.takeBackWhenLeft();
  happen('CHANNEL_EXECUTE', { Application: 'playback', 'Application-Data': 'a.wav' });
  happen('CHANNEL_EXECUTE_COMPLETE', { Application: 'playback', 'Application-Data': 'a.wav' });
  happen('CHANNEL_EXECUTE_COMPLETE', { Application: 'bridge', 'Application-Data': 'sofia/internal/1000' });
  await settle();
  assert.is(has.get('park_after_bridge'), 'true');
  happen('CHANNEL_PARK');
  await back;
  assert.equal([...has], []);
});

test('a bridge that does not end for our goodbye: our leg in the switch is hung up', async () => {
  const { settings, happen, has, clock, commands } = await bridged();
  const back = settings.takeBackWhenLeft();
  clock.advance(LIMITS.bridgeEndMs - 1);
  await settle();
  assert.not(commands.includes('uuid_kill our-leg'));
  clock.advance(1);
  await settle();
  assert.is(commands.at(-1), 'uuid_kill our-leg');
  assert.is(has.get('park_after_bridge'), 'true');
  happen('CHANNEL_EXECUTE_COMPLETE', { Application: 'bridge', 'Application-Data': DATA });
  await back;
  assert.equal([...has], []);
  assert.is(clock.pending, 0);
});

test('not even then: better a setting too many than a caller too few', async () => {
  const { settings, has, clock } = await bridged();
  const back = settings.takeBackWhenLeft();
  for (const _turn of [1, 2]) {
    clock.advance(LIMITS.bridgeEndMs);
    await settle();
  }
  await back;
  assert.is(has.get('park_after_bridge'), 'true');
  assert.is(settings.owed, true);
});

test('without a link it is owed, at once; sighted elsewhere, it is given back', async () => {
  const bed = await bridged(OWN);
  const { settings, has, clock } = bed;
  const back = settings.takeBackWhenLeft();
  settings.onBlind();
  bed.happen('anything');
  await back;
  assert.is(settings.owed, true);
  assert.is(clock.pending, 0);
  settings.onSighted({ 'Channel-State': 'CS_PARK', variable_current_application: 'bridge' });
  await settings.takeBackWhenLeft();
  assert.equal(Object.fromEntries(has), OWN);
});

test('sighted still in the bridge to us: not before it has left', async () => {
  const bed = await bridged(OWN);
  const { settings, has, clock } = bed;
  settings.onBlind();
  await settings.takeBackWhenLeft();
  settings.onSighted({
    'Channel-State': 'CS_EXECUTE',
    variable_current_application: 'bridge',
    variable_current_application_data: DATA,
  });
  const back = settings.takeBackWhenLeft();
  await settle();
  assert.is(has.get('park_after_bridge'), 'true');
  clock.advance(LIMITS.bridgeEndMs);
  await settle();
  assert.is(bed.commands.at(-1), 'uuid_kill our-leg');
  bed.happen('CHANNEL_EXECUTE_COMPLETE', { Application: 'bridge', 'Application-Data': DATA });
  await back;
  assert.equal(Object.fromEntries(has), OWN);
});

test('a link that goes in the middle: what was not said is owed', async () => {
  const bed = await bridged(OWN);
  bed.happen('CHANNEL_EXECUTE_COMPLETE', { Application: 'bridge', 'Application-Data': DATA });
  bed.refusal = new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'down');
  await bed.settings.takeBackWhenLeft();
  assert.is(bed.settings.owed, true);
  bed.refusal = null;
  await bed.settings.takeBack();
  assert.equal(Object.fromEntries(bed.has), OWN);
});

test('of a channel that a dead process has left with its settings, the own ones are remembered', async () => {
  const before = await bridged(OWN);
  const after = bench(Object.fromEntries(before.has));
  await after.settings.make();
  after.settings.leading(OURS);
  after.happen('CHANNEL_PARK');
  await after.settings.takeBackWhenLeft();
  assert.equal(Object.fromEntries(after.has), OWN);
});

test('a voice on unicast is forgotten, and settings that were never made are not touched', async () => {
  const { settings, has, commands } = bench(OWN);
  await settings.remember('p', { masked: false });
  await settings.takeBack();
  assert.equal(Object.fromEntries(has), OWN);
  assert.not(commands.some((line) => line.includes('park_after_bridge')));
  const { length } = commands;
  await settings.takeBack();
  assert.is(commands.length, length, 'once');
});

test.run();
