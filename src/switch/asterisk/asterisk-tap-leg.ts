/**
 * A call that is listened to while it goes on, in Stasis or not. Its channel is left as it is: snoops of our own, each with media
 * of its own, come and go beside it.
 */
import type { Timer } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { AttachRequest, CallLeg, LegListener } from '../switch-adapter.ts';
import type { Whisper } from '../whisper.ts';
import type { AriEvent } from './ari-link.ts';
import type { AsteriskLegShared } from './asterisk-leg-parts.ts';
import { ChannelRequests } from './asterisk-requests.ts';
import { TapAudio } from './asterisk-tap-audio.ts';
import { TapSubscription } from './asterisk-tap-subscription.ts';
import { causeOf, digitOf } from './stasis-channel.ts';
import type { StasisChannel } from './stasis-channel.ts';

/** What a tapped call is made of. */
export interface AsteriskTapParts extends AsteriskLegShared {
  readonly channel: StasisChannel;
  readonly request: AttachRequest;
  /** Channel variables and functions that are asked for, an agent's id among them; each costs a request. */
  readonly variableNames?: readonly string[];
  /** Whom the agent speaks to at first; default: the caller. */
  readonly whisper?: Whisper;
  /** The leg is let go, and Asterisk tells of its channel no more. Called once. */
  onOver(): void;
}

/** Always told: the channel's name, and the name of the one that it is bridged to. */
const CHANNEL_NAME = 'CHANNEL(name)';
const PEER_NAME = 'BRIDGEPEER';
const TEMPORARY_FAILURE = 41;
const NORMAL_UNSPECIFIED = 31;

/** A tapped call; made by the adapter, which then awaits {@link AsteriskTapLeg.prepare}. */
export class AsteriskTapLeg implements CallLeg {
  readonly id: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly #parts: AsteriskTapParts;
  readonly #variables = new Map<string, string>();
  readonly #requests: ChannelRequests;
  readonly #subscription: TapSubscription;
  readonly #unwatch: () => void;
  /** The call is over, or we are. */
  readonly #lifeline = new AbortController();
  #audio: TapAudio | null = null;
  #callFormat = '';
  #whisper: Whisper;
  /** Openings and changes, one after the other. */
  #changing: Promise<unknown> = Promise.resolve();
  #listener: LegListener | null = null;
  #gone = false;
  #ending: Promise<void> | null = null;
  #over = false;
  /** A snoop has ended: of the audio that came no more will. */
  #mediaEnded = false;
  #suspicion: Timer | null = null;
  #hangupCause = NORMAL_UNSPECIFIED;
  /** What happened before anybody listened: told at once when somebody does. */
  #unheardHangup: number | null = null;
  #unheardEnd: string | null = null;

  constructor(parts: AsteriskTapParts) {
    const { channel, switchName, link, routes } = parts;
    this.#parts = parts;
    this.id = channel.id;
    this.switchName = switchName;
    this.from = channel.from;
    this.to = channel.to;
    this.#whisper = parts.whisper ?? 'caller';
    this.#variables.set(CHANNEL_NAME, channel.name);
    this.#requests = new ChannelRequests(link, switchName, channel.id);
    this.#subscription = new TapSubscription(link, switchName, channel.id);
    this.#unwatch = routes.watch(channel.id, (event) => this.#onEvent(event));
  }

  get variables(): ReadonlyMap<string, string> {
    return this.#variables;
  }

  /** Whom the agent speaks to. */
  get whisper(): Whisper {
    return this.#whisper;
  }

  /** The call is over. */
  get gone(): boolean {
    return this.#gone;
  }

