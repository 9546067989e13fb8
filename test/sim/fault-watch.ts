/** What must be true of a run at every moment, and at its end. */
import type { CallState, EventSink, TalkspurtEvent, TurnState } from '../../src/core/events.ts';
import { LIMITS } from '../../src/limits.ts';
import type { FaultWorld } from './fault-world.ts';
import type { ProviderSession } from './provider-session.ts';

/** How long a call may be in a state that is on its way to another, ms. */
const PATIENCE_MS: Partial<Record<CallState, number>> = { opening: 40_000, reconnecting: 26_000, ending: 3_200 };
/** Timers of a process, and of one of its calls with its backends. */
const TIMERS = 24;
const TIMERS_PER_CALL = 24;
/** Lines of what happened last that are told with a fault. */
const NOTES = 400;
/** What grows slowly is looked at less often: every so many slices. */
const BOUNDS_EVERY = 10;

/** What was on its way to the caller was dropped, and that is told. */
const LOSSES: ReadonlySet<TalkspurtEvent['type']> = new Set(['media.overflow', 'media.overflow-storm']);

interface Seen {
  state: CallState;
  sinceMs: number;
  turn: TurnState;
  ended: boolean;
}

/** Sees every event and looks after every slice of time; keeps the first thing that is wrong. */
export class FaultWatch implements EventSink {
  wrong: string | null = null;
  readonly notes: string[] = [];
  readonly #world: FaultWorld;
  readonly #calls = new Map<string, Seen>();
  #looks = 0;

  constructor(world: FaultWorld) {
    this.#world = world;
  }

  fail(what: string): void {
    this.wrong ??= `after ${Math.round(this.#world.clock.nowMs() - 1_000)} ms: ${what}`;
  }

  note(what: string): void {
    this.notes.push(`${String(Math.round(this.#world.clock.nowMs() - 1_000)).padStart(6)} ${what}`);
    if (this.notes.length > NOTES) this.notes.shift();
  }

  emit(event: TalkspurtEvent): void {
    if (event.callId === undefined) return;
    this.note(describe(event));
    const seen = this.#seen(event.callId);
    if (seen.ended) this.fail(`${event.callId}: ${event.type} after its end`);
    const error = 'error' in event ? event.error : undefined;
    const { code } = error ?? {};
    if (code === 'ERR_TALKSPURT_INTERNAL' || code === 'ERR_TALKSPURT_DSP_TRAP') {
      const cause = error?.cause instanceof Error ? (error.cause.stack ?? '') : '';
      this.fail(`${event.callId}: ${event.type} of ${error?.message ?? ''} ${cause}`);
    }
    if (event.type === 'call.state') {
      if (event.previous !== seen.state) this.fail(`${event.callId}: ${event.previous} after ${seen.state}`);
      seen.state = event.state;
      seen.sinceMs = this.#world.clock.nowMs();
    } else if (event.type === 'turn.state') {
      if (event.previous !== seen.turn) this.fail(`${event.callId}: turn ${event.previous} after ${seen.turn}`);
      seen.turn = event.state;
    } else if (LOSSES.has(event.type) || (event.type === 'order' && event.order === 'mute-agent')) {
      this.#world.voiceOf(event.callId).lossy = true;
    } else if (event.type === 'tool.call') {
      this.#answerTool(event.callId, event.toolCallId);
    } else if (event.type === 'call.ended') {
      seen.ended = true;
      if (event.reason === 'drained') this.#lookAtFarewell(event.callId);
      if (seen.state !== 'ended') this.fail(`${event.callId}: an end in ${seen.state}`);
    }
  }

