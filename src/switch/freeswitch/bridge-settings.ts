/**
 * What a channel is told for as long as it is bridged to us, and how it gets its own settings back. FreeSWITCH reads them when
 * the bridge ends, which is a frame or so after our goodbye: taken off any sooner, the caller would be hung up.
 */
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ChannelWaits } from './channel-waits.ts';
import { VOICE_VARIABLE } from './left-behind.ts';

/** One channel, and how it is talked to. */
export interface BridgeSettingsParts {
  readonly uuid: string;
  /** Its variables as they were when we came. */
  readonly own: ReadonlyMap<string, string>;
  readonly waits: ChannelWaits;
  /** An API command about the channel, whose refusal is an error. */
  readonly command: (line: string) => Promise<string>;
}

const SETTINGS = {
  park_after_bridge: 'true',
  hangup_after_bridge: 'false',
  continue_on_fail: 'true',
  // The caller's telephone is not to show a token as who it is connected to.
  ignore_display_updates: 'true',
} as const;
/** What can stand in a command as it is. */
const PLAIN = /^[\x20-\x7e]{1,1024}$/;

/** The settings of one leg. */
export class BridgeSettings {
  readonly #parts: BridgeSettingsParts;
  #made = false;
  /** Parks that were seen, and those of them from before the channel was led to us. */
  #parks = 0;
  #parksBefore = Number.NaN;

  constructor(parts: BridgeSettingsParts) {
    this.#parts = parts;
  }

  /** The channel was parked, by whomever. */
  onParked(): void {
    this.#parks += 1;
  }

  /** Makes them. @throws as the command */
  async make(): Promise<void> {
    const { uuid, command } = this.#parts;
    this.#made = true;
    const list = Object.entries(SETTINGS).map(([name, value]) => `${name}=${value}`);
    await command(`uuid_setvar_multi ${uuid} ${list.join(';')}`);
  }

  /** The channel is about to be led to our bridge. */
  leading(): void {
    this.#parksBefore = this.#parks;
  }

  /** Our end of the bridge is over: waits until the channel is parked, then gives it its own settings back. Never rejects. */
  async takeBackWhenParked(): Promise<void> {
    try {
      if (!Number.isNaN(this.#parksBefore)) {
        await this.#parts.waits.wait({
          condition: () => this.#parks > this.#parksBefore,
          limitMs: LIMITS.bridgeEndMs,
          // It stays as it is: better a setting too many than a caller too few.
          onTimeout: () => new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', 'the channel was not parked'),
        });
      }
      await this.takeBack();
    } catch (error) {
      // The channel or the link has gone by itself, or is used by others: there is nothing that we could set.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  /** Gives the channel its own settings back, now: before it is sent elsewhere. @throws as the command */
  async takeBack(): Promise<void> {
    if (!this.#made) return;
    this.#made = false;
    const { uuid, own, command } = this.#parts;
    for (const name of [...Object.keys(SETTINGS), VOICE_VARIABLE]) {
      const value = name === VOICE_VARIABLE ? '' : (own.get(name) ?? '');
      await command(`uuid_setvar ${uuid} ${name}${PLAIN.test(value) ? ` ${value}` : ''}`);
    }
  }
}
