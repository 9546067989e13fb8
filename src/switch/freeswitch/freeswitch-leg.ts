/** One FreeSWITCH channel as a leg: answered, with its audio on unicast behind the guard, or bridged to our own SIP. */
import { TalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { CallLeg, LegListener, RememberedOrders } from '../switch-adapter.ts';
import { ChannelActivity } from './channel-activity.ts';
import { ChannelApi } from './channel-api.ts';
import { ChannelEnding } from './channel-ending.ts';
import { channelHappening } from './channel-event.ts';
import type { ChannelHappening } from './channel-event.ts';
import { ChannelWaits } from '../channel-waits.ts';
import { checkedDestination, checkedDigits } from './channel-words.ts';
import { Consultation } from './consultation.ts';
import type { EslEvent } from './esl-link.ts';
import type { FreeswitchLegParts } from './freeswitch-leg-parts.ts';
import { hangupCauseName, hangupCauseNumber } from './hangup-cause.ts';
import type { SipMedia } from '../sip/sip-media.ts';
import { BridgeSettings } from './bridge-settings.ts';
import { openSipLeg } from './sip-leg-opening.ts';
import type { SipLegOptions } from './sip-leg-opening.ts';
import { UnicastGuard } from './unicast-guard.ts';
import { isInPark, openUnicast, parkCommand } from './unicast-opening.ts';
import type { UnicastMediaOptions } from './unicast-opening.ts';
import { carriedOut } from './unicast-settling.ts';
import { UnicastRearming } from './unicast-rearming.ts';

export type { FreeswitchLegParts, LegMediaOptions } from './freeswitch-leg-parts.ts';

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
  readonly #ending: ChannelEnding;
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
  #sipOver = false;
  readonly #consultation: Consultation;
  readonly #bridge: BridgeSettings;
  /** The mark of a park whose unicast could not be ended for want of a link. */
  #unended: string | null = null;

  constructor(parts: FreeswitchLegParts) {
    this.#parts = parts;
    this.id = parts.uuid;
    this.switchName = parts.switchName;
    this.from = parts.from;
    this.to = parts.to;
    this.variables = parts.variables;
    const { uuid, switchName, link, variables, owner } = parts;
    this.#api = new ChannelApi({ uuid, switchName, link, gone: () => this.#gone });
    this.#waits = new ChannelWaits(parts.clock);
    const command = async (line: string): Promise<string> => await this.#api.command(line);
    this.#bridge = new BridgeSettings({ uuid, variables, owner, waits: this.#waits, command });
    this.#ending = new ChannelEnding({ linkUp: () => link.up, onReleased: () => this.#letGo() });
    const hooks = { leave: () => this.#leave(), comeBack: () => this.#comeBack() };
    this.#consultation = new Consultation({ ...parts, ...hooks, api: this.#api, waits: this.#waits });
    this.#guard = new UnicastGuard(parts.uuid);
    if (parts.answered) this.#guard.answered();
  }

  /** Somebody lets go of it, or has. */
  get lettingGo(): boolean {
    return this.#ending.begun;
  }

  listen(listener: LegListener): void {
    this.#listener = listener;
    if (this.#unheardHangup !== null) listener.onHangup(this.#unheardHangup);
    this.#unheardHangup = null;
  }

  async answer(signal: AbortSignal): Promise<void> {
    if (this.#gone) throw this.#api.goneError();
    if (this.#guard.state !== 'unanswered') return;
    if (this.#parts.dialled === true) throw this.#api.ringingError();
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

  async remember(profile: string, standing: RememberedOrders): Promise<void> {
    // What is let go has no voice any more.
    if (this.#gone || this.#departed || this.#ending.begun) return;
    await this.#bridge.remember(profile, standing);
  }

  async sendDtmf(digits: string): Promise<void> {
    await this.#api.command(`uuid_send_dtmf ${this.id} ${checkedDigits(digits)}`);
  }

  async transfer(destination: string): Promise<void> {
    const checked = checkedDestination(destination);
    try {
      await this.#leave();
      await this.#api.command(`uuid_transfer ${this.id} ${checked}`);
    } catch (error) {
      this.#departed = false;
      throw error;
    }
    this.#guard.disturbed();
  }

  async consult(destination: string, signal: AbortSignal): Promise<void> {
    const consulting = this.#consultation.run(destination, AbortSignal.any([signal, this.#lifeline.signal]));
    // Nobody lets go of the channel before it is known whose it is.
    this.#opening = consulting.catch(() => undefined);
    await consulting;
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
      if (this.#gone) return;
      // Our end hangs up, and the channel parks.
      await this.#sip?.close();
      await (this.#sip === null ? this.#bridge.takeBack() : this.#bridge.takeBackWhenLeft());
      if (this.#parts.link.up || (this.#unended === null && !this.#bridge.owed)) return;
      throw this.#api.late('be given back its channel');
    });
  }

  /** An event of this channel. */
  onEvent(event: EslEvent): void {
    this.#activity.onEvent(event);
    this.#bridge.onEvent(event);
    this.#consultation.onEvent(event);
    const happening = channelHappening(event);
    if (happening !== null) this.#happen(happening);
    this.#unicast?.changed();
    this.#waits.changed();
  }

  /** After a reconnect: the switch does not know this channel any more. */
  onMissing(): void {
    this.#happen({ kind: 'hangup', hangupCause: hangupCauseNumber(undefined, undefined) });
  }

  /** The link was lost: what happened to the channel since cannot be known. Audio that flows goes on. */
  onBlind(): void {
    if (this.#guard.state !== 'active') this.#guard.disturbed();
    this.#activity.onBlind();
    this.#bridge.onBlind();
    this.#waits.changed();
  }

  /** The link is back, and the channel still there: what it is at has to be asked. @throws ERR_TALKSPURT_LINK_* */
  async onSighted(): Promise<void> {
    if (this.#gone || (this.#transport === null && !this.#ending.owed)) return;
    try {
      await this.#sight();
    } catch (error) {
      // Hung up meanwhile: its own event says so.
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
    }
    if (this.#ending.owed) await this.#ending.pay();
    else this.#unicast?.sighted();
  }

  async #sight(): Promise<void> {
    for (let attempt = 0; attempt < SIGHTINGS; attempt += 1) {
      const { events } = this.#activity;
      const dump = await this.#api.dump();
      // An event that came with the answer is newer than it.
      if (this.#activity.events !== events) continue;
      this.#activity.onDump(dump);
      this.#bridge.onSighted(dump);
      this.#onHeld(dump['Channel-Call-State'] === 'HELD');
      // Whoever has taken the channel from its park has ended what ran there.
      if (this.#unended !== null && !isInPark(dump, this.#unended)) this.#unended = null;
      return;
    }
  }

  #happen(happening: ChannelHappening): void {
    switch (happening.kind) {
      case 'answered':
        this.#guard.answered();
        break;
      case 'parked':
        this.#guard.parked(happening.mark);
        break;
      case 'unicast-done':
        this.#guard.carriedOut();
        break;
      case 'disturbed':
        // Events of an earlier park may still be on their way.
        if (happening.mark === null || happening.mark === this.#guard.parkToken) this.#disturbed(happening.reason);
        break;
      case 'held':
        this.#onHeld(happening.held);
        break;
      case 'digit':
        if (!this.#ending.begun) this.#listener?.onDigit(happening.digit, happening.durationMs);
        break;
      case 'hangup':
        this.#hungUp(happening.hangupCause);
        break;
    }
  }

  /** Somebody has put the caller on hold, or has ended that. */
  #onHeld(held: boolean): void {
    this.#sip?.onCallerHeld(held);
    this.#unicast?.transport.onCallerHeld(held);
  }

  #disturbed(reason: string): void {
    const wasActive = this.#guard.state === 'active';
    this.#guard.disturbed();
    if (wasActive && !this.#ending.begun && !this.#departed) this.#unicast?.disturbed(reason);
  }

  #hungUp(hangupCause: number): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#lifeline.abort(this.#api.goneError());
    this.#guard.hungUp();
    this.#waits.end(this.#api.goneError());
    void this.#ending.forgive();
    if (this.#ending.begun) return;
    if (this.#listener === null) this.#unheardHangup = hangupCause;
    else this.#listener.onHangup(hangupCause);
  }

  /** Our last words to the channel, once; then the socket is freed, whatever became of them. */
  async #end(lastWords: () => Promise<void>): Promise<void> {
    await this.#ending.run({
      prepare: async () => {
        this.#lifeline.abort(this.#api.goneError());
        await this.#opening;
        await this.#unicast?.stop();
      },
      lastWords,
      free: async () => {
        await this.#transport?.close();
        await this.#sip?.close();
      },
    });
  }

  /** A unicast that may still wait in the switch would meet the next one: the channel stays ours until it is known. */
  async #letGo(): Promise<void> {
    if (!this.#guard.pending) await this.#parts.onReleased();
    // Not known even then: the channel cannot be held for ever.
    else void carriedOut(this.#guard, this.#waits, LIMITS.unicastLingerMs).then(() => this.#parts.onReleased());
  }

  /** Parking anew is the one way to end unicast on purpose; it leaves the channel to be used by others. */
  async #stopUnicast(): Promise<void> {
    await this.#settled();
    const { state } = this.#guard;
    if (this.#departed || (this.#unended === null && state !== 'activated' && state !== 'active')) return;
    const mark = this.#unended ?? this.#guard.parkToken;
    try {
      await this.#api.command(parkCommand(this.id, this.#guard.repark()));
      this.#unended = null;
    } catch (error) {
      if (!(error instanceof TalkspurtError)) throw error;
      // Gone by itself; or it will be, once the link is back.
      this.#unended = this.#parts.link.up ? null : mark;
    }
  }

  async #armUnicast(media: UnicastMediaOptions, signal: AbortSignal): Promise<MediaTransport> {
    try {
      this.#unicast = this.#rearming(media, await this.#openUnicast(media, signal));
      this.#transport = this.#unicast.transport;
      return this.#transport;
    } catch (error) {
      // The switch may have begun to send: whatever it has been told is taken back.
      await this.#stopUnicast();
      throw error;
    }
  }

  async #openUnicast(media: UnicastMediaOptions, signal: AbortSignal): Promise<MediaTransport> {
    return await openUnicast({
      guard: this.#guard,
      waits: this.#waits,
      command: (line) => this.#api.command(line),
      link: this.#parts.link,
      clock: this.#parts.clock,
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
        onEnded: (reason) => this.#mediaEnded(reason),
      },
      first,
    );
  }

  async #openSip(media: SipLegOptions, signal: AbortSignal): Promise<MediaTransport> {
    // The channel leaves whatever park it was in.
    this.#guard.disturbed();
    const opening = openSipLeg({
      ...media,
      uuid: this.id,
      clock: this.#parts.clock,
      waits: this.#waits,
      settings: this.#bridge,
      command: (line) => this.#api.command(line),
      signal,
      onEnded: () => this.#sipEnded(),
    });
    const sip = await opening.catch(async (error: unknown) => {
      await this.#bridge.takeBackWhenLeft();
      throw error;
    });
    this.#sip = sip;
    this.#transport = sip.transport;
    return sip.transport;
  }

  /** The switch ended our leg: because the caller hung up, which is about to be told, or because it was sent elsewhere. */
  #sipEnded(): void {
    if (this.#ending.begun || this.#gone) return;
    this.#sipOver = true;
    void this.#bridge.takeBackWhenLeft();
    this.#parts.clock.after(LIMITS.hangupEventMs, () => {
      if (!this.#departed) this.#mediaEnded('the switch ended the SIP leg');
    });
  }

  #mediaEnded(reason: string): void {
    if (!this.#ending.begun && !this.#gone) this.#listener?.onMediaEnded(reason);
  }

  /** The channel is about to be sent on. */
  async #leave(): Promise<void> {
    this.#departed = true;
    await this.#unicast?.settled();
    await this.#settled();
    await this.#bridge.takeBack();
  }

  /** …and was not: what it lost of our audio meanwhile comes again, or its end is told. */
  #comeBack(): void {
    this.#departed = false;
    if (this.#sipOver) this.#mediaEnded('the switch ended the SIP leg');
    else if (this.#sip !== null) void Promise.allSettled([this.#bridge.make()]);
    else if (this.#guard.state !== 'active') this.#unicast?.disturbed('the channel was taken elsewhere');
  }

  /** Waits until a unicast that was written is carried out: nothing may overtake it. */
  async #settled(): Promise<void> {
    if (this.#parts.link.up) await carriedOut(this.#guard, this.#waits, LIMITS.unicastFirstDatagramMs);
  }
}
