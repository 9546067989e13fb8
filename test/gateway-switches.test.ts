/** Which switch is asked, and what is said when none can be. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../src/core/errors.ts';
import { attachOn, originateOn } from '../src/gateway-switches.ts';
import type { CallLeg, SwitchAdapter } from '../src/switch/switch-adapter.ts';
import { FakeLeg } from './sim/fake-peers.ts';

const signal = new AbortController().signal;
const request = { mix: 'mono', sampleRateHz: null } as const;
const refusing =
  (code: 'ERR_TALKSPURT_UNKNOWN_CALL' | 'ERR_TALKSPURT_LINK_DOWN' | 'ERR_TALKSPURT_ALREADY_RUNNING') => () =>
    Promise.reject(new TalkspurtError(code, 'as the test wants'));

function adapter(name: string, attach: () => Promise<CallLeg>, more: Partial<SwitchAdapter> = {}): SwitchAdapter {
  const nothing = (): Promise<never> => Promise.reject(new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'not asked for'));
  return {
    kind: 'sip',
    name,
    linkUp: true,
    legCount: 0,
    start: nothing,
    attach,
    command: nothing,
    stop: nothing,
    ...more,
  };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'done',
    (error: unknown) => (error instanceof TalkspurtError ? error.code : String(error)),
  );
}

test('a channel is had from the switch that has it; what stands against it there is what is told', async () => {
  const leg = new FakeLeg();
  const unknown = adapter('a', refusing('ERR_TALKSPURT_UNKNOWN_CALL'));
  const down = adapter('b', refusing('ERR_TALKSPURT_LINK_DOWN'));
  const has = adapter('c', () => Promise.resolve(leg));
  const busy = adapter('d', refusing('ERR_TALKSPURT_ALREADY_RUNNING'));
  assert.is(await attachOn([unknown, down, has], 'u', signal, request), leg);
  assert.is(await codeOf(attachOn([unknown, busy, has], 'u', signal, request)), 'ERR_TALKSPURT_ALREADY_RUNNING');
  assert.is(await codeOf(attachOn([down, unknown], 'u', signal, request)), 'ERR_TALKSPURT_LINK_DOWN');
  assert.is(await codeOf(attachOn([], 'u', signal, request)), 'ERR_TALKSPURT_UNKNOWN_CALL');
});

test('the switch of that name dials, if it can', async () => {
  const attach = refusing('ERR_TALKSPURT_UNKNOWN_CALL');
  const dials = adapter('a', attach, { originate: ({ endpoint }) => Promise.resolve(`id of ${endpoint}`) });
  const wanted = { endpoint: 'user/1', profile: 'p' };
  assert.is(await originateOn([dials, adapter('b', attach)], 'a', wanted), 'id of user/1');
  assert.is(await codeOf(originateOn([dials, adapter('b', attach)], 'b', wanted)), 'ERR_TALKSPURT_NOT_SUPPORTED');
  assert.is(await codeOf(originateOn([dials], 'c', wanted)), 'ERR_TALKSPURT_COMMAND_SYNTAX');
});

test.run();
