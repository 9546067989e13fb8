/** Attended transfers and calls that are dialled, against the simulated switch. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock } from '../../../src/core/clock.ts';
import { TalkspurtError, hasCode } from '../../../src/core/errors.ts';
import type { SimulatedPhone } from '../../../src/simulator/phone.ts';
import { SimulatedSwitch } from '../../../src/simulator/simulated-switch.ts';
import { FreeswitchAdapter } from '../../../src/switch/freeswitch/freeswitch-adapter.ts';
import { originateWords } from '../../../src/switch/freeswitch/freeswitch-originate.ts';
import type { CallLeg } from '../../../src/switch/switch-adapter.ts';

const clock = new SystemClock();
const never = new AbortController().signal;
const EXTENSIONS = {
  '1000': ['answer', 'playback:tone_stream://%(10000,0,1000);loops=-1'],
  '1001': ['hangup:USER_BUSY'],
  '1002': ['park'],
};

/** A phone that says a constant, and keeps the loudest that it heard. */
class TestPhone implements SimulatedPhone {
  hungUp = false;
  peak = 0;
  speak(frame: Int16Array): boolean {
    frame.fill(500);
    return true;
  }
  hear(frame: Int16Array | null): void {
    for (const sample of frame ?? []) this.peak = Math.max(this.peak, Math.abs(sample));
  }
  takeDigits(): string {
    return '';
  }
  onHangup(): void {
    // The switch says so too.
  }
}

interface World {
  readonly fs: SimulatedSwitch;
  readonly adapter: FreeswitchAdapter;
  readonly phone: TestPhone;
  readonly leg: CallLeg;
  readonly uuid: string;
  readonly told: string[];
  readonly taken: [CallLeg, string][];
}

async function withCall(run: (world: World) => Promise<void>): Promise<void> {
  const fs = new SimulatedSwitch({
    clock,
    extensions: EXTENSIONS,
    phoneAt: (at) => (at === 'user/1000' ? new TestPhone() : null),
  });
  await fs.listen();
  const adapter = new FreeswitchAdapter({
    name: 'fs',
    host: '127.0.0.1',
    port: fs.port,
    password: 'ClueCon',
    clock,
    events: { emit: () => undefined },
  });
  const taken: [CallLeg, string][] = [];
  const told: string[] = [];
  const phone = new TestPhone();
  try {
    await adapter.start({
      onCall: (leg, profile) => void taken.push([leg, profile]),
      onLinkDown: () => undefined,
      onLinkUp: () => undefined,
    });
    const { uuid } = fs.createCall({ phone });
    const leg = await adapter.attach(uuid);
    leg.listen({
      onHangup: (cause) => told.push(`hang-up ${cause}`),
      onDigit: () => undefined,
      onMediaEnded: (reason) => told.push(reason),
    });
    await leg.answer(never);
    const media = await leg.openMedia(never);
    media.start({ onFrame: () => undefined, onLost: () => undefined });
    await run({ fs, adapter, phone, leg, uuid, told, taken });
    await leg.release();
    assert.is(fs.crashed, null, 'the switch lives');
  } finally {
    await adapter.stop();
    await fs.close();
  }
}

async function until(is: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500 && !is(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(is(), what);
}

const channels = (fs: SimulatedSwitch): number => fs.channels.size;

async function refusal(work: Promise<unknown>): Promise<TalkspurtError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.instance(error, TalkspurtError);
  return error as TalkspurtError;
}

test('attended: whoever answers talks to the caller, and nothing is told of our audio', () =>
  withCall(async ({ leg, phone, uuid, fs, told }) => {
    await leg.consult?.('1000', never);
    await until(() => phone.peak > 1_000, 'the caller hears the tone');
    assert.equal(told, []);
    await leg.release();
    assert.ok(fs.channels.get(uuid), 'letting go of it changes nothing');
    assert.is(channels(fs), 3, 'the caller and both ends of the loopback');
    phone.hungUp = true;
    await until(() => channels(fs) === 0, 'each goes with the other');
  }));

test('attended: who is busy or nowhere is told with the cause, and the audio goes on', () =>
  withCall(async ({ leg, fs, told }) => {
    const busy = await refusal(leg.consult!('1001', never));
    assert.equal([busy.code, busy.details['hangupCause']], ['ERR_TALKSPURT_SWITCH_COMMAND', 17]);
    assert.is((await refusal(leg.consult!('4711', never))).code, 'ERR_TALKSPURT_SWITCH_COMMAND');
    assert.is((await refusal(leg.consult!('1000 inline', never))).code, 'ERR_TALKSPURT_COMMAND_SYNTAX');
    assert.is((await refusal(leg.consult!('1/2', never))).code, 'ERR_TALKSPURT_COMMAND_SYNTAX');
    await until(() => channels(fs) === 1, 'nobody is left');
    assert.equal(told, []);
  }));

