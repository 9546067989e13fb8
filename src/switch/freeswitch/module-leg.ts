/**
 * One FreeSWITCH channel as a leg whose audio goes through a WebSocket module of the switch: parked, so that it can be played to,
 * or in a call of two people, which is only listened to (and spoken into where the module mixes).
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { AttachRequest, CallLeg, LegListener, RememberedOrders } from '../switch-adapter.ts';
import { ChannelApi } from './channel-api.ts';
import { PARK_MARK, channelHappening } from './channel-event.ts';
import { ChannelEnding } from './channel-ending.ts';
import { ChannelWaits } from '../channel-waits.ts';
import { checkedDestination, checkedDigits } from './channel-words.ts';
import { Consultation } from './consultation.ts';
import type { EslEvent, EslLink } from './esl-link.ts';
import { hangupCauseName, hangupCauseNumber } from './hangup-cause.ts';
import { MARKS, OWNER_VARIABLE, isPlain, voiceMarks } from './left-behind-marks.ts';
import { stopCommand } from './module/module-dialect.ts';
import { detectModules } from './module/module-detection.ts';
import type { ModuleDetection } from './module/module-detection.ts';
import { ModuleMedia } from './module/module-opening.ts';
import type { ModuleServer } from './module/module-server.ts';
import type { ModuleTransport } from './module/module-transport.ts';
import type { Whisper } from '../whisper.ts';

/** How calls are had through a module. */
export interface ModuleLegOptions {
  /** Where modules connect; shared, and somebody else's to close. */
  readonly server: ModuleServer;
  /** Host of ours as the switch reaches it; default: the one that the server is bound to. */
  readonly advertiseHost?: string;
  /** Which module, where a switch has both; default: mod_audio_stream. */
  readonly module?: ModuleDetection['module'];
  /** What an operator knows better than the switch tells. */
  readonly edition?: 'commercial';
}

/** What a leg is made of. */
export interface ModuleLegParts {
  readonly uuid: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly answered: boolean;
  /** Names our process to those after it; see left-behind-marks.ts. */
  readonly owner: string;
  /** The switch has dialled it: only whoever is called can answer it. */
  readonly dialled?: boolean;
  /** Two people are talking: the channel is left where it is. */
  readonly bridged: boolean;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly media: ModuleLegOptions;
  readonly request: AttachRequest;
  /** Something that the call survives. */
  onFault(error: TalkspurtError): void;
  /** The leg is let go, and nothing of ours is left in the switch: no more events, please. */
  onReleased(): Promise<void>;
}

/** What is set on a channel for a module, and is the channel's own otherwise. */
const SETTINGS = [
  ...['park_timeout', 'send_silence_when_idle', 'STREAM_BUFFER_SIZE', 'STREAM_HEART_BEAT', 'STREAM_SUPPRESS_LOG'],
  ...['STREAM_PLAYBACK', 'STREAM_SAMPLE_RATE', 'STREAM_EXTRA_HEADERS'],
  ...['MOD_AUDIO_BASIC_AUTH_USERNAME', 'MOD_AUDIO_BASIC_AUTH_PASSWORD'],
];
/** A park that speaks silence all the time: what is played has no gaps then. Otherwise as in unicast-opening.ts. */
const SPEAKING_PARK = 'unset:park_timeout,set:send_silence_when_idle=-1,set:max_forwards=70';

/** A leg on a channel; made by the adapter. */
export class ModuleLeg implements CallLeg {
  readonly id: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly #parts: ModuleLegParts;
  readonly #api: ChannelApi;
  readonly #waits: ChannelWaits;
  readonly #over = new AbortController();
  readonly #mark = randomUUID();
  #answered: boolean;
  #parked = false;
  /** The channel was sent to our park, and has not been seen there. */
  #parking = false;
  #media: ModuleMedia | null = null;
  #transport: ModuleTransport | null = null;
  readonly #consultation: Consultation;
  /** We have sent the channel on. */
  #departed = false;
  #speaks = false;
  #opening: Promise<unknown> = Promise.resolve();
  #listener: LegListener | null = null;
  #gone = false;
  readonly #ending: ChannelEnding;
  /** Something of ours is set on the channel. */
  #marked = false;
  /** What happened before anybody listened: told at once when somebody does. */
  #unheardHangup: number | null = null;

