/** One FreeSWITCH channel as a leg: answered, with its audio on unicast behind the guard, or bridged to our own SIP. */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { CallLeg, LegListener } from '../switch-adapter.ts';
import { ChannelActivity } from './channel-activity.ts';
import { ChannelApi } from './channel-api.ts';
import { channelHappening } from './channel-event.ts';
import type { ChannelHappening } from './channel-event.ts';
import { ChannelWaits } from './channel-waits.ts';
import type { EslEvent, EslLink } from './esl-link.ts';
import { hangupCauseName, hangupCauseNumber } from './hangup-cause.ts';
import { VOICE_VARIABLE } from './left-behind.ts';
import type { SipMedia } from '../sip/sip-media.ts';
import { BridgeSettings } from './bridge-settings.ts';
import { openSipLeg } from './sip-leg-opening.ts';
import type { SipLegOptions } from './sip-leg-opening.ts';
import { UnicastGuard } from './unicast-guard.ts';
import { openUnicast, parkCommand } from './unicast-opening.ts';
import type { UnicastMediaOptions } from './unicast-opening.ts';
import { UnicastRearming } from './unicast-rearming.ts';

export type { UnicastMediaOptions } from './unicast-opening.ts';

/** How a leg's audio is to be had. */
export type LegMediaOptions =
  ({ readonly kind: 'unicast' } & UnicastMediaOptions) | ({ readonly kind: 'sip' } & SipLegOptions);

/** What a leg is made of. */
export interface FreeswitchLegParts {
  readonly uuid: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly answered: boolean;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly media: LegMediaOptions;
  /** The leg is let go, and nothing of ours is left in the switch: no more events, please. */
  onReleased(): Promise<void>;
}

/** A channel about which so many events come at once is looked at by them. */
const SIGHTINGS = 3;

/** A leg on a channel; made by the adapter. */
export class FreeswitchLeg implements CallLeg {
  readonly id: string;
  readonly switchName: string;
  readonly from: string;
  readonly to: string;
  readonly variables: ReadonlyMap<string, string>;
  readonly #parts: FreeswitchLegParts;
  readonly #api: ChannelApi;
  readonly #guard: UnicastGuard;
  readonly #waits: ChannelWaits;
  readonly #activity = new ChannelActivity();
  #listener: LegListener | null = null;
  #gone = false;
  #ending: Promise<void> | null = null;
  /** What happened before anybody listened: told at once when somebody does. */
  #unheardHangup: number | null = null;
  #transport: MediaTransport | null = null;
  #unicast: UnicastRearming | null = null;
  /** Media on their way: what is not let go of before they are decided could have unicast behind our back. */
  #opening: Promise<unknown> = Promise.resolve();
  readonly #lifeline = new AbortController();
  /** We have sent the channel on: it is not ours to park any more. */
  #departed = false;
  #sip: SipMedia | null = null;
  readonly #bridge: BridgeSettings;

  constructor(parts: FreeswitchLegParts) {
    this.#parts = parts;
    this.id = parts.uuid;
    this.switchName = parts.switchName;
    this.from = parts.from;
    this.to = parts.to;
    this.variables = parts.variables;
    const { uuid, switchName, link } = parts;
    this.#api = new ChannelApi({ uuid, switchName, link, gone: () => this.#gone });
    this.#waits = new ChannelWaits(parts.clock);
    const command = async (line: string): Promise<string> => await this.#api.command(line);
    this.#bridge = new BridgeSettings({ uuid, own: parts.variables, waits: this.#waits, command });
    this.#guard = new UnicastGuard(parts.uuid);
    if (parts.answered) this.#guard.answered();
  }

