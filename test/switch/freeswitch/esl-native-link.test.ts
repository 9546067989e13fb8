/** The link over our own client, under the contract; and what only it can do. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../../src/limits.ts';
import { EslNativeLink } from '../../../src/switch/freeswitch/esl-native-link.ts';
import { UnicastGuard } from '../../../src/switch/freeswitch/unicast-guard.ts';
import { contract } from './esl-link-contract.ts';
import { HandClock, until } from './hand-clock.ts';
import { ScriptedSwitch, apiResponse } from './scripted-switch.ts';

function ready(uuid: string): UnicastGuard {
  const guard = new UnicastGuard(uuid);
  guard.answered();
  guard.parked(guard.repark());
  guard.codecKnown('PCMU');
  return guard;
}

contract('EslNativeLink', (options) => new EslNativeLink(options), ready).run();

const test = suite('EslNativeLink, pipelined');
const UUID = '5c0e0f7a-0000-4000-8000-000000000001';

interface Held {
  readonly peer: ScriptedSwitch;
  readonly link: EslNativeLink;
  readonly clock: HandClock;
  readonly downs: string[];
  /** `api slow …` is answered by this, one a call. */
  readonly answerNext: () => void;
}

/** A link to a switch that keeps its answers to `api slow …` back. */
async function held(run: (held: Held) => Promise<void>): Promise<void> {
  const peer = new ScriptedSwitch();
  const answers: (() => void)[] = [];
  peer.answer = (request, { say }) => {
    if (!request.startsWith('api slow')) return undefined;
    answers.push(() => say(apiResponse(request.slice('api '.length))));
    return null;
  };
  const clock = new HandClock();
  const link = new EslNativeLink({
    name: 'fs1',
    host: '127.0.0.1',
    port: await peer.listen(),
    password: 'ClueCon',
    clock,
  });
  const downs: string[] = [];
  await link.start({ onUp: () => undefined, onDown: (error) => downs.push(error.code), onEvent: () => undefined });
  try {
    await run({ peer, link, clock, downs, answerNext: () => answers.shift()?.() });
  } finally {
    await link.close();
    await peer.close();
  }
  assert.is(clock.pending, 0, 'no timer is left');
}

const slowOnes = (peer: ScriptedSwitch): number => peer.requests.filter((line) => line.startsWith('api slow')).length;

test('commands are written before those ahead of them are answered, and answered in their order', () =>
  held(async ({ peer, link, answerNext }) => {
    const asked = [1, 2, 3].map((n) => link.api(`slow ${n}`));
    await until(() => slowOnes(peer) === 3, 'all three, with none answered');
    for (let n = 0; n < 3; n += 1) answerNext();
    assert.equal(await Promise.all(asked), ['slow 1', 'slow 2', 'slow 3']);
  }));

test('no more are under way than the bound', () =>
  held(async ({ peer, link, answerNext }) => {
    const asked = Array.from({ length: LIMITS.eslPipelinedCommands + 10 }, (_, n) => link.api(`slow ${n}`));
    await until(() => slowOnes(peer) === LIMITS.eslPipelinedCommands, 'as many as may be');
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.is(slowOnes(peer), LIMITS.eslPipelinedCommands);
    answerNext();
    await until(() => slowOnes(peer) === LIMITS.eslPipelinedCommands + 1, 'one more');
    for (let n = 0; n < asked.length; n += 1) {
      answerNext();
      await until(() => slowOnes(peer) === Math.min(asked.length, LIMITS.eslPipelinedCommands + 2 + n), 'the next');
    }
    assert.is((await Promise.all(asked)).at(-1), `slow ${asked.length - 1}`);
  }));

test('a command’s time begins when it is next to be answered', () =>
  held(async ({ peer, link, clock, downs, answerNext }) => {
    const asked = [1, 2].map((n) => link.api(`slow ${n}`));
    await until(() => slowOnes(peer) === 2, 'both');
    for (const answer of asked) {
      clock.advance(LIMITS.eslCommandMs - 1);
      answerNext();
      await answer;
    }
    assert.equal(downs, []);
    const late = link.api('slow 3').catch((error: { code: string }) => error.code);
    await until(() => slowOnes(peer) === 3, 'the last');
    clock.advance(LIMITS.eslCommandMs + 1);
    assert.is(await late, 'ERR_TALKSPURT_LINK_TIMEOUT');
    assert.equal(downs, ['ERR_TALKSPURT_LINK_TIMEOUT']);
  }));

test('what has to be admitted is written when nothing is ahead of it, and holds up nothing that is', () =>
  held(async ({ peer, link, answerNext }) => {
    const target = { localHost: '127.0.0.1', remoteHost: '127.0.0.1', remotePort: 30_001, native: true };
    const slow = [link.api('slow 1'), link.api('slow 2')];
    const activated = link.activateUnicast(ready(UUID).permit(), target);
    const after = link.api('slow 3');
    await until(() => slowOnes(peer) === 2, 'what is ahead');
    answerNext();
    await slow[0];
    assert.not.ok(
      peer.requests.some((line) => line.startsWith('sendmsg')),
      'one is still ahead',
    );
    answerNext();
    await activated;
    await until(() => slowOnes(peer) === 3, 'what is behind');
    const order = peer.requests.map((line) => line.split('\n', 1)[0]!).slice(-2);
    assert.equal(order, [`sendmsg ${UUID}`, 'api slow 3']);
    answerNext();
    await after;
  }));

test.run();