  constructor(parts: ModuleLegParts) {
    this.#parts = parts;
    this.id = parts.uuid;
    this.switchName = parts.switchName;
    this.from = parts.from;
    this.to = parts.to;
    this.variables = parts.variables;
    this.#answered = parts.answered;
    const { uuid, switchName, link } = parts;
    this.#api = new ChannelApi({ uuid, switchName, link, gone: () => this.#gone });
    this.#waits = new ChannelWaits(parts.clock);
    this.#ending = new ChannelEnding({ linkUp: () => link.up, onReleased: () => parts.onReleased() });
    this.#consultation = new Consultation({
      ...parts,
      api: this.#api,
      waits: this.#waits,
      leave: () => {
        this.#departed = true;
        return Promise.resolve();
      },
      comeBack: () => this.#comeBack(),
    });
  }

  listen(listener: LegListener): void {
    this.#listener = listener;
    if (this.#unheardHangup !== null) listener.onHangup(this.#unheardHangup);
    this.#unheardHangup = null;
  }

  /** A call that is only listened to is answered by whose it is. */
  async answer(signal: AbortSignal): Promise<void> {
    if (this.#gone) throw this.#api.goneError();
    if (this.#answered || this.#parts.bridged) return;
    if (this.#parts.dialled === true) throw this.#api.ringingError();
    await this.#api.command(`uuid_answer ${this.id}`);
    await this.#waits.wait({
      condition: () => this.#answered,
      limitMs: LIMITS.mediaOpenMs,
      onTimeout: () => this.#api.late('answer the channel'),
      signal,
    });
  }

  async openMedia(signal: AbortSignal): Promise<MediaTransport> {
    const opening = this.#open(AbortSignal.any([signal, this.#over.signal]));
    this.#opening = opening.catch(() => undefined);
    return await opening;
  }

  /** @throws ERR_TALKSPURT_NOT_SUPPORTED for what the module cannot do */
  setWhisper(whisper: Whisper): Promise<void> {
    if (whisper === (this.#speaks ? 'caller' : 'none')) return Promise.resolve();
    const who = this.#speaks ? 'is heard by the caller only' : 'only listens';
    const message = `a tap through the switch's module ${who}: set media.tap to sip or unicast to whisper`;
    return Promise.reject(new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message));
  }

  async sendDtmf(digits: string): Promise<void> {
    await this.#api.command(`uuid_send_dtmf ${this.id} ${checkedDigits(digits)}`);
  }

  async transfer(destination: string): Promise<void> {
    const checked = checkedDestination(destination);
    await this.#media?.stop();
    await this.#clear();
    await this.#api.command(`uuid_transfer ${this.id} ${checked}`);
  }

  async consult(destination: string, signal: AbortSignal): Promise<void> {
    if (this.#parts.bridged) {
      const message = 'two people are talking already: transfer without attended';
      throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
    }
    const consulting = this.#consultation.run(destination, AbortSignal.any([signal, this.#over.signal]));
    // Nobody lets go of the channel before it is known whose it is.
    this.#opening = consulting.catch(() => undefined);
    await consulting;
  }

  /** Two people who are talking go on, whatever becomes of us. */
  async hangup(hangupCause: number): Promise<void> {
    await this.#end(async () => {
      if (this.#parts.bridged) await this.#clear();
      else await this.#api.command(`uuid_kill ${this.id} ${hangupCauseName(hangupCause)}`);
    });
  }

  async release(): Promise<void> {
    await this.#end(() => this.#clear());
  }

  /** Somebody lets go of it, or has. */
  get lettingGo(): boolean {
    return this.#ending.begun;
  }

  async remember(profile: string, standing: RememberedOrders): Promise<void> {
    if (this.#gone || this.#departed || this.#ending.begun || this.#parts.bridged) return;
    await this.#setMarks(voiceMarks(profile, standing, this.#parts.owner));
  }

  /** An event of this channel, CUSTOM ones of the module among them. */
  onEvent(event: EslEvent): void {
    this.#media?.onEvent(event);
    this.#consultation.onEvent(event);
    const happening = channelHappening(event);
    switch (happening?.kind) {
      case 'answered':
        this.#answered = true;
        break;
      case 'parked':
        this.#parked = happening.mark === this.#mark;
        if (this.#parked) this.#parking = false;
        break;
      case 'disturbed':
        this.#disturbed(event, happening.reason);
        break;
      case 'digit':
        if (!this.#ending.begun) this.#listener?.onDigit(happening.digit, happening.durationMs);
        break;
      case 'hangup':
        this.#hungUp(happening.hangupCause);
        break;
      default:
        return;
    }
    this.#waits.changed();
  }

  /** After a reconnect: the switch does not know this channel any more. */
  onMissing(): void {
    this.#hungUp(hangupCauseNumber(undefined, undefined));
  }

  /** The link was lost. The module's connection is another one: audio goes on. */
  onBlind(): void {
    // Nothing hangs on the link while it flows.
  }

  /** The link is back, and the channel still there. What it was taken to meanwhile has to be asked. @throws ERR_TALKSPURT_LINK_* */
  async onSighted(): Promise<void> {
    if (this.#gone) return;
    if (this.#ending.owed) {
      await this.#ending.pay();
      return;
    }
    if (this.#transport === null || this.#parts.bridged) return;
    try {
      const dump = await this.#api.dump();
      // Our own playback is executed in the park.
      const here = /^(park|playback)$/.test(dump['variable_current_application'] ?? '');
      const ours = here && dump[`variable_${PARK_MARK}`] === this.#mark && dump['variable_bridge_to'] === undefined;
      if (!ours) this.#lost('the channel was taken out of park');
    } catch (error) {
      // Hung up meanwhile: its own event says so.
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
    }
  }

  async #open(signal: AbortSignal): Promise<ModuleTransport> {
    const { link, media, clock, bridged, request } = this.#parts;
    const detection = await this.#detect();
    const wanted = {
      mix: bridged ? request.mix : 'mono',
      sampleRateHz: await this.#rate(detection),
      play: !bridged || (detection.edition === 'jambonz' && request.mix === 'mono'),
      written: true,
    } as const;
    // A stream that a process of ours has left behind refuses to be started again.
    if (this.variables.has(OWNER_VARIABLE)) await link.api(stopCommand(detection, this.id));
    await this.#setMarks([`${OWNER_VARIABLE}=${this.#parts.owner}`]);
    if (!bridged) await this.#park(signal);
    signal.throwIfAborted();
    const { advertiseHost } = media;
    this.#media = new ModuleMedia({
      uuid: this.id,
      link,
      server: media.server,
      ...(advertiseHost === undefined ? {} : { advertiseHost }),
      detection,
      ...wanted,
      clock,
      signal,
      onFault: (error) => this.#parts.onFault(error),
    });
    this.#transport = await this.#media.open();
    this.#speaks = wanted.play;
    return this.#transport;
  }

  /** @throws ERR_TALKSPURT_MODULE_UNFIT when the switch has none */
  async #detect(): Promise<ModuleDetection> {
    const { link, media } = this.#parts;
    const { module, edition } = media;
    const found = await detectModules(link, edition === undefined ? {} : { edition });
    const detection = module === undefined ? found[0] : found.find((each) => each.module === module);
    if (detection !== undefined) return detection;
    const message = `${this.switchName} has not loaded ${module ?? 'mod_audio_stream or mod_audio_fork'}: load it there, or set media.kind to sip`;
    throw new TalkspurtError('ERR_TALKSPURT_MODULE_UNFIT', message);
  }

  /** What was asked for; otherwise the channel's own as far as the module can play it. Hz. */
  async #rate(detection: ModuleDetection): Promise<number> {
    const { request, bridged } = this.#parts;
    if (request.sampleRateHz !== null) return request.sampleRateHz;
    const own = Number((await this.#api.command(`uuid_getvar ${this.id} read_rate`)).trim());
    if (own === 8000) return own;
    const files = detection.canPlay === 'file' && !bridged;
    return files || !detection.rates.some((rate) => rate === own) ? 16_000 : own;
  }

  async #park(signal: AbortSignal): Promise<void> {
    await this.#api.command(`uuid_transfer ${this.id} ${SPEAKING_PARK},set:${PARK_MARK}=${this.#mark},park inline`);
    this.#parking = !this.#parked;
    await this.#waits.wait({
      condition: () => this.#parked,
      limitMs: LIMITS.mediaOpenMs,
      onTimeout: () => this.#api.late('park the channel'),
      signal,
    });
  }

  /** What we play ourselves starts like what others play; only leaving our park ends it. */
  #disturbed(event: EslEvent, reason: string): void {
    if (this.#parts.bridged || !this.#parked) return;
    if (event.name !== 'CHANNEL_UNPARK' && event.name !== 'CHANNEL_BRIDGE') return;
    this.#parked = false;
    if (!this.#departed) this.#lost(reason);
  }

  /** Its park is not entered anew: what was lost stays lost. */
  #comeBack(): void {
    this.#departed = false;
    if (!this.#parked) this.#lost('the channel was taken elsewhere');
  }

  #lost(reason: string): void {
    if (this.#transport !== null && !this.#ending.begun && !this.#gone) this.#listener?.onMediaEnded(reason);
  }

  #hungUp(hangupCause: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#waits.end(this.#api.goneError());
    this.#over.abort(this.#api.goneError());
    void this.#ending.forgive();
    if (this.#ending.begun) return;
    if (this.#listener === null) this.#unheardHangup = hangupCause;
    else this.#listener.onHangup(hangupCause);
  }

  /** The module is stopped first; then our last words to the channel, once. */
  async #end(lastWords: () => Promise<void>): Promise<void> {
    await this.#ending.run({
      prepare: async () => {
        this.#over.abort(this.#api.goneError());
        await this.#opening;
        await this.#transport?.close();
      },
      lastWords: async () => {
        if (this.#gone) return;
        await this.#arrived();
        await this.#media?.stop();
        await lastWords();
      },
      free: () => Promise.resolve(),
    });
  }

  /** What the way to our park sets would be set again behind our last words. Never rejects. */
  async #arrived(): Promise<void> {
    if (!this.#parking || !this.#parts.link.up) return;
    const onTimeout = (): TalkspurtError => this.#api.late('park the channel');
    const limitMs = LIMITS.bridgeEndMs;
    await Promise.allSettled([this.#waits.wait({ condition: () => !this.#parking, limitMs, onTimeout })]);
  }

  async #setMarks(list: readonly string[]): Promise<void> {
    this.#marked = true;
    await this.#api.command(`uuid_setvar_multi ${this.id} ${list.join(';')}`);
  }

  /** Gives the channel what was its own, and takes off what is ours. */
  async #clear(): Promise<void> {
    if (this.#gone || !this.#marked) return;
    for (const name of [...SETTINGS, ...MARKS]) {
      const own = MARKS.includes(name) ? '' : (this.variables.get(name) ?? '');
      await this.#api.command(`uuid_setvar ${this.id} ${name}${isPlain(own) ? ` ${own}` : ''}`);
    }
    this.#marked = false;
  }
}
