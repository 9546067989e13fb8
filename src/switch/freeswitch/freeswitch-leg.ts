/** One FreeSWITCH channel as a leg: answered, parked by us, with its audio on unicast behind the guard. */
import type { Clock, Timer } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { AudioFormat } from '../../core/media.ts';
import { isSampleRateHz } from '../../core/media.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import { UnicastTransport } from '../../transport/unicast-transport.ts';
import type { CallLeg, LegListener } from '../switch-adapter.ts';
import type { EslEvent, EslLink } from './esl-link.ts';
import { hangupCauseName, hangupCauseNumber } from './hangup-cause.ts';
import { UnicastGuard } from './unicast-guard.ts';

/** How unicast is to be set up. */
export interface UnicastMediaOptions {
  /** Address of ours that sockets are bound to. */
  readonly bindHost: string;
  /** Address that the switch is told to send to. */
  readonly advertiseHost: string;
  /** Address of the switch's side, as an IP address: what it binds, and the only one that may send. */
  readonly switchHost: string;
  /** Take a leg's own G.711 where it has it. */
  readonly native: boolean;
  readonly portRange?: { readonly from: number; readonly to: number };
}

/** What the adapter knows of the channel. */
export interface FreeswitchLegParts {
  readonly uuid: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly answered: boolean;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly media: UnicastMediaOptions;
  /** The leg is let go: no more events, please. */
  onReleased(): Promise<void>;
}

const CODEC_POLL_MS = 50;
const HANGUPS = new Set(['CHANNEL_HANGUP', 'CHANNEL_HANGUP_COMPLETE', 'CHANNEL_DESTROY']);
/** DTMF durations are told in samples of an 8 kHz clock. */
const DTMF_SAMPLES_PER_MS = 8;

/** Held from attach to release; the channel itself belongs to the switch. */
export class FreeswitchLeg implements CallLeg {
  readonly id: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly #parts: FreeswitchLegParts;
  readonly #guard: UnicastGuard;
  #listener: LegListener | null = null;
  #answered: boolean;
  #gone = false;
  #released = false;
  #mediaOpen = false;
  /** What waits for an event of the channel. */
  readonly #waiting = new Set<{ readonly name: string; resolve(): void; reject(error: TalkspurtError): void }>();

  constructor(parts: FreeswitchLegParts) {
    this.#parts = parts;
    this.id = parts.uuid;
    this.switchName = parts.switchName;
    this.from = parts.from;
    this.to = parts.to;
    this.variables = parts.variables;
    this.#answered = parts.answered;
    this.#guard = new UnicastGuard(parts.uuid);
    if (parts.answered) this.#guard.happen('answered');
  }

  listen(listener: LegListener): void {
    this.#listener = listener;
  }

