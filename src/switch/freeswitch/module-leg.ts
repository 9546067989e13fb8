/**
 * One FreeSWITCH channel as a leg whose audio goes through a WebSocket module of the switch: parked, so that it can be played to,
 * or in a call of two people, which is only listened to (and spoken into where the module mixes).
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { AttachRequest, CallLeg, LegListener } from '../switch-adapter.ts';
import { ChannelApi } from './channel-api.ts';
import { PARK_MARK, channelHappening } from './channel-event.ts';
import { ChannelWaits } from './channel-waits.ts';
import { checkedDestination, checkedDigits } from './channel-words.ts';
import type { EslEvent, EslLink } from './esl-link.ts';
import { hangupCauseName, hangupCauseNumber } from './hangup-cause.ts';
import { detectModules } from './module/module-detection.ts';
import type { ModuleDetection } from './module/module-detection.ts';
import { ModuleMedia } from './module/module-opening.ts';
import type { ModuleServer } from './module/module-server.ts';
import type { ModuleTransport } from './module/module-transport.ts';
import type { Whisper } from './tap-whisper.ts';

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

/**
 * A park that speaks silence all the time: what is played has no gaps then, and what mixes has something to mix into. Otherwise
 * as in unicast-opening.ts.
 */
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
  #media: ModuleMedia | null = null;
  #transport: ModuleTransport | null = null;
  #speaks = false;
  #opening: Promise<unknown> = Promise.resolve();
  #listener: LegListener | null = null;
  #gone = false;
  #ending: Promise<void> | null = null;
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
    await this.#api.command(`uuid_transfer ${this.id} ${checkedDestination(destination)}`);
  }

  /** Two people who are talking go on, whatever becomes of us. */
  async hangup(hangupCause: number): Promise<void> {
    await this.#end(async () => {
      if (!this.#gone && !this.#parts.bridged) {
        await this.#api.command(`uuid_kill ${this.id} ${hangupCauseName(hangupCause)}`);
      }
    });
  }

  async release(): Promise<void> {
    await this.#end(() => Promise.resolve());
  }

  /** An event of this channel, CUSTOM ones of the module among them. */
  onEvent(event: EslEvent): void {
    this.#media?.onEvent(event);
    const happening = channelHappening(event);
    switch (happening?.kind) {
      case 'answered':
        this.#answered = true;
        break;
      case 'parked':
        this.#parked = happening.mark === this.#mark;
        break;
      case 'disturbed':
        this.#disturbed(event, happening.reason);
        break;
      case 'digit':
        if (this.#ending === null) this.#listener?.onDigit(happening.digit, happening.durationMs);
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
    if (this.#transport === null || this.#parts.bridged || this.#gone) return;
    try {
      const dump = await this.#api.dump();
      const here = (dump['Caller-Destination-Number'] ?? '').includes(this.#mark);
      if (!here || dump['variable_bridge_to'] !== undefined) this.#lost('the channel was taken out of park');
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
    this.#lost(reason);
  }

  #lost(reason: string): void {
    if (this.#transport !== null && this.#ending === null && !this.#gone) this.#listener?.onMediaEnded(reason);
  }

  #hungUp(hangupCause: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#waits.end(this.#api.goneError());
    this.#over.abort(this.#api.goneError());
    if (this.#ending !== null) return;
    if (this.#listener === null) this.#unheardHangup = hangupCause;
    else this.#listener.onHangup(hangupCause);
  }

  /** The module is stopped first; then our last words to the channel, once. */
  async #end(lastWords: () => Promise<void>): Promise<void> {
    this.#ending ??= this.#runEnd(lastWords);
    await this.#ending;
  }

  async #runEnd(lastWords: () => Promise<void>): Promise<void> {
    this.#over.abort(this.#api.goneError());
    await this.#opening;
    try {
      await this.#transport?.close();
      await lastWords();
    } catch (error) {
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
    } finally {
      await this.#parts.onReleased();
    }
  }
}
