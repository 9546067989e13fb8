/** A whole gateway between a simulated switch and simulated providers, living through one plan of faults while it is watched. */
import type { SoundSource } from '../../src/call-orders.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { CallState } from '../../src/core/events.ts';
import type { DspLibrary } from '../../src/dsp/library.ts';
import type { Backend } from '../../src/backend/backend.ts';
import { Gateway } from '../../src/gateway.ts';
import type { GatewayBackend } from '../../src/gateway.ts';
import { BreakerBoard } from '../../src/resilience/breaker-board.ts';
import { GuardedBackend } from '../../src/resilience/guarded-backend.ts';
import type { GivenOptions } from '../../src/session/session.ts';
import type { SendOff } from '../../src/session/send-off.ts';
import type { CallLeg, SwitchAdapter } from '../../src/switch/switch-adapter.ts';
import { spokenBackend } from '../../src/speech/spoken-backend.ts';
import { settle } from './fake-clock.ts';
import type { FaultPlan, LegFault, Step } from './fault-plan.ts';
import { FaultWatch } from './fault-watch.ts';
import { SOUND } from './marked-audio.ts';
import { MarkedEngine } from './marked-engine.ts';
import { MarkedDspPool } from './marked-dsp.ts';
import { MarkedLeg, MarkedLine } from './marked-line.ts';
import { AgentVoice } from './marked-voice.ts';
import { SeededClock } from './seeded-clock.ts';
import { SimulatedProvider } from './simulated-provider.ts';

const SLICE_MS = 20;
const PROFILE = 'p';
const SOUND_MS = 600;

/** A call of the plan, whose channel may be another one after a switch came back. */
interface Slot {
  leg: MarkedLeg;
  readonly fault: LegFault;
}

/** One run; see the top of the file. */
export class FaultWorld {
  readonly clock: SeededClock;
  readonly pool: MarkedDspPool;
  readonly gateway: Gateway;
  readonly providers: SimulatedProvider[];
  readonly legs: MarkedLeg[] = [];
  readonly voices = new Map<string, AgentVoice>();
  readonly watch: FaultWatch;
  /** Orders that have not been answered, by call. */
  readonly orders = new Map<string, number>();
  readonly plan: FaultPlan;
  readonly engines = new Map<string, MarkedEngine>();
  /** When calls were told goodbye. */
  readonly farewellsMs = new Map<string, number>();
  readonly #slots = new Map<number, Slot>();
  #channels = 0;
  #answers = 0;