  async answer(signal: AbortSignal): Promise<void> {
    if (this.#answered) return;
    const answered = this.#event('CHANNEL_ANSWER', signal);
    await Promise.all([answered, this.#command(`uuid_answer ${this.id}`)]);
  }

  async openMedia(signal: AbortSignal): Promise<MediaTransport> {
    await this.#park(signal);
    const codec = await this.#readCodec(signal);
    const audio = await this.#audioFormat(codec);
    const ptime = Number((await this.#variable('rtp_use_codec_ptime')) ?? Number.NaN);
    const { media, clock, link } = this.#parts;
    const transport = await UnicastTransport.open({
      clock,
      bindHost: media.bindHost,
      sourceHost: media.switchHost,
      audio,
      ptimeMs: Number.isInteger(ptime) && ptime > 0 ? ptime : null,
      ...(media.portRange === undefined ? {} : { portRange: media.portRange }),
    });
    try {
      await link.activateUnicast(this.#guard.permit(), {
        localHost: media.switchHost,
        remoteHost: media.advertiseHost,
        remotePort: transport.port,
        native: audio.codec !== 'l16',
      });
      await transport.firstDatagram(LIMITS.unicastFirstDatagramMs, signal);
    } catch (error) {
      await transport.close();
      throw error;
    }
    this.#mediaOpen = true;
    return transport;
  }

  async sendDtmf(digits: string): Promise<void> {
    if (!/^[0-9*#A-Da-dwW]{1,64}$/.test(digits)) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_COMMAND_SYNTAX',
        'digits are 0-9, A-D, * and #, with w for a pause; at most 64',
      );
    }
    await this.#command(`uuid_send_dtmf ${this.id} ${digits}`);
  }

  async transfer(destination: string): Promise<void> {
    if (!/^[A-Za-z0-9_+*#.@:-]{1,256}$/.test(destination)) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_COMMAND_SYNTAX',
        'a destination is one word of letters, digits and _ + * # . @ : -',
      );
    }
    this.#mediaOpen = false;
    await this.#command(`uuid_transfer ${this.id} ${destination}`);
  }

  async hangup(hangupCause: number): Promise<void> {
    this.#mediaOpen = false;
    try {
      if (!this.#gone) await this.#command(`uuid_kill ${this.id} ${hangupCauseName(hangupCause)}`);
    } catch (error) {
      if (!(error instanceof TalkspurtError) || error.code !== 'ERR_TALKSPURT_CALL_GONE') throw error;
    } finally {
      await this.#letGo();
    }
  }

  async release(): Promise<void> {
    if (this.#released) return;
    try {
      // Parking it anew is the one way to stop unicast on purpose, and leaves the channel to be used by others.
      if (!this.#gone && this.#mediaOpen) {
        this.#mediaOpen = false;
        this.#guard.reparking();
        await this.#command(`uuid_transfer ${this.id} park inline`);
      }
    } catch (error) {
      // The channel, or the link to it, has gone by itself: there is nothing left to stop.
      if (!(error instanceof TalkspurtError)) throw error;
    } finally {
      await this.#letGo();
    }
  }

  /** An event of this channel. */
  onEvent(event: EslEvent): void {
    if (HANGUPS.has(event.name)) {
      this.#hungUp(hangupCauseNumber(event.headers['Hangup-Cause'], event.headers['variable_hangup_cause_q850']));
      return;
    }
    switch (event.name) {
      case 'CHANNEL_ANSWER':
        this.#answered = true;
        this.#guard.happen('answered');
        break;
      case 'CHANNEL_PARK':
        this.#guard.onPark();
        break;
      case 'CHANNEL_UNPARK':
        this.#disturbed('unpark', 'the channel was taken out of park');
        break;
      case 'CHANNEL_BRIDGE':
        this.#disturbed('bridge', 'the channel was bridged');
        break;
      case 'PLAYBACK_START':
        this.#disturbed('playback', 'something was played to the channel');
        break;
      case 'DTMF':
        this.#digit(event);
        break;
      default:
        break;
    }
    for (const waiting of this.#waiting) if (waiting.name === event.name) waiting.resolve();
  }

  /** After a reconnect: the switch does not know this channel any more. */
  onMissing(): void {
    this.#hungUp(hangupCauseNumber(undefined, undefined));
  }

  #digit(event: EslEvent): void {
    const digit = event.headers['DTMF-Digit'] ?? '';
    const samples = Number(event.headers['DTMF-Duration']);
    if (/^[0-9*#A-D]$/.test(digit))
      this.#listener?.onDigit(digit, Number.isFinite(samples) ? samples / DTMF_SAMPLES_PER_MS : 0);
  }

  #hungUp(cause: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#mediaOpen = false;
    this.#guard.happen('hangup');
    for (const waiting of this.#waiting) waiting.reject(this.#goneError());
    this.#listener?.onHangup(cause);
  }

  #disturbed(kind: 'playback' | 'bridge' | 'unpark', reason: string): void {
    this.#guard.onDisturbed(kind);
    if (!this.#mediaOpen || this.#guard.state !== 'spent') return;
    this.#mediaOpen = false;
    this.#listener?.onMediaEnded(reason);
  }

  async #park(signal: AbortSignal): Promise<void> {
    this.#guard.reparking();
    const parked = this.#event('CHANNEL_PARK', signal);
    await Promise.all([parked, this.#command(`uuid_transfer ${this.id} park inline`)]);
  }

  async #readCodec(signal: AbortSignal): Promise<string> {
    const untilMs = this.#parts.clock.nowMs() + LIMITS.mediaOpenMs;
    for (;;) {
      const codec = (await this.#variable('read_codec')) ?? '';
      if (this.#guard.onCodec(codec)) return codec;
      if (this.#parts.clock.nowMs() > untilMs) {
        throw new TalkspurtError(
          'ERR_TALKSPURT_UNICAST_GUARD',
          'the channel has no read codec: unicast would end the whole switch',
        );
      }
      await delay(this.#parts.clock, CODEC_POLL_MS, signal);
    }
  }

  async #audioFormat(codec: string): Promise<AudioFormat> {
    const rate = Number(await this.#variable('read_rate'));
    const name = codec.toUpperCase();
    if (this.#parts.media.native && rate === 8000 && name === 'PCMU') return { codec: 'pcmu', sampleRateHz: 8000 };
    if (this.#parts.media.native && rate === 8000 && name === 'PCMA') return { codec: 'pcma', sampleRateHz: 8000 };
    if (isSampleRateHz(rate)) return { codec: 'l16', sampleRateHz: rate };
    const message = `a channel with ${name} at ${rate} Hz cannot be bridged: use a codec of 8000, 16000, 24000 or 48000 Hz`;
    throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
  }

  async #variable(name: string): Promise<string | null> {
    const value = (await this.#command(`uuid_getvar ${this.id} ${name}`)).trim();
    return value === '_undef_' || value === '' ? null : value;
  }

  /** A command about this channel; a refusal is an error. */
  async #command(command: string): Promise<string> {
    if (this.#gone) throw this.#goneError();
    const reply = await this.#parts.link.api(command);
    if (!reply.startsWith('-')) return reply;
    if (/no such channel|cannot locate|not found|invalid uuid/i.test(reply)) throw this.#goneError();
    const verb = command.split(' ', 1)[0] ?? '';
    throw new TalkspurtError(
      'ERR_TALKSPURT_SWITCH_COMMAND',
      `${this.switchName} refused ${verb}: ${reply.trim().slice(0, 200)}`,
    );
  }

  /** Resolves at the next event of this name. */
  async #event(name: string, signal: AbortSignal): Promise<void> {
    let timer: Timer | undefined;
    let onAbort: (() => void) | undefined;
    let waiting: { name: string; resolve(): void; reject(error: TalkspurtError): void } | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.#gone) return reject(this.#goneError());
        waiting = { name, resolve, reject };
        this.#waiting.add(waiting);
        onAbort = () => reject(signal.reason as Error);
        if (signal.aborted) return onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        const message = `${this.switchName} did not report ${name} within ${LIMITS.mediaOpenMs} ms`;
        timer = this.#parts.clock.after(LIMITS.mediaOpenMs, () =>
          reject(new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message)),
        );
      });
    } finally {
      timer?.cancel();
      if (waiting !== undefined) this.#waiting.delete(waiting);
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    }
  }

  async #letGo(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#listener = null;
    for (const waiting of this.#waiting) waiting.reject(this.#goneError());
    await this.#parts.onReleased();
  }

  #goneError(): TalkspurtError {
    return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', `the channel is no longer on ${this.switchName}`);
  }
}