  /** After every slice. */
  look(): void {
    const { gateway, clock, voices, plan } = this.#world;
    const nowMs = clock.nowMs();
    for (const [callId, voice] of voices) if (voice.wrong !== null) this.fail(`${callId}: ${voice.wrong}`);
    for (const [callId, seen] of this.#calls) {
      const patienceMs = PATIENCE_MS[seen.state];
      if (patienceMs !== undefined && nowMs - seen.sinceMs > patienceMs) this.fail(`${callId} stays ${seen.state}`);
    }
    for (const [callId, { ended }] of this.#calls) if (!ended) this.#lookAtCall(callId);
    const timers = TIMERS + TIMERS_PER_CALL * Math.max(1, gateway.callCount);
    if (clock.pending > timers) this.fail(`${clock.pending} timers wait`);
    this.#looks += 1;
    if (this.#looks % BOUNDS_EVERY > 0) return;
    const offence = this.#sessions().find(({ offences }) => offences.length > 0)?.offences[0];
    if (offence !== undefined) this.fail(offence);
    // What is said while the caller is masked is written down nowhere.
    const masked = plan.steps.some((step) => step.kind === 'order' && step.order === 'mask on');
    const unknown = masked ? undefined : this.#sessions().find((session) => session.unknown !== null);
    if (unknown !== undefined) this.fail(`${unknown.callId}: ${unknown.unknown}`);
    const kept = gateway.snapshot().sessions;
    for (const { callId, keptMs = 0, playoutMs } of kept) {
      if (keptMs > 2_000) this.fail(`${callId} keeps ${keptMs} ms of the caller`);
      if (playoutMs > plan.playoutMaximumMs + 40) this.fail(`${callId}: ${playoutMs} ms wait to be said`);
    }
  }

  /** When every call is over and the gateway is closed. */
  nothingLeft(): void {
    const { clock, pool, legs } = this.#world;
    for (const session of this.#sessions()) {
      if (session.isOpen) this.fail(`a stream of ${session.callId} is open`);
    }
    for (const { name, open } of this.#world.engines.values())
      if (open > 0) this.fail(`${open} requests to ${name} are left`);
    if (pool.inUse > 0) this.fail(`${pool.inUse} signal chains are in use`);
    if (pool.strangers > 0) this.fail(`${pool.strangers} signal chains were given back twice`);
    for (const { id, line, opened } of legs) if (opened && !line.closed) this.fail(`the media path of ${id} is open`);
    for (const { id, returned, listener } of legs) {
      if (listener !== null && !returned) this.fail(`the leg ${id} was never given back`);
    }
    for (const [callId, { ended }] of this.#calls) if (!ended) this.fail(`${callId} has no end`);
    for (const [callId, waiting] of this.#world.orders) {
      if (waiting > 0) this.fail(`${waiting} orders to ${callId} were never answered`);
    }
    this.#lookAtCallers();
    if (clock.pending > 0) this.fail(`${clock.pending} timers are left`);
  }

  /** Who is told goodbye has heard what was written, unless that took too long. */
  #lookAtFarewell(callId: string): void {
    const { clock, farewellsMs } = this.#world;
    const sinceMs = farewellsMs.get(callId) ?? Number.NEGATIVE_INFINITY;
    if (clock.nowMs() - sinceMs > LIMITS.farewellMs - 1_000) return;
    const last = this.#sessions().findLast((session) => session.callId === callId);
    if (last?.endedByUs === true && last.unheard !== null) this.fail(`${callId}, told goodbye: ${last.unheard}`);
  }

  /** One stream has the call, but for the moment in which an order puts another in its place. */
  #lookAtCall(callId: string): void {
    const live = this.#sessions().filter((session) => session.callId === callId && session.isOpen);
    const orders = this.#world.orders.get(callId) ?? 0;
    if (live.length > 1 + orders) this.fail(`${callId} has ${live.length} streams`);
    const state = this.#world.gateway.session(callId)?.state;
    if (state === 'talking' && live.length === 0) this.fail(`${callId} talks to nobody`);
    if (state === 'reconnecting' && live.length > orders) this.fail(`${callId} seeks a stream and has one`);
  }

  /** What a caller says is heard in order, once, and by one at a time. */
  #lookAtCallers(): void {
    const byCall = new Map<string, number[][]>();
    for (const { callId, heard, toolResults } of this.#sessions()) {
      if (heard.length > 0) byCall.set(callId, [...(byCall.get(callId) ?? []), heard]);
      if (new Set(toolResults).size < toolResults.length) this.fail(`${callId}: a function has two results`);
    }
    for (const [callId, streams] of byCall) {
      const all = streams.toSorted((one, other) => one[0]! - other[0]!).flat();
      const at = all.findIndex((number, index) => index > 0 && number <= all[index - 1]!);
      if (at >= 0) this.fail(`${callId}: frame ${all[at]} of the caller's is heard after ${all[at - 1]}`);
    }
  }

  #answerTool(callId: string, toolCallId: string): void {
    const { clock, gateway } = this.#world;
    clock.after(150, () => {
      const session = gateway.session(callId);
      if (session?.state === 'talking' || session?.state === 'reconnecting') session.sendToolResult(toolCallId, '1');
    });
  }

  #sessions(): ProviderSession[] {
    return this.#world.providers.flatMap(({ sessions }) => sessions);
  }

  #seen(callId: string): Seen {
    let seen = this.#calls.get(callId);
    if (seen === undefined) {
      seen = { state: 'new', sinceMs: this.#world.clock.nowMs(), turn: 'listening', ended: false };
      this.#calls.set(callId, seen);
    }
    return seen;
  }
}

/** One line, without what is long. */
function describe({ atMs: _at, correlationId: _name, ...event }: TalkspurtEvent & { correlationId?: string }): string {
  return JSON.stringify(event, (_, value: unknown) =>
    value instanceof Error ? `${(value as { code?: string }).code ?? value.name}: ${value.message}` : value,
  );
}
