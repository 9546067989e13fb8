/** A channel in our Stasis application as a leg: answered, bridged with media of ours, and given back to the dialplan. */
import type { Timer } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { CallLeg, CallOutcome, LegListener, RefusalReason, RememberedOrders } from '../switch-adapter.ts';
import type { AriEvent } from './ari-link.ts';
import type { AsteriskLegParts } from './asterisk-leg-parts.ts';
import { ChannelRequests, ChannelSubscription } from './asterisk-requests.ts';
import { CallBridge } from './call-bridge.ts';
import type { ConsultingCaller } from './consultation.ts';
import { LegSuspicion } from './leg-suspicion.ts';
import { LegWords } from './leg-words.ts';
import { causeOf, digitOf } from './stasis-channel.ts';
import { noExtension, readDestination } from './stasis-destination.ts';
import { resultVariables } from './stasis-result.ts';
import type { StasisResult, StasisVoice } from './stasis-result.ts';

const NORMAL_CLEARING = 16;
const TEMPORARY_FAILURE = 41;
const NORMAL_UNSPECIFIED = 31;
const LEFT = 'the channel left our application';

/** A leg on a channel; made by the adapter. */
export class AsteriskLeg implements CallLeg {
  readonly id: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly #parts: AsteriskLegParts;
  readonly #requests: ChannelRequests;
  readonly #subscription: ChannelSubscription;
  readonly #lifeline = new AbortController();
  readonly #unwatch: () => void;
  #listener: LegListener | null = null;
  #bridge: CallBridge | null = null;
  #opening: Promise<unknown> = Promise.resolve();
  #answered: boolean;
  /** The channel is no more. */
  #gone = false;
  /** The channel is not in our application: its dialplan, or somebody else, has it. */
  #departed = false;
  /** Why it is another process's now; null: it is not. */
  #replaced: string | null = null;
  /** It was asked to call somebody else, and may come back to us instead. */
  #redirected: Timer | null = null;
  #ending: Promise<void> | null = null;
  /** What the channel is still to be told, because the link was down when it was to be. */
  #owed: (() => Promise<void>) | null = null;
  #over = false;
  readonly #suspicion: LegSuspicion;
  readonly #words: LegWords;
  /** What happened before anybody listened: told at once when somebody does. */
  #unheardHangup: number | null = null;
  #hangupCause = NORMAL_CLEARING;

