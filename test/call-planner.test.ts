/** What a call is given: by its profile, its channel, and within the hosts that commands may name. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BackendCall } from '../src/backend/backend.ts';
import { CallPlanner } from '../src/call-planner.ts';
import type { GatewayBackend } from '../src/call-planner.ts';
import { TalkspurtError, hasCode } from '../src/core/errors.ts';
import { HostList } from '../src/core/host-list.ts';
import { BreakerBoard } from '../src/resilience/breaker-board.ts';
import { FakeClock } from './sim/fake-clock.ts';
import { FakeBackend, FakeLeg, NO_SINK, PCMU_LEG } from './sim/fake-peers.ts';

const START = { mix: 'mono', sampleRateHz: null, metadata: null } as const;

function made(): GatewayBackend & { readonly asked: object[]; readonly changed: FakeBackend } {
  const asked: object[] = [];
  const changed = new FakeBackend();
  return {
    backend: new FakeBackend(),
    changed,
    asked,
    variant: (overrides) => {
      asked.push(overrides);
      return changed;
    },
  };
}

function planner(targets?: HostList): {
  planner: CallPlanner;
  first: ReturnType<typeof made>;
  other: ReturnType<typeof made>;
} {
  const [first, other] = [made(), made()];
  const backends = new Map<string, GatewayBackend>([
    ['first', first],
    ['other', other],
    ['plain', { backend: new FakeBackend() }],
  ]);
  const parts = { profiles: new Map([['p', first]]), backends, clock: new FakeClock(), targets };
  return { planner: new CallPlanner(parts), first, other };
}

test('what the channel says of its backend holds for the one that it is switched to', () => {
  const { planner: plans, first, other } = planner();
  const leg = new FakeLeg();
  assert.is(plans.backendFor(leg, 'other'), other.backend);
  leg.variables.set('AUDIO_STREAM_AI_OPENAI_MODEL', 'gpt-of-the-call');
  assert.is(plans.plan(leg, { kind: 'profile', name: 'p' }, START).backend, first.changed);
  assert.is(plans.backendFor(leg, 'other'), other.changed);
  assert.equal(other.asked, [{ model: 'gpt-of-the-call' }]);
  assert.is(plans.backendFor(leg, 'plain').name, 'fake', 'one that takes no changes is what it is');
  assert.throws(
    () => plans.backendFor(leg, 'none'),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_UNKNOWN_PROFILE') && /first, other, plain/.test(error.message),
  );
});

test('a profile with a list: what is left of it goes along, and a call is refused only when all are', () => {
  const [one, two] = [made(), made()];
  const profiles = new Map([['p', { ...one, fallbacks: [two] }]]);
  const backends = new Map<string, GatewayBackend>([
    ['one', one],
    ['two', two],
  ]);
  const plans = new CallPlanner({ profiles, backends, clock: new FakeClock() });
  const leg = new FakeLeg();
  const target = { kind: 'profile', name: 'p' } as const;
  assert.equal(plans.plan(leg, target, START).fallbacks, [two.backend]);
  assert.is(plans.backendFor(leg, 'p'), one.backend, 'a profile by its name');
  const refusal = new TalkspurtError('ERR_TALKSPURT_BACKEND_BREAKER_OPEN', 'one');
  Object.assign(one.backend, { refusal: () => refusal });
  plans.check(target);
  assert.is(plans.backendFor(leg, 'p'), two.backend, 'the first that would be tried');
  Object.assign(two.backend, { refusal: () => new TalkspurtError('ERR_TALKSPURT_BACKEND_BREAKER_OPEN', 'two') });
  assert.throws(() => plans.check(target), /one/);
  assert.is(plans.backendFor(leg, 'p'), one.backend);
  leg.variables.set('AUDIO_STREAM_AI_OPENAI_MODEL', 'gpt-of-the-call');
  assert.equal(plans.plan(leg, target, START).fallbacks, [two.changed]);
});

test('a stream comes back as often as its channel says, and of itself not at all', () => {
  const { planner: plans } = planner();
  const leg = new FakeLeg();
  const target = { kind: 'url', url: 'ws://127.0.0.1:9/' } as const;
  assert.is(plans.plan(leg, target, START).options.reconnect?.attempts, 0);
  leg.variables.set('AUDIO_STREAM_RECONNECT_MAX', '7');
  const { options, backend } = plans.plan(leg, target, START);
  assert.equal([options.reconnect?.attempts, backend.reconnectMax], [7, 7]);
});

test('streams by URL share the breaker of their host, whatever path they name', async () => {
  const streamBreakers = new BreakerBoard({ clock: new FakeClock() });
  const backends = new Map<string, GatewayBackend>();
  const plans = new CallPlanner({ profiles: new Map(), backends, clock: new FakeClock(), streamBreakers });
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const target = (path: string) => ({ kind: 'url', url: `ws://127.0.0.1:${port}/${path}` }) as const;
  const call: BackendCall = { callId: 'c', leg: PCMU_LEG, from: '', to: '', variables: new Map() };
  for (let n = 0; n < 5; n += 1) {
    plans.check(target(`call-${n}`));
    const { backend } = plans.plan(new FakeLeg(), target(`call-${n}`), START);
    const failure = await backend.open(call, NO_SINK, new AbortController().signal).then(
      () => null,
      (error: unknown) => error,
    );
    assert.ok(hasCode(failure, 'ERR_TALKSPURT_BACKEND_REFUSED'), String(failure));
  }
  assert.throws(
    () => plans.check(target('call-6')),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN'),
  );
  plans.check({ kind: 'url', url: `ws://127.0.0.1:${port + 1}/` });
  assert.equal(
    streamBreakers.view().find(({ state }) => state !== 'closed')?.name,
    `stream:127.0.0.1:${port}:connection`,
  );
});

test('a URL whose host is not allowed is refused before and while the call is planned', () => {
  const { planner: plans } = planner(new HostList('targets.allow', ['*.example.com', '10.0.0.0/8']));
  const leg = new FakeLeg();
  for (const url of ['ws://127.0.0.1:6379/', 'wss://example.org/', 'ws://localhost/']) {
    const denied = (error: unknown): boolean =>
      hasCode(error, 'ERR_TALKSPURT_HOST_DENIED') && /targets\.allow/.test(error.message);
    assert.throws(() => plans.check({ kind: 'url', url }), denied, url);
    assert.throws(() => plans.plan(leg, { kind: 'url', url }, START), denied, url);
  }
  plans.check({ kind: 'url', url: 'wss://agents.example.com/' });
  assert.is(plans.plan(leg, { kind: 'url', url: 'ws://10.1.1.1:8080/' }, START).mode, 'ws');
  assert.is(planner().planner.plan(leg, { kind: 'url', url: 'ws://127.0.0.1/' }, START).mode, 'ws', 'no list: any');
});

test.run();