  constructor(plan: FaultPlan) {
    this.plan = plan;
    this.clock = new SeededClock(plan.seed + 7);
    this.pool = new MarkedDspPool(6, plan.unsettledEcho);
    this.watch = new FaultWatch(this);
    const board = new BreakerBoard({ clock: this.clock, onChange: () => undefined });
    this.providers = Array.from({ length: plan.backends }, (_, index) => {
      return new SimulatedProvider({
        name: `ai-${index}`,
        clock: this.clock,
        detectsTurns: plan.detectsTurns,
        writes: plan.writes[index] === true,
        voiceOf: (callId) => this.voiceOf(callId),
        nextAnswer: () => (this.#answers += 1),
      });
    });
    const guarded = this.providers.map((backend, index): GatewayBackend => {
      const guard = new GuardedBackend({ backend, board });
      return { backend: plan.writes[index] === true ? this.#spoken(guard) : guard };
    });
    const [first, ...fallbacks] = guarded;
    if (first === undefined) throw new Error('a plan has a backend');
    this.gateway = new Gateway({
      clock: this.clock,
      events: this.watch,
      dspPool: this.pool,
      adapters: [this.#adapter()],
      backends: new Map(guarded.map((each) => [each.backend.name, each])),
      profiles: new Map([[PROFILE, { ...first, fallbacks, options: optionsOf(plan) }]]),
      sounds: SOUNDS,
      ...(plan.goodbye && { sendOff: GOODBYE }),
      version: 'simulated',
    });
  }

  /** Lives through it. @throws nothing: what is wrong is in {@link watch} */
  async run(): Promise<void> {
    const { plan, clock, watch } = this;
    await this.gateway.open();
    const startMs = clock.nowMs();
    const steps = [...plan.steps];
    for (let atMs = 0; atMs < plan.endMs && watch.wrong === null; atMs += SLICE_MS) {
      while (steps[0] !== undefined && steps[0].atMs <= atMs) this.#take(steps.shift()!);
      await this.pass(SLICE_MS);
    }
    watch.note(`faults stop after ${Math.round(clock.nowMs() - startMs)} ms`);
    if (watch.wrong === null) await this.#recover();
    if (watch.wrong === null) await this.#leave();
  }

  /** `ms` pass, or fewer: until `enough`. */
  async pass(ms: number, enough: () => boolean = () => false): Promise<void> {
    for (let passedMs = 0; passedMs < ms && this.watch.wrong === null && !enough(); passedMs += SLICE_MS) {
      this.clock.advance(SLICE_MS);
      await settle();
      this.watch.look();
    }
  }

  #spoken(backend: Backend): Backend {
    const { name } = backend;
    const engine = new MarkedEngine(name, this.clock);
    // One in two has another one to fall back on.
    const second = this.plan.seed % 2 === 0 ? new MarkedEngine(`${name}-second`, this.clock) : null;
    this.engines.set(name, engine);
    if (second !== null) this.engines.set(second.name, second);
    return spokenBackend(backend, {
      engine: () => engine,
      fallback: second === null ? null : () => second,
      clock: this.clock,
      events: this.watch,
      firstAudioMs: 1_500,
      stallMs: 1_500,
      loadDspLibrary: SOUNDS.dspLibrary,
    });
  }

  voiceOf(callId: string): AgentVoice {
    let voice = this.voices.get(callId);
    if (voice === undefined) this.voices.set(callId, (voice = new AgentVoice()));
    return voice;
  }

  /** The faults are over: every call that lives is heard and answers, or has an end. */
  async #recover(): Promise<void> {
    for (const provider of this.providers) provider.heal();
    for (const engine of this.engines.values()) engine.faults.length = 0;
    for (const { leg } of this.#slots.values()) leg.line.calm();
    for (const { leg } of this.#slots.values()) {
      for (const order of AS_EVER) this.#order(leg.id, order);
    }
    // Longest search for a backend.
    await this.pass(26_000, () => !this.#inState('reconnecting', 'opening'));
    const talking = [...this.#slots.values()].map(({ leg }) => leg).filter(({ id }) => this.#stateOf(id) === 'talking');
    const before = new Map(talking.map(({ id }) => [id, this.voiceOf(id).heardMs]));
    const answered = ({ id }: MarkedLeg): boolean =>
      this.#stateOf(id) !== 'talking' || this.voiceOf(id).heardMs > before.get(id)!;
    // What was promised and never came is waited for; and what had come is heard to its end.
    // An engine that was found not to speak rests for half a minute.
    const rounds = this.plan.writes.includes(true) ? 7 : 4;
    for (let round = 0; round < rounds && !talking.every(answered); round += 1) {
      for (const leg of talking) leg.line.speak(700);
      await this.pass(9_000, () => talking.every(answered));
    }
    await this.#everythingHeard(talking);
    for (const leg of talking) {
      if (!answered(leg) && !this.gateway.draining) this.watch.fail(`${leg.id} is talked to and does not answer`);
    }
  }

  /** What was written is heard, or its agent knows better. */
  async #everythingHeard(talking: readonly MarkedLeg[]): Promise<void> {
    const quiet = (): boolean =>
      this.gateway
        .snapshot()
        .sessions.every(
          ({ playoutMs, waitingSentences = 0, turn }) => playoutMs + waitingSentences === 0 && turn === 'listening',
        );
    await this.pass(20_000, quiet);
    // What was cut off at last is put right when its answer is over.
    await this.pass(200);
    if (!quiet()) return;
    for (const { id } of talking) {
      const live = this.providers.flatMap((provider) => provider.live).find(({ callId }) => callId === id);
      if (this.#stateOf(id) === 'talking' && typeof live?.unheard === 'string')
        this.watch.fail(`${id}: ${live.unheard}`);
    }
  }

  /** Everybody hangs up, and nothing is left. */
  async #leave(): Promise<void> {
    // Also channels that another process was to have, and that were being attached when it came.
    for (const leg of this.legs) this.#hangUp(leg);
    await this.pass(4_000, () => this.gateway.callCount === 0);
    if (this.gateway.callCount > 0) this.watch.fail(`${this.gateway.callCount} calls never end`);
    // What opens for nobody has been opened by then.
    await this.pass(8_000);
    await this.gateway.close();
    this.watch.nothingLeft();
  }

  #stateOf(callId: string): CallState | undefined {
    return this.gateway.session(callId)?.state;
  }

  #inState(...states: CallState[]): boolean {
    return this.legs.some(({ id }) => states.includes(this.#stateOf(id) ?? 'ended'));
  }

  #take(step: Step): void {
    this.watch.note(JSON.stringify(step));
    const leg = 'call' in step ? this.#slots.get(step.call)?.leg : undefined;
    const provider = 'backend' in step ? this.providers[step.backend] : undefined;
    switch (step.kind) {
      case 'arrive':
        return this.#arrive(step.call, step.by, step.leg);
      case 'hangup':
        return leg === undefined ? undefined : this.#hangUp(leg);
      case 'speak':
        return leg?.line.speak(step.forMs);
      case 'digit':
        return leg?.listener?.onDigit(step.digit, 100);
      case 'weather':
        if (leg !== undefined) leg.line.weather = step.weather;
        return;
      case 'mute-line':
        return leg?.line.silence(step.forMs);
      case 'stall':
        return this.clock.stall(step.forMs);
      case 'opening':
        return void provider?.openings.push(step.opening);
      case 'reply':
        return void provider?.replies.push(step.reply);
      case 'cut':
        return provider?.live.forEach((session) => session.cut(step.code));
      case 'half-open':
        return provider?.live.forEach((session) => session.halve());
      case 'slow-reader':
        return provider?.live.forEach((session) => session.dawdle(step.forMs));
      case 'chatter':
        return provider?.live.forEach((session) => session.say(step.text));
      case 'order':
        return leg === undefined ? undefined : this.#order(leg.id, step.order);
      case 'utterance':
        return void this.engines.get(provider?.name ?? '')?.faults.push(step.utterance);
      case 'media-lost':
        return leg?.listener?.onMediaEnded('the switch says so', step.as ?? undefined);
      case 'restart':
        return this.#restart(step.adopted);
      case 'drain':
        this.#drain(step.seconds);
    }
  }

  #drain(seconds: number): void {
    this.gateway.drain(seconds);
    if (!this.plan.goodbye) return;
    this.clock.after(seconds * 1_000, () => {
      for (const { callId } of this.gateway.snapshot().sessions) this.farewellsMs.set(callId, this.clock.nowMs());
    });
  }

  #arrive(call: number, by: 'command' | 'switch', fault: LegFault): void {
    if (this.#slots.has(call)) return;
    const leg = this.#channel(fault);
    this.#slots.set(call, { leg, fault });
    if (by === 'switch') this.gateway.onCall(leg, PROFILE);
    else this.#order(leg.id, `start ${PROFILE}`);
  }

  #channel(fault: LegFault): MarkedLeg {
    this.#channels += 1;
    const id = `call-${this.#channels}`;
    const line = new MarkedLine(this.clock, this.voiceOf(id), this.plan.seed * 16 + this.#channels);
    const leg = new MarkedLeg(id, line, this.clock, fault);
    this.legs.push(leg);
    return leg;
  }

  #hangUp(leg: MarkedLeg): void {
    if (!leg.alive) return;
    leg.alive = false;
    leg.listener?.onHangup(16);
  }