  constructor(parts: AsteriskLegParts) {
    const { channel, switchName, link, routes } = parts;
    this.#parts = parts;
    this.id = channel.id;
    this.switchName = switchName;
    this.from = channel.from;
    this.to = channel.to;
    this.variables = parts.variables;
    this.#answered = channel.state === 'Up';
    this.#requests = new ChannelRequests(link, switchName, channel.id);
    this.#subscription = new ChannelSubscription(link, channel.id);
    this.#words = new LegWords(this.#requests);
    this.#suspicion = new LegSuspicion({
      clock: parts.clock,
      requests: this.#requests,
      hungUp: () => this.#hungUp(this.#hangupCause),
      left: (reason, departed) => this.#left(reason, departed ? 'transferred' : null),
    });
    this.#unwatch = routes.watch(channel.id, (event) => this.#onEvent(event));
  }

  /** Whether the channel can still be talked to. */
  get gone(): boolean {
    return this.#gone || this.#departed;
  }

  listen(listener: LegListener): void {
    this.#listener = listener;
    if (this.#unheardHangup !== null) listener.onHangup(this.#unheardHangup);
    this.#unheardHangup = null;
  }

  async answer(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.gone) throw this.#requests.gone();
    if (this.#answered) return;
    await this.#requests.post('answer');
    this.#answered = true;
  }

  async openMedia(signal: AbortSignal): Promise<MediaTransport> {
    if (this.gone || this.#ending !== null) throw this.#requests.gone();
    if (this.#bridge !== null) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'the audio of this call is open already');
    }
    const opening = this.#open(AbortSignal.any([signal, this.#lifeline.signal]));
    this.#opening = opening.catch(() => undefined);
    return await opening;
  }

  async remember(profile: string, standing: RememberedOrders): Promise<void> {
    await this.#words.remember({ profile, standing });
  }

  conclude(outcome: CallOutcome): void {
    this.#words.conclude(outcome);
  }

  refuse(reason: RefusalReason): void {
    this.#words.refuse(reason);
  }

  async sendDtmf(digits: string): Promise<void> {
    if (!/^[0-9*#A-Da-dwW]{1,64}$/.test(digits)) {
      const message = 'digits are 0-9, A-D, * and #, with w for a pause; at most 64';
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
    }
    await this.#requests.post('dtmf', { dtmf: digits });
  }

  /**
   * `EXTEN[@CONTEXT][,PRIORITY]`: the dialplan goes on there. `endpoint:PJSIP/…`: the caller's own phone is to call that instead.
   * @throws ERR_TALKSPURT_COMMAND_SYNTAX; ERR_TALKSPURT_SWITCH_COMMAND when there is no such extension; ERR_TALKSPURT_CALL_GONE
   */
  async transfer(destination: string): Promise<void> {
    const wanted = readDestination(destination);
    if (this.gone) throw this.#requests.gone();
    if (wanted.kind === 'endpoint') {
      await this.#requests.post('redirect', { endpoint: wanted.endpoint });
      this.#redirected = this.#parts.clock.after(LIMITS.sipReferMs, () => this.#comeBack());
      return;
    }
    const { extension, context = this.#parts.channel.context, priority } = wanted;
    if (await this.#requests.lacks(`${context},${extension},${priority}`)) {
      throw noExtension(this.switchName);
    }
    await this.#requests.setVariables(this.#words.transferred);
    try {
      await this.#depart({ extension, priority: String(priority), context });
    } catch (error) {
      await this.#words.restore();
      throw error;
    }
  }

  async consult(destination: string, signal: AbortSignal): Promise<void> {
    if (this.gone || this.#ending !== null) throw this.#requests.gone();
    const caller: ConsultingCaller = {
      channel: this.#parts.channel,
      requests: this.#requests,
      away: () => (this.#departed = true),
      stayed: () => this.#stayed(),
      words: () => this.#words.transferred,
      comeBack: () => this.#bridge?.rejoin().catch(() => this.#suspect('the caller was led elsewhere', false)),
    };
    const alive = AbortSignal.any([signal, this.#lifeline.signal]);
    const consulting = this.#parts.consultations.attend(caller, destination, alive);
    // Nobody lets go of the channel before it is known whose it is.
    this.#opening = consulting.catch(() => undefined);
    await consulting;
  }

  async hangup(hangupCause: number): Promise<void> {
    await this.#end(async () => {
      if (!this.#dialled) await this.#words.beforeHangup();
      await this.#requests.hangup(hangupCause);
    });
  }

  async release(): Promise<void> {
    await this.#end(async () => {
      // The far end is on its way elsewhere; until it is known to be, it stays.
      if (this.#redirected === null) await this.#giveBack(this.#words.last);
    });
  }

  /** Asterisk is to tell of its end too, which comes when it has left our application. @throws as `ChannelRequests.post` */
  async subscribe(): Promise<void> {
    await this.#subscription.begin();
  }

  /** As `LegWords.recall`. @throws ERR_TALKSPURT_LINK_* */
  async recall(fallback: StasisVoice | null): Promise<StasisVoice | null> {
    return await this.#words.recall(fallback);
  }

  /** Gives it back unheard. @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_ARI_REFUSED; then it is done later */
  async dismiss(result: StasisResult, reason: string): Promise<void> {
    await this.#end(() => this.#giveBack(resultVariables(result, reason)));
  }

  /** After the link was down: the channel as it is now, or null when it is gone. @throws ERR_TALKSPURT_LINK_* */
  async onSighted(inApplication: boolean | null): Promise<void> {
    if (inApplication === null) {
      this.#hungUp(NORMAL_UNSPECIFIED);
    } else if (!inApplication) {
      this.#left(LEFT, 'transferred');
    } else if (this.#owed !== null) {
      await this.#settleDebt(this.#owed);
    }
  }

  /** Another process has our application, and this call with it: nothing is done to the channel any more. */
  onReplaced(reason: string): void {
    this.#replaced = reason;
    this.#left(reason, 'link-lost');
  }

  /** Asterisk was started anew: it has none of its channels any more. */
  onRestart(): void {
    this.#hungUp(TEMPORARY_FAILURE);
  }

  /** Reports nothing more, and keeps nothing; for a process that ends. */
  forget(): void {
    this.#redirected?.cancel();
    this.#finish();
  }

  async #open(signal: AbortSignal): Promise<MediaTransport> {
    const { link, format } = this.#parts;
    const callFormat = format === 'auto' ? await this.#requests.codec() : '';
    signal.throwIfAborted();
    this.#bridge = new CallBridge({
      ...this.#parts,
      callerId: this.id,
      callFormat,
      // ARI tells every digit; by the media it is heard where ARI cannot be.
      onDigit: (digit, durationMs) => {
        if (!link.up) this.#digit(digit, durationMs);
      },
      onLost: (reason) => this.#suspect(reason, false),
      onBack: (reason) => this.#suspicion.withdraw(reason),
    });
    return await this.#bridge.open(signal);
  }

  /** We called it: there is no dialplan that it came from. */
  get #dialled(): boolean {
    return this.#parts.ids.kindOf(this.id) === 'call';
  }

  /** The dialplan goes on, and finds these variables. A call that we dialled has none to go on with. */
  async #giveBack(variables: Readonly<Record<string, string>>): Promise<void> {
    if (this.gone) return;
    if (this.#dialled) return await this.#requests.hangup(NORMAL_CLEARING);
    await this.#requests.setVariables(variables);
    await this.#depart({});
  }

  /** Leaves our application for the dialplan. */
  async #depart(query: Readonly<Record<string, string>>): Promise<void> {
    this.#departed = true;
    try {
      await this.#requests.post('continue', query);
    } catch (error) {
      this.#stayed();
      throw error;
    }
  }

  /** It was about to go elsewhere, and did not. */
  #stayed(): void {
    this.#departed = false;
    if (this.#replaced !== null) this.#left(this.#replaced, 'link-lost');
  }

  /** It was to call somebody else, and is still here. */
  #comeBack(): void {
    this.#redirected = null;
    if (this.gone || this.#ending === null) return;
    void this.#settleDebt(() => this.#giveBack(this.#words.last));
  }

  /** Our last words to the channel, once; then its media go, whatever became of them. */
  async #end(lastWords: () => Promise<void>): Promise<void> {
    this.#ending ??= this.#runEnd(lastWords);
    await this.#ending;
  }

  async #runEnd(lastWords: () => Promise<void>): Promise<void> {
    this.#suspicion.dismiss();
    this.#lifeline.abort(this.#requests.gone());
    await this.#opening;
    let failure: TalkspurtError | null = null;
    try {
      if (!this.gone) await lastWords();
    } catch (error) {
      failure = hasCode(error, 'ERR_TALKSPURT_CALL_GONE') ? null : asTalkspurtError(error);
    }
    await this.#bridge?.close();
    if (failure !== null && !this.gone) {
      // The channel is still ours: it is told as soon as it can be.
      this.#owed = lastWords;
      this.#parts.onLeftover();
      throw failure;
    }
    if (this.#redirected === null) this.#finish();
  }

  /** Never rejects. */
  async #settleDebt(lastWords: () => Promise<void>): Promise<void> {
    this.#owed = null;
    try {
      if (!this.gone) await lastWords();
      this.#finish();
    } catch (error) {
      if (hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) {
        this.#finish();
        return;
      }
      this.#owed = lastWords;
      this.#parts.onLeftover();
    }
  }

  #finish(): void {
    this.#suspicion.dismiss();
    this.#unwatch();
    if (this.#over) return;
    this.#over = true;
    this.#parts.onOver();
    if (!this.#gone) void this.#subscription.end();
  }

  #onEvent(event: AriEvent): void {
    switch (event.type) {
      case 'ChannelDtmfReceived': {
        const heard = digitOf(event);
        if (heard !== null) this.#digit(heard.digit, heard.durationMs);
        break;
      }
      case 'ChannelStateChange':
        if ((event['channel'] as { state?: unknown } | undefined)?.state === 'Up') this.#answered = true;
        break;
      case 'ChannelHangupRequest':
        // A soft one carries a flag of Asterisk's own where others have the cause.
        if (event['soft'] !== true) this.#hangupCause = causeOf(event);
        break;
      case 'ChannelDestroyed':
        this.#hungUp(causeOf(event));
        break;
      case 'StasisEnd':
        // Hung up, which is about to be told; or taken from us.
        if (!this.#departed) this.#suspect(LEFT, true);
        break;
      default:
        break;
    }
  }

  #digit(digit: string, durationMs: number): void {
    if (this.#ending === null && !this.gone) this.#listener?.onDigit(digit, durationMs);
  }

  /** Something of the call is gone. If it is the caller's hanging up, that is what is told. */
  #suspect(reason: string, departed: boolean): void {
    if (!this.gone) this.#suspicion.raise(reason, departed);
  }

  /** `as`: the channel lives on without us, and why; null: only its media are gone. */
  #left(reason: string, as: 'transferred' | 'link-lost' | null): void {
    if (this.gone) return;
    this.#departed = as !== null;
    if (this.#ending !== null) {
      if (this.#departed) this.#finish();
    } else if (as === null) this.#listener?.onMediaEnded(reason);
    else this.#listener?.onMediaEnded(reason, as);
  }

  #hungUp(hangupCause: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#redirected?.cancel();
    this.#suspicion.dismiss();
    this.#lifeline.abort(this.#requests.gone());
    if (this.#ending !== null) {
      // Whoever ended it has let go of it already, or is about to.
      if (this.#owed !== null || this.#redirected !== null) this.#finish();
      return;
    }
    if (this.#listener === null) this.#unheardHangup = hangupCause;
    else this.#listener.onHangup(hangupCause);
  }
}
