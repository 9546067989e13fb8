/** One call on the simulated switch: its life, its audio, and the commands that clients send it. */
import type { EslRequest } from '../switch/freeswitch/esl-request-parser.ts';
import { ChannelApplications } from './channel-applications.ts';
import type { Application, ApplicationHost } from './channel-applications.ts';
import { ChannelAudio } from './channel-audio.ts';
import type { ChannelAudioStats } from './channel-audio.ts';
import { ChannelCommands } from './channel-commands.ts';
import type { CallState, ChannelDescription, ChannelState } from './channel-headers.ts';
import type { CallOptions, ChannelHost } from './channel-host.ts';
import { ChannelLife } from './channel-life.ts';
import { ChannelUnicast } from './channel-unicast.ts';
import { causeNumber } from './hangup-cause.ts';
import type { SimulatedPhone } from './phone.ts';
import type { UnicastRequest } from './unicast-media.ts';

export type { CallOptions } from './channel-host.ts';

/** Counters of a channel. */
export type ChannelStats = Readonly<ChannelAudioStats> & { readonly droppedFrames: number };

/** Where a transfer takes a channel: through these states, then to work. An empty script has no extension to run. */
interface Route {
  readonly states: readonly ChannelState[];
  readonly script: readonly Application[];
}

const MANY_YEARS_MS = '31536000000';

/** One call, as its switch and its phone see it. */
export class SimulatedChannel {
  readonly uuid: string;
  readonly phone: SimulatedPhone;
  readonly ptimeMs: number;
  readonly #host: ChannelHost<SimulatedChannel>;
  readonly #life: ChannelLife;
  readonly #audio: ChannelAudio;
  readonly #unicast: ChannelUnicast;
  readonly #applications: ChannelApplications;
  #partner: SimulatedChannel | null = null;
  /** Whether this side asked for the bridge: it is the one that announces it. */
  #bridgedFirst = false;
  readonly #commands: ChannelCommands;
  #route: Route | null = null;
  #leaveClock: (() => void) | null = null;
  /** Digits that clients had the switch send to the phone. */
  sentDigits = '';

