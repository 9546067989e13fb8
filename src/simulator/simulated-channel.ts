/** One call on the simulated switch: its life, its audio, and the commands that clients send it. */
import type { EslRequest } from '../switch/freeswitch/esl-request-parser.ts';
import { ChannelApplications } from './channel-applications.ts';
import type { ApplicationHost } from './channel-applications.ts';
import type { Application } from './application-text.ts';
import { ChannelAudio } from './channel-audio.ts';
import type { ChannelAudioStats, ChannelTap } from './channel-audio.ts';
import { ChannelBridge, DialOutcome } from './channel-bridge.ts';
import type { BridgeHost, DialWatcher } from './channel-bridge.ts';
import { ChannelBugs } from './channel-bugs.ts';
import type { BugName } from './channel-bugs.ts';
import { ChannelCommands } from './channel-commands.ts';
import type { ChannelDescription } from './channel-headers.ts';
import { ChannelHold } from './channel-hold.ts';
import type { CallOptions, ChannelHost } from './channel-host.ts';
import { ChannelKeypad } from './channel-keypad.ts';
import type { ReceivedDigit } from './channel-keypad.ts';
import { ChannelLife } from './channel-life.ts';
import { ChannelRoute } from './channel-route.ts';
import type { Route } from './channel-route.ts';
import { ChannelSignals } from './channel-signals.ts';
import { ChannelUnicast } from './channel-unicast.ts';
import { ChannelEavesdrop } from './eavesdrop.ts';
import { causeNumber } from './hangup-cause.ts';
import type { SimulatedPhone } from './phone.ts';
import type { WantedCodec } from './sdp-text.ts';

export type { CallOptions } from './channel-host.ts';

/** Counters of a channel. */
export type ChannelStats = Readonly<ChannelAudioStats> & { readonly droppedFrames: number };

/** One call, as its switch and its phone see it. */
export class SimulatedChannel {
  readonly uuid: string;
  readonly phone: SimulatedPhone;
  readonly keypad: ChannelKeypad;
  readonly #host: ChannelHost<SimulatedChannel>;
  readonly #life: ChannelLife;
  readonly #signals: ChannelSignals;
  readonly #audio: ChannelAudio;
  readonly #bugs: ChannelBugs;
  readonly #unicast: ChannelUnicast;
  readonly #applications: ChannelApplications;
  readonly #bridge: ChannelBridge;
  readonly #eavesdrop: ChannelEavesdrop;
  readonly #commands: ChannelCommands;
  readonly #route: ChannelRoute;
  readonly #hold: ChannelHold;
  #ptimeMs: number;
  #outcome: DialOutcome | null = null;
  #leaveClock: (() => void) | null = null;

