/**
 * One eavesdropper on a channel: a channel of our own, which is gone when it is closed. It ends by itself with its target, so
 * that nothing we fail to end outlives the call.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { Whisper } from '../whisper.ts';
import { channelHappening } from './channel-event.ts';
import type { EslEvent, EslLink } from './esl-link.ts';
import type { EavesdropPath, TapChannels, TapTarget } from './tap-path.ts';
import { whisperDigit, whisperPart, whisperVariables } from './tap-whisper.ts';
import type { Hears } from './tap-whisper.ts';

/** What a tap does, whichever way it is had. */
export interface Tap {
  /** Nothing of it is left in the switch. */
  readonly cleared: boolean;
  /** Opens the audio. When it rejects, `close` frees what there is. Called once. */
  open(signal: AbortSignal): Promise<MediaTransport>;
  /** @throws ERR_TALKSPURT_NOT_SUPPORTED, ERR_TALKSPURT_SWITCH_COMMAND, ERR_TALKSPURT_LINK_* */
  setWhisper(whisper: Whisper): Promise<void>;
  onBlind(): void;
  /** The link is back. @throws ERR_TALKSPURT_LINK_* */
  onSighted(): Promise<void>;
  /** Takes everything back. Never rejects; where the link is down it is owed, and paid by `onSighted`. */
  close(): Promise<void>;
}

/** What an eavesdropper is made of. */
export interface EavesdropperParts {
  readonly target: TapTarget;
  readonly switchName: string;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly channels: TapChannels;
  /** Which party, or both added up. */
  readonly hears: Hears;
  /** Whom the agent speaks to; of that an eavesdropper does what it can. */
  readonly whisper: Whisper;
  makePath(onEnded: (reason: string) => void): EavesdropPath;
  /** It ended, and not by `close`. Called once at most. */
  onEnded(reason: string): void;
  /** What was owed is paid, after `close` has resolved. */
  onCleared(): void;
}

const HEARS = {
  both: [],
  caller: ['eavesdrop_bridge_aleg=true'],
  other: ['eavesdrop_bridge_bleg=true'],
} as const;

/** One eavesdropper. Opened once. */
export class Eavesdropper implements Tap {
  readonly #uuid = randomUUID();
  readonly #parts: EavesdropperParts;
  readonly #failing = new AbortController();
  #path: EavesdropPath | null = null;
  /** Whether the switch was asked for the eavesdropper. */
  #asked: 'no' | 'waiting' | 'answered' = 'no';
  #state: 'new' | 'opening' | 'open' | 'ended' = 'new';
  #opening: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #owed = false;

  constructor(parts: EavesdropperParts) {
    this.#parts = parts;
  }

  get cleared(): boolean {
    return this.#asked !== 'waiting' && !this.#owed;
  }

  async open(signal: AbortSignal): Promise<MediaTransport> {
    this.#state = 'opening';
    const opening = this.#open(signal);
    this.#opening = opening;
    return await opening;
  }

  async #open(signal: AbortSignal): Promise<MediaTransport> {
    const { channels, clock } = this.#parts;
    const stop = AbortSignal.any([signal, this.#failing.signal]);
    const late = clock.after(LIMITS.mediaOpenMs, () => this.#failing.abort(this.#late()));
    try {
      stop.throwIfAborted();
      const path = this.#parts.makePath((reason) => this.#ended(reason));
      this.#path = path;
      await channels.watch(this.#uuid, (event) => this.#onEvent(event));
      stop.throwIfAborted();
      const originated = this.#originate(path);
      originated.catch((error: unknown) => this.#failing.abort(error));
      const transport = await path.open(this.#uuid, originated, stop);
      stop.throwIfAborted();
      this.#state = 'open';
      return transport;
    } catch (error) {
      // A failure of the origination shows in many places: what is told is what it was.
      throw asTalkspurtError(stop.aborted ? stop.reason : error);
    } finally {
      late.cancel();
    }
  }

  async setWhisper(whisper: Whisper): Promise<void> {
    const digit = whisperDigit(whisperPart(whisper, this.#parts.hears));
    const reply = await this.#parts.link.api(`uuid_recv_dtmf ${this.#uuid} ${digit}`);
    if (!reply.startsWith('-')) return;
    const message = `${this.#parts.switchName} refused uuid_recv_dtmf: ${reply.trim().slice(0, 200)}`;
    throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message);
  }

  onBlind(): void {
    this.#path?.onBlind();
  }

  async onSighted(): Promise<void> {
    if (this.#closing !== null) {
      await this.#kill();
      this.#settle();
      return;
    }
    const reply = await this.#parts.link.api(`uuid_exists ${this.#uuid}`);
    if (reply.trim() === 'false') this.#ended('the eavesdropper ended while the link was down');
    else await this.#path?.onSighted();
  }

  async close(): Promise<void> {
    this.#closing ??= this.#runClose();
    await this.#closing;
  }

  async #runClose(): Promise<void> {
    this.#state = 'ended';
    this.#failing.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the tap was closed'));
    // What is on its way comes to its end first, so that nothing begins behind our back.
    await Promise.allSettled([this.#opening]);
    await this.#path?.close();
    if (this.#asked !== 'no') await this.#kill();
    await this.#parts.channels.unwatch(this.#uuid);
  }

  /** Resolves when the switch has made the eavesdropper, which runs by then. */
  async #originate(path: EavesdropPath): Promise<void> {
    const { link, target, hears, whisper, switchName } = this.#parts;
    const variables = [
      `origination_uuid=${this.#uuid}`,
      ...HEARS[hears],
      ...whisperVariables(whisperPart(whisper, hears)),
      ...path.variables,
    ].join(',');
    this.#asked = 'waiting';
    try {
      const reply = await link.bgapi(`originate {${variables}}${path.dial} &eavesdrop(${target.uuid})`);
      if (!reply.startsWith('-')) return;
      const message = `${switchName} refused to eavesdrop: ${reply.trim().slice(0, 200)}`;
      throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message);
    } finally {
      this.#asked = 'answered';
      // Closed meanwhile: what the switch has made in spite of it goes.
      if (this.#closing !== null) void this.#killLate();
    }
  }

  async #killLate(): Promise<void> {
    await this.#kill();
    this.#settle();
  }

  /** Never rejects: without a link it is owed. */
  async #kill(): Promise<void> {
    try {
      await this.#parts.link.api(`uuid_kill ${this.#uuid}`);
      this.#owed = false;
    } catch (error) {
      if (!(error instanceof TalkspurtError)) throw error;
      this.#owed = true;
    }
  }

  #settle(): void {
    if (this.cleared) this.#parts.onCleared();
  }

  #onEvent(event: EslEvent): void {
    if (channelHappening(event)?.kind === 'hangup') this.#ended('the eavesdropper was hung up');
  }

  #ended(reason: string): void {
    const { switchName } = this.#parts;
    if (this.#state === 'opening') {
      this.#failing.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', `${reason} on ${switchName}`));
    }
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#parts.onEnded(reason);
  }

  #late(): TalkspurtError {
    const { switchName } = this.#parts;
    return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', `${switchName} did not eavesdrop in time`);
  }
}
