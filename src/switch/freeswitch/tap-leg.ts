/**
 * A call that is listened to while it goes on: bridged, in a conference with somebody, or in an application. The channel is
 * left as it is; our own eavesdroppers come and go beside it.
 */
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { AttachRequest, CallLeg, LegListener } from '../switch-adapter.ts';
import { hearApart, hearCaller } from '../tap-pair.ts';
import type { TapTransport } from '../tap-pair.ts';
import type { Whisper } from '../whisper.ts';
import { channelHappening } from './channel-event.ts';
import type { EslEvent, EslLink } from './esl-link.ts';
import type { LegMediaOptions } from './freeswitch-leg.ts';
import { hangupCauseNumber } from './hangup-cause.ts';
import { Eavesdropper } from './tap-eavesdropper.ts';
import type { Tap } from './tap-eavesdropper.ts';
import { FifoTap } from './tap-fifo.ts';
import type { FifoOptions } from './tap-fifo.ts';
import { LoopbackPath, checkLoopbackRate } from './tap-loopback-path.ts';
import type { EavesdropPath, TapChannels, TapTarget } from './tap-path.ts';
import { SipPath } from './tap-sip-path.ts';
import { whisperPart } from './tap-whisper.ts';
import type { Hears } from './tap-whisper.ts';

/** How a tap's audio is to be had: as that of legs (`unicast` goes by a loopback), or from a recording on this host. */
export type TapMediaOptions = LegMediaOptions | ({ readonly kind: 'record-fifo' } & FifoOptions);

/** What a tapped call is made of. */
export interface TapLegParts {
  readonly uuid: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly media: TapMediaOptions;
  readonly request: AttachRequest;
  /** Names our process on eavesdroppers to those after it; see left-behind-marks.ts. */
  readonly owner: string;
  /** Whom the agent speaks to at first; default: the caller. */
  readonly whisper?: Whisper;
  /** Has the events of our own eavesdroppers delivered. Those of the call itself come by {@link TapLeg.onEvent}. */
  readonly channels: TapChannels;
  /** The leg is let go, and nothing of ours is left in the switch: no more events, please. */
  onReleased(): Promise<void>;
}