  /** Its reply is one of the grammar's, whatever it says. */
  #order(callId: string, order: string): void {
    const count = (by: number): void => void this.orders.set(callId, (this.orders.get(callId) ?? 0) + by);
    count(1);
    void this.gateway.command(`uuid_audio_stream ${callId} ${order}`).then((reply) => {
      count(-1);
      if (!/^(\+OK|-ERR|-USAGE|\{)/.test(reply)) this.watch.fail(`'${order}' is answered with '${reply}'`);
      if (reply.includes('ERR_TALKSPURT_INTERNAL')) this.watch.fail(`'${order}': ${reply}`);
    });
  }

  /** All channels are gone, or are somebody else's now and come again. */
  #restart(adopted: boolean): void {
    this.gateway.onLinkDown();
    for (const slot of this.#slots.values()) {
      if (!slot.leg.alive) continue;
      if (!adopted) {
        this.#hangUp(slot.leg);
        continue;
      }
      slot.leg.listener?.onMediaEnded('the link was lost', 'link-lost');
      slot.leg = this.#channel('none');
      this.gateway.onCall(slot.leg, PROFILE, { masked: false });
    }
    this.gateway.onLinkUp();
  }

  #adapter(): SwitchAdapter {
    const attach = (channelId: string): Promise<CallLeg> => {
      const leg = this.legs.find(({ id }) => id === channelId);
      if (leg?.alive === true) return Promise.resolve(leg);
      return Promise.reject(new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', 'no such channel'));
    };
    return {
      ...{ kind: 'freeswitch', name: 'pbx', linkUp: true, legCount: 0 },
      start: () => Promise.resolve(),
      attach,
      command: () => Promise.resolve(''),
      stop: () => Promise.resolve(),
    };
  }
}

const GOODBYE: SendOff = { told: { play: 'goodbye.wav' }, action: 'hangup', destination: '' };

/** What an operator orders so that nothing stands any more. */
const AS_EVER = ['hold off', 'unmute all', 'mask off', 'resume'];

/** Every format is the same here: nothing is ever converted. */
const LIBRARY = {
  tone: () => new Int16Array(0),
  encodeUlaw: (pcm: Int16Array) => new Uint8Array(pcm.length).fill(SOUND),
} as Partial<DspLibrary> as DspLibrary;

const SOUNDS: SoundSource = {
  sound: (source) =>
    source.startsWith('missing')
      ? Promise.reject(new TalkspurtError('ERR_TALKSPURT_SOUND', 'there is no such file'))
      : Promise.resolve(soundOf()),
  speech: () => Promise.resolve(soundOf()),
  dspLibrary: () => Promise.resolve(LIBRARY),
};

function soundOf(): Awaited<ReturnType<SoundSource['sound']>> {
  const audio = new Uint8Array(SOUND_MS * 8).fill(SOUND);
  return { audio, cached: false };
}

function optionsOf(plan: FaultPlan): GivenOptions {
  return {
    greeting: plan.greeting ? 'say hello' : '',
    playoutMaximumMs: plan.playoutMaximumMs,
    turnOwner: plan.detectsTurns ? 'backend' : 'endpointer',
    reconnect: { lastResort: plan.lastResort, destination: '200', bufferMs: 2_000, holdSound: 'none' },
  };
}