  /**
   * Asks for its variables and format. When it rejects the leg is let go.
   * @throws ERR_TALKSPURT_LINK_*, or the signal's reason
   */
  async prepare(signal?: AbortSignal): Promise<void> {
    const wanted = new Set([PEER_NAME, ...(this.#parts.variableNames ?? [])]);
    const names = [...wanted].filter((name) => name !== CHANNEL_NAME);
    const ask = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        signal?.throwIfAborted();
        const value = await this.#requests.variable(name);
        if (value !== null && value !== '') this.#variables.set(name, value);
      }
    };
    try {
      signal?.throwIfAborted();
      const lanes = Array.from({ length: LIMITS.ariVariableRequests }, ask);
      await Promise.all([this.#askFormat(), ...lanes]);
      signal?.throwIfAborted();
    } catch (error) {
      await this.release();
      throw asTalkspurtError(error);
    }
  }

  listen(listener: LegListener): void {
    this.#listener = listener;
    if (this.#unheardHangup !== null) listener.onHangup(this.#unheardHangup);
    else if (this.#unheardEnd !== null) listener.onMediaEnded(this.#unheardEnd);
    this.#unheardHangup = null;
    this.#unheardEnd = null;
  }

  /** Nothing is done to a call that is only listened to: whose it is answers it. */
  answer(): Promise<void> {
    return this.#gone ? Promise.reject(this.#requests.gone()) : Promise.resolve();
  }

  /** When it rejects, nothing of ours is left beside the call, and its end is still told. */
  async openMedia(signal: AbortSignal): Promise<MediaTransport> {
    return await this.#inTurn(() => {
      if (this.#audio !== null) {
        throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'the audio of this call is open already');
      }
      this.#audio = this.#makeAudio();
      return this.#open(this.#audio, AbortSignal.any([signal, this.#lifeline.signal]));
    });
  }

  /**
   * From now on the agent speaks to these. Before the audio is open: from the beginning. When it rejects, it is as it was.
   * @throws ERR_TALKSPURT_CALL_GONE, ERR_TALKSPURT_MEDIA_*, ERR_TALKSPURT_PORTS_EXHAUSTED, ERR_TALKSPURT_LINK_*,
   *   ERR_TALKSPURT_ARI_REFUSED
   */
  async setWhisper(whisper: Whisper): Promise<void> {
    await this.#inTurn(async () => {
      await this.#audio?.setWhisper(whisper, this.#lifeline.signal);
      this.#whisper = whisper;
    });
  }

  /** @throws ERR_TALKSPURT_NOT_SUPPORTED */
  sendDtmf(): Promise<void> {
    return Promise.reject(notOurs());
  }

  /** @throws ERR_TALKSPURT_NOT_SUPPORTED */
  transfer(): Promise<void> {
    return Promise.reject(notOurs());
  }

  /** Two people are talking: whatever becomes of us, their call is theirs. */
  async hangup(): Promise<void> {
    await this.release();
  }

  async release(): Promise<void> {
    this.#ending ??= this.#end();
    await this.#ending;
  }