  constructor(uuid: string, options: CallOptions, host: ChannelHost<SimulatedChannel>) {
    const { phone, codec = 'PCMU', sampleRateHz = 8000, ptimeMs = 20, phoneBuffer: buffer = {} } = options;
    this.uuid = uuid;
    this.phone = phone;
    this.ptimeMs = ptimeMs;
    this.#host = host;
    const { direction = 'inbound', from = '1000', to = '9000', variables = {} } = options;
    this.#life = new ChannelLife(
      { uuid, direction, from, to, variables, codec: { name: codec, sampleRateHz, ptimeMs } },
      host.clock,
    );
    this.#audio = new ChannelAudio(phone, { codec, sampleRateHz, ptimeMs, buffer });
    this.#unicast = new ChannelUnicast(this.#audio, {
      channelGone: () => this.gone,
      crash: (reason) => host.crash(reason),
      onUnicastFailure: (request) => host.onUnicastFailure(request),
    });
    this.#applications = new ChannelApplications(this.#applicationHost());
    this.#commands = new ChannelCommands({
      applications: this.#applications,
      hangup: (cause) => this.hangup(causeNumber(cause)),
      startUnicast: (request) => this.#startUnicast(request),
      onDone: (request) => {
        if (this.mediaUp) host.fireCommand(this, request);
      },
    });
  }

  /** Puts the call on the switch: create, answer, park, as the options say. Called once. */
  enter(options: CallOptions): void {
    this.#life.mark('createdMs');
    this.#setState('CS_NEW');
    this.#setState('CS_INIT');
    this.#fire('CHANNEL_CREATE');
    this.#setCallState('RINGING');
    this.#setState('CS_ROUTING');
    this.#setState('CS_EXECUTE');
    const script: Application[] = [];
    if (options.answered ?? true) script.push({ name: 'answer', data: '' });
    script.push((options.parked ?? true) ? { name: 'park', data: '' } : { name: 'sleep', data: MANY_YEARS_MS });
    this.#leaveClock = this.#host.everyPtime(this.ptimeMs, () => this.#tick());
    this.#applications.begin(script);
  }

  /** Channel variables; live. */
  get variables(): Map<string, string> {
    return this.#life.variables;
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

  answer(): void {
    if (this.gone || this.answered) return;
    this.#bringMediaUp();
    this.#life.answerState = 'answered';
    this.#life.mark('answeredMs');
    this.variables.set('endpoint_disposition', 'ANSWER');
    this.#fire('CHANNEL_ANSWER');
    this.#setCallState('ACTIVE');
  }

  /** Ends the call with a Q.850 cause. A call that is gone already is left alone. */
  hangup(cause = 16): void {
    if (this.gone) return;
    this.#life.answerState = 'hangup';
    this.#life.hangupCause = cause;
    this.#life.mark('hangupMs');
    this.#leaveClock?.();
    this.#leaveClock = null;
    this.#commands.clear();
    this.#route = null;
    this.#fire('CHANNEL_HANGUP');
    this.#unicast.deactivate();
    this.#applications.leaveAll();
    this.#audio.clear();
    this.#setState('CS_HANGUP');
    this.#setCallState('HANGUP');
    this.#setState('CS_REPORTING');
    this.#life.addCallRecord(cause);
    this.#fire('CHANNEL_HANGUP_COMPLETE');
    this.#fire('CHANNEL_DESTROY');
    this.#setState('CS_DESTROY');
    this.#host.onDestroyed(this);
    this.phone.onHangup(cause);
  }

  /** `uuid_transfer`: at its next turn the channel leaves what it does and goes there; nowhere ends the call. */
  transfer(destination: string, dialplan = 'XML'): void {
    const inline = dialplan.toLowerCase() === 'inline';
    const script = inline ? parseInline(destination) : this.#host.extension(destination);
    if (!inline) this.#life.to = destination;
    this.#life.dialplan = inline ? 'inline' : dialplan;
    this.#life.mark('transferMs');
    this.#route = { states: script === null ? ['CS_ROUTING'] : ['CS_ROUTING', 'CS_EXECUTE'], script: script ?? [] };
  }

  /** `uuid_park`. */
  park(): void {
    this.#route = { states: ['CS_PARK'], script: [{ name: 'park', data: '', unannounced: true }] };
  }

  /** Hands the channel's thread a command, unless too many wait; it gets to it at its next turn, and nobody hears how it went. */
  queueCommand(request: EslRequest): boolean {
    return this.#commands.push(request);
  }

  /** `uuid_bridge`: both leave what they do for each other. */
  bridgeWith(other: SimulatedChannel): void {
    this.#partner = other;
    other.#partner = this;
    this.#bridgedFirst = true;
    other.#bridgedFirst = false;
    for (const channel of [this, other]) {
      const script = [{ name: 'uuid_bridge', data: channel.#partner?.uuid ?? '' }];
      channel.#route = { states: ['CS_HIBERNATE', 'CS_RESET', 'CS_SOFT_EXECUTE'], script };
    }
  }

  /** `uuid_break`. */
  breakPlayback(): void {
    this.#applications.breakPlayback();
  }

  /** Sends digits to the phone's side. */
  sendDigits(digits: string): void {
    this.sentDigits += digits;
  }

  /** One ptime of the bridged party; another sampling rate is met by repeating or leaving out samples. */
  hearPartner(samples: Int16Array, sampleRateHz: number): void {
    const ratio = sampleRateHz / this.#audio.sampleRateHz;
    const frame = new Int16Array(this.#audio.frameSamples);
    for (let at = 0; at < frame.length; at += 1) frame[at] = samples[Math.floor(at * ratio)] ?? 0;
    this.#audio.write(frame);
  }

  /** The process is gone: frees ports and timers without a word to anyone. */
  dispose(): void {
    this.#leaveClock?.();
    this.#leaveClock = null;
    this.#unicast.dispose();
  }

  #tick(): void {
    if (this.phone.hungUp) {
      this.hangup(this.answered ? 16 : 487);
      return;
    }
    for (const digit of this.phone.takeDigits()) {
      this.#fire('DTMF', [
        ['DTMF-Digit', digit],
        ['DTMF-Duration', '2000'],
        ['DTMF-Source', 'RTP'],
      ]);
    }
    const samples = this.mediaUp ? this.#audio.listen() : null;
    // While a command waits for its lead frames, what the channel executes does not get any.
    if (!this.#commands.takesFrame(samples !== null)) this.#applications.tick(samples);
    this.#commands.run();
    const route = this.#route;
    this.#route = null;
    if (route !== null && !this.gone) this.#follow(route);
    if (this.mediaUp) this.#audio.play();
  }

  #follow(route: Route): void {
    this.#unicast.deactivate();
    this.#applications.leaveAll();
    if (this.gone) return;
    for (const state of route.states) this.#setState(state);
    if (route.script.length === 0) this.hangup(causeNumber('NO_ROUTE_DESTINATION'));
    else this.#applications.begin(route.script);
  }

  #startUnicast(request: UnicastRequest): void {
    if (this.#host.unicastFails()) this.#host.onUnicastFailure(request);
    else this.#unicast.activate(request, this.mediaUp, this.#applications.park);
  }

  #bringMediaUp(): void {
    if (this.mediaUp) return;
    this.#life.setCodecs();
    this.#life.answerState = 'early';
    this.#life.mark('earlyMediaMs');
    this.#fire('CHANNEL_PROGRESS_MEDIA');
    this.#setCallState('EARLY');
  }

  #setState(state: ChannelState): void {
    this.#life.state = state;
    this.#fire('CHANNEL_STATE');
  }

  #setCallState(state: CallState): void {
    const before = this.#life.callState;
    this.#life.callState = state;
    this.#fire('CHANNEL_CALLSTATE', [['Original-Channel-Call-State', before]]);
  }

  #fire(name: string, headers: readonly (readonly [string, string])[] = []): void {
    this.#host.fire(this, name, headers);
  }

  #joinPartner(): boolean {
    if (this.#partner === null) return false;
    this.#life.mark('bridgedMs');
    if (this.#bridgedFirst) this.#fire('CHANNEL_BRIDGE', bridgeHeaders(this.uuid, this.#partner.uuid));
    else this.#setState('CS_EXCHANGE_MEDIA');
    return true;
  }

  /** The other leg is ended with the bridge, unless it is to be parked or is on its way elsewhere. */
  #leavePartner(): void {
    const partner = this.#partner;
    if (partner === null) return;
    this.#partner = null;
    if (this.#bridgedFirst) this.#fire('CHANNEL_UNBRIDGE', bridgeHeaders(this.uuid, partner.uuid));
    if (partner.#partner !== this) return;
    partner.#partner = null;
    if (partner.#bridgedFirst) partner.#fire('CHANNEL_UNBRIDGE', bridgeHeaders(partner.uuid, this.uuid));
    if (partner.variables.get('park_after_bridge') === 'true') partner.park();
    else if (partner.#route === null) partner.hangup(16);
  }

  #applicationHost(): ApplicationHost {
    return {
      mediaUp: () => this.mediaUp,
      sampleRateHz: this.#audio.sampleRateHz,
      ptimeMs: this.ptimeMs,
      frameSamples: this.#audio.frameSamples,
      answer: () => this.answer(),
      preAnswer: () => this.#bringMediaUp(),
      hangup: (cause) => this.hangup(causeNumber(cause)),
      variable: (name) => this.variables.get(name),
      setVariable: (name, value) => {
        if (value === null) this.variables.delete(name);
        else this.variables.set(name, value);
      },
      sendDigits: (digits) => this.sendDigits(digits),
      joinPartner: () => this.#joinPartner(),
      leavePartner: () => this.#leavePartner(),
      writeToPartner: (samples) => this.#partner?.hearPartner(samples, this.#audio.sampleRateHz),
      write: (samples) => this.#audio.write(samples),
      resetMedia: () => this.#unicast.deactivate(),
      onParkTick: (park, samples) => this.#unicast.onParkTick(park, samples),
      fire: (name, headers) => this.#fire(name, headers),
    };
  }
}

function bridgeHeaders(aUuid: string, bUuid: string): (readonly [string, string])[] {
  return [
    ['Bridge-A-Unique-ID', aUuid],
    ['Bridge-B-Unique-ID', bUuid],
  ];
}

/** The inline dialplan: `answer,park`, `playback:silence_stream://1000,park`, or with another separator `m:^:answer^park`. */
function parseInline(text: string): Application[] {
  const other = /^m:(.):/.exec(text);
  const steps = other === null ? text.split(',') : text.slice(other[0].length).split(other[1]!);
  return steps.map(parseApplication);
}

/** `name` or `name:data`. */
export function parseApplication(step: string): Application {
  const colon = step.indexOf(':');
  if (colon < 0) return { name: step.trim(), data: '' };
  return { name: step.slice(0, colon).trim(), data: step.slice(colon + 1) };
}