  constructor(uuid: string, options: CallOptions, host: ChannelHost<SimulatedChannel>) {
    const { phone, codec = 'PCMU', sampleRateHz = 8000, ptimeMs = 20, phoneBuffer: buffer = {} } = options;
    this.uuid = uuid;
    this.phone = phone;
    this.#ptimeMs = ptimeMs;
    this.#host = host;
    const { direction = 'inbound', from = '1000', to = '9000', variables = {} } = options;
    const name = options.name === undefined ? {} : { name: options.name };
    this.#life = new ChannelLife(
      { uuid, direction, from, to, variables, codec: { name: codec, sampleRateHz, ptimeMs }, ...name },
      host.clock,
    );
    this.#signals = new ChannelSignals(this.#life, (event, headers = [], leading = []) =>
      host.fire(this, event, headers, leading),
    );
    this.keypad = new ChannelKeypad(phone);
    this.#route = new ChannelRoute(this.#life, (number) => host.extension(number));
    this.#audio = new ChannelAudio(phone, { codec, sampleRateHz, ptimeMs, buffer });
    this.#bugs = new ChannelBugs(this.#audio, this.#signals);
    this.#unicast = new ChannelUnicast(this.#audio, {
      channelGone: () => this.gone,
      crash: (reason) => host.crash(reason),
      onUnicastFailure: (request) => host.onUnicastFailure(request),
    });
    this.#hold = new ChannelHold(this.#signals, this.#audio, phone);
    this.#bridge = new ChannelBridge(this.#bridgeHost());
    this.#eavesdrop = new ChannelEavesdrop({
      uuid,
      format: this.#audio,
      variable: (variable) => this.variables.get(variable),
      target: (target) => host.channel(target),
      write: (samples) => this.#audio.write(samples),
    });
    this.#applications = new ChannelApplications(this.#applicationHost());
    this.#commands = new ChannelCommands({
      applications: this.#applications,
      hangup: (cause) => this.hangup(causeNumber(cause)),
      startUnicast: (request) => {
        if (host.unicastFails()) host.onUnicastFailure(request);
        else this.#unicast.activate(request, this.mediaUp, this.#applications.park);
      },
      onDone: (request) => {
        if (this.variables.has('read_codec')) host.fireCommand(this, request);
      },
    });
  }

  /** Puts an incoming call on the switch, which runs the script. Called once. */
  enter(script: readonly Application[]): void {
    this.#signals.enter();
    this.#joinClock();
    this.#applications.begin(script);
  }

  /** Puts a call on the switch that the switch makes itself, perhaps for another; `watcher` learns whether there will be media. */
  enterDialled(watcher: DialWatcher, originator: SimulatedChannel | null): void {
    if (originator !== null)
      this.#life.otherLeg = { type: 'originator', uuid: originator.uuid, name: originator.#life.name };
    this.#outcome = new DialOutcome(watcher);
    this.#signals.dialled();
    this.#joinClock();
  }

  /** Channel variables; live. */
  get variables(): Map<string, string> {
    return this.#life.variables;
  }

  /** Rate, ptime and samples of a frame; live. */
  get format(): Readonly<Pick<ChannelAudio, 'sampleRateHz' | 'ptimeMs' | 'frameSamples'>> {
    return this.#audio;
  }

  get gone(): boolean {
    return this.#life.answerState === 'hangup';
  }

  get answered(): boolean {
    return this.#life.answerState === 'answered';
  }

  /** Whether the channel has codecs: answered, or with early media. */
  get mediaUp(): boolean {
    return this.answered || this.#life.answerState === 'early';
  }

  get parked(): boolean {
    return this.#applications.park !== null;
  }

  get held(): boolean {
    return this.#hold.on;
  }

  /** The channel it is bridged to, or is calling; null: none. */
  get partnerUuid(): string | null {
    return this.#bridge.peerUuid;
  }

  /** Whether its media go to another channel. */
  get bridged(): boolean {
    return this.#bridge.joined;
  }

  /** The innermost application, as `show channels` names it. */
  get application(): Application | null {
    return this.#applications.current;
  }

  /** Whether unicast frames flow. */
  get unicastActive(): boolean {
    return this.#unicast.active;
  }

  /** Whether unicast threads of it outlive it: the next datagram to one of them kills the switch. */
  get haunted(): boolean {
    return this.#unicast.orphans > 0;
  }

  /** Q.850 number, or one of the switch's own above 127; null while the call is up. */
  get hangupCause(): number | null {
    return this.#life.hangupCause;
  }

  get stats(): ChannelStats {
    return { ...this.#audio.stats, droppedFrames: this.#audio.droppedFrames };
  }

  /** What events say about the channel. */
  describe(): ChannelDescription {
    return this.#life.describe();
  }

  /** The called phone rings. */
  ring(): void {
    if (!this.gone && !this.mediaUp) this.#signals.ring();
  }

  /** Codecs are agreed on with the phone, perhaps others than were expected. */
  agreeOn(codec: WantedCodec): void {
    const { name, sampleRateHz, ptimeMs } = codec;
    this.#audio.agreeOn({ codec: name, sampleRateHz, ptimeMs });
    this.#life.setCodecs(codec);
    if (ptimeMs === this.#ptimeMs) return;
    this.#ptimeMs = ptimeMs;
    this.#leaveClock?.();
    this.#joinClock();
  }

  /** Media before the answer. */
  preAnswer(): void {
    if (this.gone || this.mediaUp) return;
    this.#signals.earlyMedia();
    if (this.variables.get('ignore_early_media') !== 'true') this.#outcome?.ready();
  }

  answer(): void {
    if (this.gone || this.answered) return;
    if (this.#outcome === null) this.preAnswer();
    else if (!this.mediaUp) this.#life.setCodecs();
    this.#signals.answered();
    this.#outcome?.ready();
    this.phone.onAnswer?.();
  }

  /** Ends the call with a Q.850 cause. A call that is gone already is left alone. */
  hangup(cause = 16): void {
    if (this.gone) return;
    this.#leaveClock?.();
    this.#leaveClock = null;
    this.#route.take();
    this.#hold.release(true);
    this.#signals.hungUp(cause);
    this.#bugs.end('eavesdrop');
    this.#unicast.deactivate();
    this.#host.onHungUp(this);
    if (!this.#bridge.endsLater(() => this.#finish(cause))) this.#finish(cause);
  }

  /** The rest of a hang-up: nothing runs any more. */
  #finish(cause: number): void {
    this.#applications.leaveAll(() => this.#commands.pass(true));
    this.#audio.clear();
    this.#signals.ended(cause, () => this.#bugs.end());
    this.#host.onDestroyed(this);
    this.phone.onHangup(cause);
    this.#outcome?.failed(cause);
  }

  /** `uuid_transfer`: at its next turn the channel leaves what it does and goes there; nowhere ends the call. */
  transfer(destination: string, dialplan = 'XML'): void {
    this.hold(false);
    this.#route.transfer(destination, dialplan);
  }

  /** The call that an `originate` asked for is up. */
  flipCallerId(): void {
    this.#life.flipCallerId();
  }

  /** Goes to work after an `originate`: the media are there already. */
  work(application: Application): void {
    this.#route.work(application);
  }

  /** `uuid_park`. */
  park(): void {
    this.#route.park();
  }

  /** Hands the channel's thread a command, unless too many wait; it gets to it at its next turn, and nobody hears how it went. */
  queueCommand(request: EslRequest): boolean {
    return this.#commands.push(request);
  }

  /** `uuid_bridge`: both leave what they do for each other. */
  bridgeWith(other: SimulatedChannel): void {
    this.#route.bridge(other.uuid, other === this ? 'itself' : 'asks', this.#bridge.announces);
    if (other !== this) other.#route.bridge(this.uuid, 'is asked', other.#bridge.announces);
    this.#bridge.pair(other.#bridge);
  }

  /** The bridge of a channel that another one calls. */
  get bridge(): ChannelBridge {
    return this.#bridge;
  }

  /** `uuid_break`; `all`: what was to be played after it, too. */
  breakPlayback(all = false): void {
    if (all) this.#commands.forget();
    this.#applications.breakPlayback();
  }

  /** `uuid_recv_dtmf`: as if the phone had sent them. False when too many wait. */
  receiveDigits(text: string): boolean {
    return this.keypad.receive(text);
  }

  /** `uuid_hold`, and a phone that holds the call itself: it neither speaks nor hears until it is taken up again. */
  hold(held: boolean, byPhone = false): boolean {
    return !this.gone && this.#hold.set(held, byPhone);
  }

  /** Hangs a media bug on the channel; the returned function takes it off, and so does the end of the call. */
  attach(tap: ChannelTap, name: BugName): () => void {
    return this.#bugs.attach(tap, name);
  }

  /** Media bugs, as `uuid_buglist` names them. */
  get bugs(): readonly BugName[] {
    return this.#bugs.names;
  }

  /** Fires an event about this channel. */
  fire(name: string, headers: readonly (readonly [string, string])[] = []): void {
    this.#signals.fire(name, headers);
  }

  /** The process is gone: frees ports and timers without a word to anyone. */
  dispose(): void {
    this.#leaveClock?.();
    this.#leaveClock = null;
    this.#bugs.end();
    this.#unicast.dispose();
  }

  #joinClock(): void {
    this.#leaveClock = this.#host.everyPtime(this.#ptimeMs, () => this.#tick());
  }

  #tick(): void {
    if (this.phone.hungUp) this.hangup(this.phone.leavesWith ?? (this.answered ? 16 : 487));
    else if (this.#applications.stranded) this.#applications.tick(null);
    else this.#work();
    if (this.gone) return;
    const route = this.#route.take();
    if (route !== null) this.#follow(route);
    if (this.#hold.on) this.#audio.clear();
    if (this.mediaUp) this.#audio.play();
  }

  #work(): void {
    for (const received of this.keypad.take()) this.#onDigit(received);
    const spoken = this.mediaUp ? this.#audio.listen() : null;
    const samples = this.#hold.on ? null : spoken;
    // While a command waits for its lead frames, what the channel executes does not get any.
    if (!this.#commands.takesFrame(samples !== null)) this.#applications.tick(samples);
    if (!this.gone) this.#commands.run();
  }

  #onDigit({ digit, source }: ReceivedDigit): void {
    // FreeSWITCH tells of a digit when somebody takes it.
    if (this.#eavesdrop.deaf) return;
    this.#signals.digit(digit, source);
    if (this.#eavesdrop.running) this.#eavesdrop.onDigit(digit);
    this.#bridge.passDigits(digit);
  }

  #follow(route: Route): void {
    this.#unicast.deactivate();
    if (route.states[0] === 'CS_ROUTING') this.#life.otherLeg = null;
    this.#applications.leaveAll(() => this.#commands.pass(false));
    if (this.gone) return;
    for (const state of route.states) this.#signals.setState(state);
    if (route.script.length === 0) this.hangup(causeNumber('NO_ROUTE_DESTINATION'));
    else this.#applications.begin(route.script);
  }

  #bridgeHost(): BridgeHost {
    return {
      uuid: this.uuid,
      life: this.#life,
      signals: this.#signals,
      audio: this.#audio,
      hold: this.#hold,
      route: this.#route,
      keypad: this.keypad,
      gone: () => this.gone,
      dial: (text, watcher) => this.#host.dial(text, this, watcher)?.bridge ?? null,
      exchange: () => this.#applications.begin([{ name: 'exchange_media', data: '', unannounced: true }]),
      hangup: (cause) => this.hangup(cause),
    };
  }

  #applicationHost(): ApplicationHost {
    return {
      mediaUp: () => this.mediaUp,
      format: this.#audio,
      bridge: this.#bridge,
      eavesdrop: this.#eavesdrop,
      connect: (data) => this.#host.connect(this, data),
      transfer: (destination, dialplan) => this.transfer(destination, dialplan),
      hangupCause: () => this.hangupCause,
      held: () => this.#hold.on,
      answer: () => this.answer(),
      preAnswer: () => this.preAnswer(),
      hangup: (cause) => this.hangup(causeNumber(cause)),
      variables: this.#life.variables,
      sendDigits: (digits) => this.keypad.send(digits),
      sound: (path) => this.#host.sound(path, this.#audio.sampleRateHz),
      write: (samples) => this.#audio.write(samples),
      resetMedia: () => this.#unicast.deactivate(),
      onParkTick: (park, samples) => this.#unicast.onParkTick(park, samples),
      fire: (name, headers) => this.#signals.fire(name, headers),
    };
  }
}