const CODEC_POLL_MS = 50;
const DIGITS = /^[0-9*#A-Da-dwW]{1,64}$/;
/** Any other dialplan than XML could run applications of the switch. */
const DESTINATION = /^[A-Za-z0-9_+*#.@][A-Za-z0-9_+*#.@-]{0,127}( XML( [A-Za-z0-9][A-Za-z0-9._-]{0,63})?)?$/;

/** A tapped call; made by the adapter. */
export class TapLeg implements CallLeg {
  readonly id: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly #parts: TapLegParts;
  /** The call is over, or we are. */
  readonly #over = new AbortController();
  #target: TapTarget | null = null;
  #taps: Tap[] = [];
  #apart: TapTransport | null = null;
  #whisper: Whisper;
  #changing: Promise<unknown> = Promise.resolve();
  #listener: LegListener | null = null;
  #gone = false;
  #ending: Promise<void> | null = null;
  #released = false;
  /** An eavesdropper has ended: of the audio that came no more will. */
  #mediaEnded = false;
  /** What happened before anybody listened: told at once when somebody does. */
  #unheardHangup: number | null = null;

  constructor(parts: TapLegParts) {
    this.#parts = parts;
    this.id = parts.uuid;
    this.switchName = parts.switchName;
    this.from = parts.from;
    this.to = parts.to;
    this.variables = parts.variables;
    this.#whisper = parts.whisper ?? 'caller';
  }

  /** Somebody lets go of it, or has. */
  get lettingGo(): boolean {
    return this.#ending !== null;
  }

  /** Whom the agent speaks to. */
  get whisper(): Whisper {
    return this.#whisper;
  }

  listen(listener: LegListener): void {
    this.#listener = listener;
    if (this.#unheardHangup !== null) listener.onHangup(this.#unheardHangup);
    this.#unheardHangup = null;
  }

  /** Nothing is done to a call that is only listened to: whose it is answers it. */
  answer(): Promise<void> {
    return this.#gone ? Promise.reject(this.#goneError()) : Promise.resolve();
  }

  /** When it rejects, nothing of ours is left on the call. */
  async openMedia(signal: AbortSignal): Promise<MediaTransport> {
    if (this.#gone) throw this.#goneError();
    // Once one eavesdropper fails the other is not waited for.
    const failing = new AbortController();
    const stop = AbortSignal.any([signal, this.#over.signal, failing.signal]);
    try {
      const target = await this.#look(stop);
      this.#target = target;
      this.#taps = this.#makeTaps(target);
      const opened = await Promise.all(
        this.#taps.map(async (tap) => {
          try {
            return await tap.open(stop);
          } catch (error) {
            failing.abort(error);
            throw error;
          }
        }),
      );
      return this.#joined(opened);
    } catch (error) {
      await this.#closeTaps();
      throw asTalkspurtError(stop.aborted ? stop.reason : error);
    }
  }

  /**
   * From now on the agent speaks to these. Before the audio is open: from the beginning.
   * @throws ERR_TALKSPURT_NOT_SUPPORTED where the tap only listens, ERR_TALKSPURT_SWITCH_COMMAND, ERR_TALKSPURT_LINK_*
   */
  async setWhisper(whisper: Whisper): Promise<void> {
    const changed = this.#changing.then(() => this.#changeWhisper(whisper));
    this.#changing = Promise.allSettled([changed]);
    await changed;
  }

  async sendDtmf(digits: string): Promise<void> {
    if (!DIGITS.test(digits)) {
      const message = 'digits are 0-9, A-D, * and #, with w for a pause; at most 64';
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
    }
    await this.#command(`uuid_send_dtmf ${this.id} ${digits}`);
  }

  async transfer(destination: string): Promise<void> {
    if (!DESTINATION.test(destination)) {
      const message =
        'a destination is one word of letters, digits and _ + * # . @ -, which may be followed by XML and a context';
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
    }
    await this.#command(`uuid_transfer ${this.id} ${destination}`);
  }

  /** Two people are talking: whatever becomes of us, their call is theirs. */
  async hangup(): Promise<void> {
    await this.release();
  }

  async release(): Promise<void> {
    await this.#end(() => Promise.resolve());
  }

  /** An event of the call's own channel. */
  onEvent(event: EslEvent): void {
    const happening = channelHappening(event);
    if (happening?.kind === 'hangup') this.#hungUp(happening.hangupCause);
    else if (happening?.kind === 'digit' && this.#ending === null) {
      this.#listener?.onDigit(happening.digit, happening.durationMs);
    }
  }

  /** After a reconnect: the switch does not know this channel any more. */
  onMissing(): void {
    this.#hungUp(hangupCauseNumber(undefined, undefined));
  }

  /** The link was lost. Audio that flows goes on. */
  onBlind(): void {
    for (const tap of this.#taps) tap.onBlind();
  }

  /** The link is back, and the channel still there. @throws ERR_TALKSPURT_LINK_* */
  async onSighted(): Promise<void> {
    for (const tap of this.#taps) await tap.onSighted();
  }

  /** One eavesdropper for one sound, two for two. */
  #makeTaps(target: TapTarget): Tap[] {
    const { media, request, switchName, link, clock } = this.#parts;
    if (media.kind === 'record-fifo') {
      const onEnded = (reason: string): void => this.#onTapEnded(reason);
      const onCleared = (): void => void this.#letGo();
      return [new FifoTap({ target, switchName, link, clock, request, options: media, onEnded, onCleared })];
    }
    if (request.mix === 'mixed') return [this.#makeEavesdropper(media, target, 'both', this.#whisper)];
    const caller = this.#makeEavesdropper(media, target, 'caller', this.#whisper);
    if (request.mix === 'mono' && !speaksToCaller(this.#whisper)) return [caller];
    return [caller, this.#makeEavesdropper(media, target, 'other', this.#whisper)];
  }

  #makeEavesdropper(media: LegMediaOptions, target: TapTarget, hears: Hears, whisper: Whisper): Eavesdropper {
    const { switchName, link, clock, channels } = this.#parts;
    return new Eavesdropper({
      target,
      switchName,
      link,
      clock,
      channels,
      hears,
      whisper,
      makePath: (onEnded) => this.#makePath(media, target, onEnded),
      onEnded: (reason) => this.#onTapEnded(reason),
      onCleared: () => void this.#letGo(),
    });
  }

  #makePath(media: LegMediaOptions, target: TapTarget, onEnded: (reason: string) => void): EavesdropPath {
    if (media.kind === 'sip') return new SipPath({ sip: media, target, onEnded });
    const { switchName, link, clock, channels, owner } = this.#parts;
    return new LoopbackPath({ switchName, link, clock, media, channels, target, owner, onEnded });
  }

  /** @throws ERR_TALKSPURT_MEDIA_FORMAT when the parties came in different formats, which one switch does not do */
  #joined(opened: readonly MediaTransport[]): MediaTransport {
    const [caller, other] = opened;
    if (caller === undefined) throw new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'a tap without audio');
    const { media, request } = this.#parts;
    // A recording has done it all by itself, and one sound of both is one path.
    if (media.kind === 'record-fifo' || request.mix === 'mixed') return caller;
    if (other !== undefined) checkSameFormat(caller, other);
    if (request.mix === 'stereo' && other !== undefined) return (this.#apart = hearApart(caller, other));
    const apart = hearCaller(caller);
    if (other !== undefined) apart.speakThrough(other);
    return (this.#apart = apart);
  }

  async #changeWhisper(whisper: Whisper): Promise<void> {
    if (this.#gone || this.#ending !== null) throw this.#goneError();
    const { media, request } = this.#parts;
    const missing = request.mix === 'mono' && this.#taps.length === 1 && speaksToCaller(whisper);
    if (missing && media.kind !== 'record-fifo' && this.#target !== null && this.#apart !== null) {
      await this.#addVoice(this.#apart, this.#makeEavesdropper(media, this.#target, 'other', 'none'));
    }
    for (const tap of this.#taps) await tap.setWhisper(whisper);
    this.#whisper = whisper;
  }

  /** The caller cannot be spoken to through an eavesdropper that hears the caller alone: another one is had for it. */
  async #addVoice(apart: TapTransport, tap: Tap): Promise<void> {
    this.#taps.push(tap);
    try {
      const voice = await tap.open(this.#over.signal);
      checkSameFormat(apart, voice);
      apart.speakThrough(voice);
    } catch (error) {
      await tap.close();
      // What it may still owe is paid with the others' release.
      if (tap.cleared) this.#taps = this.#taps.filter((other) => other !== tap);
      throw error;
    }
  }

  /** What the call's channel carries; waited for while it has nothing yet. */
  async #look(signal: AbortSignal): Promise<TapTarget> {
    const { clock, link, media } = this.#parts;
    const untilMs = clock.nowMs() + LIMITS.mediaOpenMs;
    for (;;) {
      signal.throwIfAborted();
      const rateHz = Number(await this.#variable('read_rate'));
      const target = { uuid: this.id, codec: (await this.#variable('read_codec')) ?? '', rateHz };
      if (rateHz > 0 && target.codec !== '') {
        if (media.kind === 'unicast') await checkLoopbackRate(link, target);
        return target;
      }
      if (clock.nowMs() >= untilMs) {
        throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'the call has no codec yet: tap it when it is answered');
      }
      await delay(clock, CODEC_POLL_MS, signal);
    }
  }

  /** An eavesdropper ended: because the call did, which is about to be told, or by somebody's doing. */
  #onTapEnded(reason: string): void {
    if (this.#mediaEnded || this.#ending !== null || this.#gone) return;
    this.#mediaEnded = true;
    this.#parts.clock.after(LIMITS.hangupEventMs, () => {
      if (this.#ending === null && !this.#gone) this.#listener?.onMediaEnded(reason);
    });
  }

  #hungUp(hangupCause: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#over.abort(this.#goneError());
    if (this.#ending !== null) return;
    if (this.#listener === null) this.#unheardHangup = hangupCause;
    else this.#listener.onHangup(hangupCause);
  }

  /** Our last words to the channel, once; then the eavesdroppers go, whatever became of them. */
  async #end(lastWords: () => Promise<void>): Promise<void> {
    this.#ending ??= this.#runEnd(lastWords);
    await this.#ending;
  }

  async #runEnd(lastWords: () => Promise<void>): Promise<void> {
    try {
      await lastWords();
    } catch (error) {
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
    } finally {
      this.#over.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the call was let go'));
      await this.#closeTaps();
      await this.#letGo();
    }
  }

  async #closeTaps(): Promise<void> {
    await Promise.all(this.#taps.map((tap) => tap.close()));
  }

  /** Once nothing of ours is left; a call that is gone has taken everything with it. */
  async #letGo(): Promise<void> {
    if (this.#ending === null || this.#released) return;
    if (!this.#gone && this.#taps.some((tap) => !tap.cleared)) return;
    this.#released = true;
    await this.#parts.onReleased();
  }

  async #variable(name: string): Promise<string | null> {
    const value = (await this.#command(`uuid_getvar ${this.id} ${name}`)).trim();
    return value === '_undef_' || value === '' ? null : value;
  }

  /** A command about the call's channel; a refusal is an error. */
  async #command(command: string): Promise<string> {
    if (this.#gone) throw this.#goneError();
    const reply = await this.#parts.link.api(command);
    if (!reply.startsWith('-')) return reply;
    if (/no such channel|cannot locate|not found|invalid uuid/i.test(reply)) throw this.#goneError();
    const message = `${this.switchName} refused ${command.split(' ', 1)[0] ?? ''}: ${reply.trim().slice(0, 200)}`;
    throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message);
  }

  #goneError(): TalkspurtError {
    return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', `the channel is no longer on ${this.switchName}`);
  }
}

function speaksToCaller(whisper: Whisper): boolean {
  return whisperPart(whisper, 'other') !== 'none';
}

function checkSameFormat(one: MediaTransport, another: MediaTransport): void {
  const { codec, sampleRateHz, ptimeMs } = another.format;
  const { format } = one;
  if (codec === format.codec && sampleRateHz === format.sampleRateHz && ptimeMs === format.ptimeMs) return;
  throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'the two parties of the call came in different formats');
}