  /** After the link was down: `null` when the channel is gone. @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_ARI_REFUSED */
  async onSighted(inApplication: boolean | null): Promise<void> {
    if (inApplication === null) {
      this.#hungUp(NORMAL_UNSPECIFIED);
    } else if (this.#ending !== null) {
      await this.#ending;
      if (await this.#subscription.end()) this.#finish();
    } else {
      // Asterisk may have forgotten what we asked for while we were away.
      await this.#subscription.renew();
      if ((await this.#audio?.isWhole()) === false) this.#suspect('a snoop channel ended while the link was down');
    }
  }

  /** Another process has our application, and clears away what stands beside the call. */
  onReplaced(reason: string): void {
    if (this.#gone || this.#ending !== null) return;
    this.#mediaEnded = true;
    this.#suspicion?.cancel();
    this.#listener?.onMediaEnded(reason, 'link-lost');
  }

  /** Asterisk was started anew: it has none of its channels any more. */
  onRestart(): void {
    this.#hungUp(TEMPORARY_FAILURE);
  }

  /** Reports nothing more, and keeps nothing; for a process that ends. */
  forget(): void {
    this.#finish();
  }

  /**
   * Events of the call are asked for when a snoop of ours is on it, and taken back while one still is: whoever comes after a
   * process that was killed sees by the snoop that the channel was tapped, and is not one that was left in our application.
   */
  async #open(audio: TapAudio, signal: AbortSignal): Promise<MediaTransport> {
    const media = await audio.open(signal);
    try {
      await this.#subscription.begin();
      signal.throwIfAborted();
      return media;
    } catch (error) {
      // Whose end it was, whoever opens is told.
      this.#trust();
      await this.#subscription.end();
      await audio.close();
      throw asTalkspurtError(signal.aborted ? signal.reason : error);
    }
  }

  #makeAudio(): TapAudio {
    const { format, request } = this.#parts;
    // Where the path may choose: what carries it without loss, as far as 8 kHz is enough.
    const narrow = format === 'auto' && request.sampleRateHz === 8000;
    return new TapAudio({
      ...this.#parts,
      format: narrow ? 'slin' : format,
      targetId: this.id,
      callFormat: this.#callFormat,
      mix: request.mix,
      whisper: this.#whisper,
      onEnded: (reason) => this.#suspect(reason),
    });
  }

  async #askFormat(): Promise<void> {
    if (this.#parts.format === 'auto') this.#callFormat = await this.#requests.codec();
  }

  /** @throws ERR_TALKSPURT_CALL_GONE once the leg is let go; what `run` throws */
  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(() => {
      if (this.#gone || this.#ending !== null) throw this.#requests.gone();
      return run();
    });
    this.#changing = Promise.allSettled([done]);
    return await done;
  }

  /** Where the link is down the end of the subscription is owed; then the leg is over later. Never rejects. */
  async #end(): Promise<void> {
    this.#lifeline.abort(this.#requests.gone());
    this.#trust();
    await this.#changing;
    const over = this.#gone || (await this.#subscription.end());
    await this.#audio?.close();
    if (over) this.#finish();
    else this.#parts.onLeftover();
  }

  #onEvent(event: AriEvent): void {
    switch (event.type) {
      case 'ChannelDtmfReceived': {
        const heard = digitOf(event);
        if (heard !== null && this.#ending === null) this.#listener?.onDigit(heard.digit, heard.durationMs);
        break;
      }
      case 'ChannelHangupRequest':
        // A soft one carries a flag of Asterisk's own where others have the cause.
        if (event['soft'] !== true) this.#hangupCause = causeOf(event);
        break;
      case 'ChannelDestroyed':
        this.#hungUp(causeOf(event));
        break;
      default:
        break;
    }
  }

  /** Of the audio something is gone: because the call is, which is about to be told, or by somebody's doing. */
  #suspect(reason: string): void {
    if (this.#mediaEnded || this.#ending !== null || this.#gone) return;
    this.#mediaEnded = true;
    this.#suspicion = this.#parts.clock.after(LIMITS.hangupEventMs, () => void this.#investigate(reason));
  }

  /** Never rejects. */
  async #investigate(reason: string): Promise<void> {
    try {
      if ((await this.#requests.look()) === null) this.#hungUp(this.#hangupCause);
    } catch (error) {
      // The link is down: whether it is there is asked when it is up again. The audio is gone either way.
      if (!(error instanceof TalkspurtError)) throw error;
    }
    if (this.#ending !== null || this.#gone) return;
    if (this.#listener === null) this.#unheardEnd = reason;
    else this.#listener.onMediaEnded(reason);
  }

  /** Nothing that was suspected matters any more. */
  #trust(): void {
    this.#suspicion?.cancel();
    this.#suspicion = null;
  }

  #hungUp(hangupCause: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#trust();
    this.#lifeline.abort(this.#requests.gone());
    if (this.#ending !== null) {
      // What may still be owed has gone with it.
      void this.#ending.then(() => this.#finish());
      return;
    }
    if (this.#listener === null) this.#unheardHangup = hangupCause;
    else this.#listener.onHangup(hangupCause);
  }

  #finish(): void {
    this.#trust();
    this.#unwatch();
    if (this.#over) return;
    this.#over = true;
    this.#parts.onOver();
  }
}

function notOurs(): TalkspurtError {
  const message =
    'a call that is only listened to is not ours to command: ARI sends digits to, and transfers, channels of its application only';
  return new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
}