test('attended: called off, by a signal and by letting go, nobody rings on', () =>
  withCall(async ({ leg, fs, told }) => {
    const cancel = new AbortController();
    const asked = refusal(leg.consult!('1002', cancel.signal));
    await until(() => channels(fs) > 1, 'it rings');
    cancel.abort(new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'called off'));
    assert.is((await asked).message, 'called off');
    await until(() => channels(fs) === 1, 'nobody is left');
    assert.equal(told, []);
    const again = refusal(leg.consult!('1002', never));
    await until(() => channels(fs) > 1, 'it rings');
    await leg.release();
    assert.ok(hasCode(await again, 'ERR_TALKSPURT_CALL_GONE'));
    await until(() => channels(fs) === 1, 'nobody is left');
  }));

test('attended: a caller who hangs up calls it off', () =>
  withCall(async ({ leg, phone, fs, told }) => {
    const asked = refusal(leg.consult!('1002', never));
    await until(() => channels(fs) > 1, 'it rings');
    phone.hungUp = true;
    assert.ok(hasCode(await asked, 'ERR_TALKSPURT_CALL_GONE'));
    await until(() => channels(fs) === 0, 'nobody is left');
    assert.equal(told, ['hang-up 16']);
  }));

test('originate: whoever answers is handed on with the profile; who does not is told with the cause', () =>
  withCall(async ({ adapter, fs, taken }) => {
    const named: string[] = [];
    const request = { callerId: '"Front desk" <100>', variables: { account: 'a 17' } };
    const id = await adapter.originate({ endpoint: 'user/1000', profile: 'p', ...request }, undefined, (channelId) => {
      named.push(channelId);
      assert.is(fs.channels.has(channelId), false, 'it does not ring yet');
    });
    assert.equal(named, [id]);
    assert.equal([taken[0]?.[0].id, taken[0]?.[1]], [id, 'p']);
    assert.is(fs.channels.get(id)?.variables.get('park_timeout'), undefined);
    assert.is(taken[0]?.[0].variables.get('account'), 'a 17');
    await taken[0]?.[0].hangup(16);
    const nobody = await refusal(adapter.originate({ endpoint: 'loopback/4711', profile: 'p' }));
    assert.is(nobody.code, 'ERR_TALKSPURT_SWITCH_COMMAND');
    assert.is(taken.length, 1);
  }));

test('an originate request is one endpoint and plain values, or refused', () => {
  const words = originateWords({
    endpoint: 'sofia/gateway/carrier/+49301',
    profile: 'p',
    callerId: '+491',
    formats: ['PCMA', 'PCMU'],
    variables: { crm_id: '17/4' },
    timeoutSeconds: 20,
  });
  assert.equal(words, {
    endpoint: 'sofia/gateway/carrier/+49301',
    timeoutSeconds: 20,
    variables: ['origination_caller_id_number=+491', "absolute_codec_string='PCMA,PCMU'", "crm_id='17/4'"],
  });
  const good = { endpoint: 'user/1', profile: 'p' };
  for (const bad of [
    { endpoint: '{a=b}user/1' },
    { endpoint: 'user/1,user/2' },
    { endpoint: 'user/1|user/2' },
    { endpoint: 'user/1 &system(ls)' },
    { endpoint: 'user/1;;status' },
    { endpoint: 'user/${x}' },
    { profile: 'a b' },
    { callerId: "1'}" },
    { callerId: '"x}" <1>' },
    { formats: ['PCMU}'] },
    { timeoutSeconds: 0 },
    { timeoutSeconds: 56 },
    { timeoutSeconds: Number.NaN },
    { variables: { 'a b': '1' } },
    { variables: { origination_uuid: '1' } },
    { variables: { a: "1',b='2" } },
    { variables: { a: '}' } },
    { variables: { a: '${x}' } },
    { variables: { a: 'x\nstatus' } },
  ]) {
    assert.throws(
      () => originateWords({ ...good, ...bad }),
      (error: unknown) => hasCode(error, 'ERR_TALKSPURT_COMMAND_SYNTAX'),
      JSON.stringify(bad),
    );
  }
});

test.run();
