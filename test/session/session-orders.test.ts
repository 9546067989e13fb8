/** Whatever happens in whatever order: no call leaks, says its end twice, or tells a backend of more than was heard. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { CallRig } from '../sim/call-rig.ts';
import { settle } from '../sim/fake-clock.ts';
import { Gate } from '../sim/fake-peers.ts';
import type { BackendStream } from '../../src/backend/backend.ts';
import type { MediaTransport } from '../../src/transport/media-transport.ts';

const refused = new TalkspurtError('ERR_TALKSPURT_BACKEND_REFUSED', 'as the test wants');

/** What may happen to a call from outside. */
const HAPPENINGS = {
  answered: (rig: OpenedByHand) => rig.answering.open(),
  mediaUp: (rig: OpenedByHand) => rig.media.open(rig.leg.transport),
  mediaRefused: (rig: OpenedByHand) => rig.media.fail(new TalkspurtError('ERR_TALKSPURT_UNICAST_SILENT', 'none')),
  backendUp: (rig: OpenedByHand) => rig.opening.open(rig.stream),
  backendRefused: (rig: OpenedByHand) => rig.opening.fail(refused),
  silence: (rig: OpenedByHand) => rig.run(400),
  click: (rig: OpenedByHand) => rig.run(40, 0.9),
  speech: (rig: OpenedByHand) => rig.run(300, 0.9),
  answerOf: (rig: OpenedByHand) => rig.answerNext(),
  lateDelta: (rig: OpenedByHand) => rig.deltaOf(rig.items),
  olderDelta: (rig: OpenedByHand) => rig.deltaOf(rig.items - 1),
  responseDone: (rig: OpenedByHand) => rig.backend.sink?.onResponseDone('r', 'completed'),
  heardByBackend: (rig: OpenedByHand) => rig.backend.sink?.onSpeech('started'),
  turnEndByBackend: (rig: OpenedByHand) => rig.backend.sink?.onSpeech('stopped'),
  backendClosed: (rig: OpenedByHand) => rig.backend.sink?.onClosed(null),
  hangup: (rig: OpenedByHand) => rig.leg.listener?.onHangup(16),
  mediaEnded: (rig: OpenedByHand) => rig.leg.listener?.onMediaEnded('bridge'),
  mediaLost: (rig: OpenedByHand) => rig.leg.transport.sink?.onLost(refused),
  stop: (rig: OpenedByHand) => void rig.session.stop('stopped'),
} as const;

type Happening = keyof typeof HAPPENINGS;

const ENDINGS: readonly Happening[] = ['backendClosed', 'hangup', 'mediaEnded', 'mediaLost', 'stop'];
const OTHERS = (Object.keys(HAPPENINGS) as Happening[]).filter((each) => !ENDINGS.includes(each));

/** A call whose peers answer when the order says so. */
class OpenedByHand extends CallRig {
  readonly answering = new Gate<void>();
  readonly media = new Gate<MediaTransport>();
  readonly opening = new Gate<BackendStream>();
  items = 0;
  readonly receivedMs = new Map<string, number>();

  constructor(detectsTurns: boolean) {
    super({ detectsTurns });
    this.leg.onAnswer = () => this.answering.promise;
    this.leg.onOpenMedia = () => this.media.promise;
    this.backend.onOpen = () => this.opening.promise;
    for (const gate of [this.answering, this.media, this.opening]) void Promise.allSettled([gate.promise]);
  }

  /** A backend delivers nothing before it was opened. */
  get delivers(): boolean {
    return this.session.state === 'talking';
  }

  answerNext(): void {
    this.items += 1;
    if (!this.delivers) return;
    this.backend.sink?.onResponseStarted('r');
    this.deltaOf(this.items);
  }

  deltaOf(item: number): void {
    if (!this.delivers || item < 1) return;
    const id = `item-${item}`;
    this.receivedMs.set(id, (this.receivedMs.get(id) ?? 0) + 300);
    this.say(id, 300);
  }
}

async function live(order: readonly Happening[], detectsTurns: boolean): Promise<void> {
  const rig = new OpenedByHand(detectsTurns);
  let started: 'yes' | 'no' | null = null;
  const start = rig.session.start().then(
    () => (started = 'yes'),
    () => (started = 'no'),
  );
  for (const happening of order) {
    await HAPPENINGS[happening](rig);
    await settle();
    assert.ok(rig.pool.inUse <= 1);
    assert.ok(rig.scheduler.size <= 1);
  }
  void rig.session.stop('stopped');
  rig.answering.open();
  rig.media.open(rig.leg.transport);
  rig.opening.open(rig.stream);
  await settle();
  rig.clock.advance(LIMITS.callEndMs + 60);
  await settle();
  await start;

  assert.ok(started !== null);
  assert.is(rig.session.state, 'ended');
  assert.is(rig.pool.inUse, 0, 'signal chain');
  assert.is(rig.scheduler.size, 0, 'tick');
  assert.is(rig.clock.pending, 0, 'timers');
  assert.is(rig.leg.releases + rig.leg.hangups.length, 1, 'leg');
  if (rig.leg.transport.sink !== null) assert.ok(rig.leg.transport.closes > 0, 'transport');
  if (started === 'yes') assert.ok(rig.stream.closes > 0, 'stream');
  assert.is(rig.events.of('call.ended').length, 1);
  assert.is(rig.events.all.at(-1)?.type, 'call.ended');
  for (const [itemId, playedMs] of rig.stream.cancels) {
    const longestMs = itemId === null ? 0 : (rig.receivedMs.get(itemId) ?? 0);
    assert.ok(playedMs >= 0 && playedMs <= longestMs, `${itemId}: ${playedMs} of ${longestMs} ms`);
  }
  // Turns are told as one chain, and the agent's level is what the last of them asks for.
  let turn = 'listening';
  for (const { state, previous } of rig.events.of('turn.state')) {
    assert.is(previous, turn);
    turn = state;
  }
  const agent = rig.events.all.flatMap((event) =>
    (event.type === 'speech.started' || event.type === 'speech.stopped') && event.by === 'agent' ? [event.type] : [],
  );
  for (const [index, type] of agent.entries()) {
    assert.is(type, index % 2 === 0 ? 'speech.started' : 'speech.stopped');
  }
}

test('any order of anything', async () => {
  const any = fc.array(fc.constantFrom(...OTHERS, ...ENDINGS), { maxLength: 25 });
  await fc.assert(fc.asyncProperty(any, fc.boolean(), live), { numRuns: 150 });
});

test('a call that talks, then any order of what does not end it, then any end', async () => {
  const talk = fc.array(fc.constantFrom(...OTHERS), { maxLength: 40 });
  const opened: Happening[] = ['answered', 'mediaUp', 'backendUp'];
  await fc.assert(
    fc.asyncProperty(talk, fc.constantFrom(...ENDINGS), fc.boolean(), (order, end, detectsTurns) =>
      live([...opened, ...order, end], detectsTurns),
    ),
    { numRuns: 150 },
  );
});

test.run();