  listen(listener: LegListener): void {
    this.#listener = listener;
    if (this.#unheardHangup !== null) listener.onHangup(this.#unheardHangup);
    this.#unheardHangup = null;
  }

  async answer(signal: AbortSignal): Promise<void> {
    if (this.#gone) throw this.#api.goneError();
    if (this.#guard.state !== 'unanswered') return;
    await this.#api.command(`uuid_answer ${this.id}`);
    await this.#waits.wait({
      condition: () => this.#guard.state !== 'unanswered',
      limitMs: LIMITS.mediaOpenMs,
      onTimeout: () => this.#api.late('answer the channel'),
      signal,
    });
  }

  async openMedia(signal: AbortSignal): Promise<MediaTransport> {
    const { media } = this.#parts;
    const alive = AbortSignal.any([signal, this.#lifeline.signal]);
    const opening = media.kind === 'sip' ? this.#openSip(media, alive) : this.#armUnicast(media, alive);
    this.#opening = opening.catch(() => undefined);
    return await opening;
  }

  async remember(profile: string): Promise<void> {
    if (this.#sip !== null) await this.#api.command(`uuid_setvar ${this.id} ${VOICE_VARIABLE} ${profile}`);
  }

  async sendDtmf(digits: string): Promise<void> {
    if (!/^[0-9*#A-Da-dwW]{1,64}$/.test(digits)) {
      const message = 'digits are 0-9, A-D, * and #, with w for a pause; at most 64';
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
    }
    await this.#api.command(`uuid_send_dtmf ${this.id} ${digits}`);
  }

  async transfer(destination: string): Promise<void> {
    // Any other dialplan than XML could run applications of the switch.
    if (!/^[A-Za-z0-9_+*#.@][A-Za-z0-9_+*#.@-]{0,127}( XML( [A-Za-z0-9][A-Za-z0-9._-]{0,63})?)?$/.test(destination)) {
      const message =
        'a destination is one word of letters, digits and _ + * # . @ -, which may be followed by XML and a context';
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
    }
    this.#departed = true;
    try {
      await this.#unicast?.settled();
      await this.#settled();
      await this.#bridge.takeBack();
      await this.#api.command(`uuid_transfer ${this.id} ${destination}`);
    } catch (error) {
      this.#departed = false;
      throw error;
    }
    this.#guard.disturbed();
  }

  async hangup(hangupCause: number): Promise<void> {
    await this.#end(async () => {
      await this.#settled();
      if (!this.#gone) await this.#api.command(`uuid_kill ${this.id} ${hangupCauseName(hangupCause)}`);
    });
  }

  async release(): Promise<void> {
    await this.#end(async () => {
      await this.#stopUnicast();
      if (this.#sip !== null && !this.#gone) await this.#leaveSip(this.#sip);
    });
  }

  /** An event of this channel. */
  onEvent(event: EslEvent): void {
    this.#activity.onEvent(event);
    const happening = channelHappening(event);
    if (happening !== null) this.#happen(happening);
    this.#unicast?.changed();
    if (happening !== null) this.#waits.changed();
  }

  /** After a reconnect: the switch does not know this channel any more. */
  onMissing(): void {
    this.#happen({ kind: 'hangup', hangupCause: hangupCauseNumber(undefined, undefined) });
  }

  /** The link was lost: what happened to the channel since cannot be known. Audio that flows goes on. */
  onBlind(): void {
    if (this.#guard.state !== 'active') this.#guard.disturbed();
    this.#activity.onBlind();
  }

  /** The link is back, and the channel still there: what it is at has to be asked. @throws ERR_TALKSPURT_LINK_* */
  async onSighted(): Promise<void> {
    if (this.#unicast === null || this.#gone) return;
    try {
      await this.#sight();
    } catch (error) {
      // Hung up meanwhile: its own event says so.
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
    }
    this.#unicast.sighted();
  }

  async #sight(): Promise<void> {
    for (let attempt = 0; attempt < SIGHTINGS; attempt += 1) {
      const { events } = this.#activity;
      const dump = await this.#api.dump();
      // An event that came with the answer is newer than it.
      if (this.#activity.events !== events) continue;
      this.#activity.onDump(dump);
      return;
    }
  }

  #happen(happening: ChannelHappening): void {
    switch (happening.kind) {
      case 'answered':
        this.#guard.answered();
        break;
      case 'parked':
        this.#bridge.onParked();
        this.#guard.parked(happening.mark);
        break;
      case 'unicast-done':
        this.#guard.carriedOut();
        break;
      case 'disturbed':
        // Events of an earlier park may still be on their way.
        if (happening.mark === null || happening.mark === this.#guard.parkToken) this.#disturbed(happening.reason);
        break;
      case 'digit':
        if (this.#ending === null) this.#listener?.onDigit(happening.digit, happening.durationMs);
        break;
      case 'hangup':
        this.#hungUp(happening.hangupCause);
        break;
    }
  }

  #disturbed(reason: string): void {
    const wasActive = this.#guard.state === 'active';
    this.#guard.disturbed();
    if (!wasActive || this.#ending !== null) return;
    if (this.#departed) this.#listener?.onMediaEnded(reason);
    else this.#unicast?.disturbed(reason);
  }

  #hungUp(hangupCause: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#guard.hungUp();
    this.#waits.end(this.#api.goneError());
    if (this.#ending !== null) return;
    if (this.#listener === null) this.#unheardHangup = hangupCause;
    else this.#listener.onHangup(hangupCause);
  }

  /** Our last words to the channel, once; then the socket is freed, whatever became of them. */
  async #end(lastWords: () => Promise<void>): Promise<void> {
    this.#ending ??= this.#runEnd(lastWords);
    await this.#ending;
  }

  async #runEnd(lastWords: () => Promise<void>): Promise<void> {
    this.#lifeline.abort(this.#api.goneError());
    await this.#opening;
    await this.#unicast?.stop();
    try {
      await lastWords();
    } catch (error) {
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
    } finally {
      await this.#transport?.close();
      await this.#sip?.close();
      // A unicast that may still wait in the switch would meet the next one: the channel stays ours until it is known.
      if (!this.#guard.pending) await this.#parts.onReleased();
      else void this.#lingering();
    }
  }

  async #lingering(): Promise<void> {
    const never = (): TalkspurtError => this.#api.late('carry unicast out');
    try {
      await this.#waits.wait({
        condition: () => !this.#guard.pending,
        limitMs: LIMITS.unicastLingerMs,
        onTimeout: never,
      });
    } catch (error) {
      if (!(error instanceof TalkspurtError)) throw error;
      // Gone, or not known even now: the channel cannot be held for ever.
    }
    await this.#parts.onReleased();
  }

  /** Parking anew is the one way to end unicast on purpose; it leaves the channel to be used by others. */
  async #stopUnicast(): Promise<void> {
    await this.#settled();
    const { state } = this.#guard;
    if (this.#departed || (state !== 'activated' && state !== 'active')) return;
    try {
      await this.#api.command(parkCommand(this.id, this.#guard.repark()));
    } catch (error) {
      // The channel or the link has gone by itself: there is nothing left that we could stop.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  async #armUnicast(media: UnicastMediaOptions, signal: AbortSignal): Promise<MediaTransport> {
    try {
      const first = await this.#openUnicast(media, signal);
      this.#unicast = this.#rearming(media, first);
      this.#transport = this.#unicast.transport;
      return this.#transport;
    } catch (error) {
      // The switch may have begun to send: whatever it has been told is taken back.
      await this.#stopUnicast();
      throw error;
    }
  }

  async #openUnicast(media: UnicastMediaOptions, signal: AbortSignal): Promise<MediaTransport> {
    const { link, clock } = this.#parts;
    return await openUnicast({
      guard: this.#guard,
      waits: this.#waits,
      command: (line) => this.#api.command(line),
      link,
      clock,
      media,
      signal,
      late: (what) => this.#api.late(what),
    });
  }

  #rearming(media: UnicastMediaOptions, first: MediaTransport): UnicastRearming {
    return new UnicastRearming(
      {
        clock: this.#parts.clock,
        guard: this.#guard,
        activity: this.#activity,
        mayArm: () => this.#parts.link.up && !this.#departed,
        open: (signal) => this.#openUnicast(media, signal),
        sight: () => this.#sight(),
        onEnded: (reason) => {
          if (this.#ending === null && !this.#gone) this.#listener?.onMediaEnded(reason);
        },
      },
      first,
    );
  }

  async #openSip(media: SipLegOptions, signal: AbortSignal): Promise<MediaTransport> {
    const { clock } = this.#parts;
    // The channel leaves whatever park it was in.
    this.#guard.disturbed();
    const opening = openSipLeg({
      ...media,
      uuid: this.id,
      clock,
      waits: this.#waits,
      settings: this.#bridge,
      command: (line) => this.#api.command(line),
      signal,
      onEnded: () => this.#sipEnded(),
    });
    const sip = await opening.catch(async (error: unknown) => {
      await this.#bridge.takeBackWhenParked();
      throw error;
    });
    this.#sip = sip;
    this.#transport = sip.transport;
    return sip.transport;
  }

  /** Our end hangs up, and the channel parks. */
  async #leaveSip(sip: SipMedia): Promise<void> {
    await sip.close();
    await this.#bridge.takeBackWhenParked();
  }

  /** The switch ended our leg: because the caller hung up, which is about to be told, or because it was sent elsewhere. */
  #sipEnded(): void {
    if (this.#ending !== null || this.#gone) return;
    this.#parts.clock.after(LIMITS.hangupEventMs, () => {
      if (this.#ending === null && !this.#gone) this.#listener?.onMediaEnded('the switch ended the SIP leg');
    });
  }

  /** Waits until a unicast that was written is carried out: nothing may overtake it. */
  async #settled(): Promise<void> {
    if (!this.#guard.pending || !this.#parts.link.up) return;
    const onTimeout = (): TalkspurtError => this.#api.late('carry unicast out');
    const condition = (): boolean => !this.#guard.pending;
    try {
      await this.#waits.wait({ condition, limitMs: LIMITS.unicastFirstDatagramMs, onTimeout });
    } catch (error) {
      if (!hasCode(error, 'ERR_TALKSPURT_LINK_TIMEOUT') && !hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
    }
  }
}
