/**
 * What a channel is told for as long as it is ours, and how it gets its own settings back: how a bridge to us is to end, whose
 * voice it has, and what its own settings were, for a process that comes after this one.
 *
 * FreeSWITCH reads the settings of a bridge when that ends, which is a frame or so after our goodbye: taken off any sooner,
 * the caller would be hung up. All are read once the application `bridge` is complete.
 */
import { TalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { RememberedOrders } from '../switch-adapter.ts';
import type { ChannelWaits } from '../channel-waits.ts';
import type { EslEvent } from './esl-link.ts';
import { BRIDGE_SETTINGS, MARKS, isPlain, ownSettings, rememberedOwn, voiceMarks } from './left-behind-marks.ts';

/** One channel, and how it is talked to. */
export interface BridgeSettingsParts {
  readonly uuid: string;
  /** Its variables as they were when we came. */
  readonly variables: ReadonlyMap<string, string>;
  /** Names our process to those after it; see left-behind-marks.ts. */
  readonly owner: string;
  readonly waits: ChannelWaits;
  /** An API command about the channel, whose refusal is an error. */
  readonly command: (line: string) => Promise<string>;
}

/** What a dump says of a channel. */
type Headers = Readonly<Record<string, string | undefined>>;

/** Gives a channel its own settings back. @throws as the command */
export async function giveBack(
  uuid: string,
  own: ReadonlyMap<string, string>,
  command: (line: string) => Promise<string>,
): Promise<void> {
  for (const name of Object.keys(BRIDGE_SETTINGS)) {
    const value = own.get(name) ?? '';
    await command(`uuid_setvar ${uuid} ${name}${isPlain(value) ? ` ${value}` : ''}`);
  }
  await unmark(uuid, command);
}

async function unmark(uuid: string, command: (line: string) => Promise<string>): Promise<void> {
  for (const name of MARKS) await command(`uuid_setvar ${uuid} ${name}`);
}

/** The settings of one leg. */
export class BridgeSettings {
  readonly #parts: BridgeSettingsParts;
  readonly #own: ReadonlyMap<string, string>;
  #made = false;
  #remembered = false;
  /** Whom the bridge dials: us; null before it. */
  #user: string | null = null;
  /** Our leg in the switch, once it is bridged. */
  #ourLeg: string | null = null;
  /** That bridge is complete. */
  #left = false;
  /** Parks that were seen, and those of them from before the channel was led to us. */
  #parks = 0;
  #parksBefore = 0;
  /** The link is down: what becomes of the channel is not seen. */
  #blind = false;
  #leaving: Promise<void> | null = null;
  #taking: Promise<void> | null = null;

  constructor(parts: BridgeSettingsParts) {
    this.#parts = parts;
    this.#own = ownSettings(parts.variables);
  }

  /** Something of ours is on the channel. */
  get owed(): boolean {
    return this.#made || this.#remembered;
  }

  /** An event of the channel. */
  onEvent({ name, headers }: EslEvent): void {
    if (name === 'CHANNEL_PARK') this.#parks += 1;
    if (this.#user === null) return;
    const ours = headers['Application'] === 'bridge' && (headers['Application-Data'] ?? '').includes(this.#user);
    if (name === 'CHANNEL_EXECUTE_COMPLETE' && ours) this.#left = true;
    if (name === 'CHANNEL_BRIDGE') this.#ourLeg ??= headers['Other-Leg-Unique-ID'] ?? null;
  }

  /** The link was lost. */
  onBlind(): void {
    this.#blind = true;
  }

  /** The link is back, and `channel` what the switch says of it. */
  onSighted(channel: Headers): void {
    this.#blind = false;
    if (this.#user === null) return;
    const data = channel['variable_current_application_data'] ?? '';
    const executes = channel['Channel-State'] === 'CS_EXECUTE' && channel['variable_current_application'] === 'bridge';
    if (!executes || !data.includes(this.#user)) this.#left = true;
    else this.#ourLeg ??= channel['Other-Leg-Unique-ID'] ?? null;
  }

  /** Makes them, together with the memory of the channel's own. @throws as the command */
  async make(): Promise<void> {
    this.#made = true;
    const list = Object.entries(BRIDGE_SETTINGS).map(([name, value]) => `${name}=${value}`);
    await this.#set([...list, ...rememberedOwn(this.#own, this.#parts.owner)]);
  }

  /** The channel is about to be led to our bridge, which dials `user`. */
  leading(user: string): void {
    this.#parksBefore = this.#parks;
    this.#user = user;
    this.#ourLeg = null;
    this.#left = false;
  }

  /** Has the switch keep whose voice the call has, and what stands. @throws as the command */
  async remember(profile: string, standing: RememberedOrders): Promise<void> {
    this.#remembered = true;
    await this.#set(voiceMarks(profile, standing, this.#parts.owner));
  }

  /**
   * Our end of the bridge is over: waits until the channel has left it, then gives it its own settings back. Never rejects;
   * what could not be done for want of a link stays owed.
   */
  async takeBackWhenLeft(): Promise<void> {
    this.#leaving ??= this.#takeBackWhenLeft().finally(() => {
      this.#leaving = null;
    });
    await this.#leaving;
  }

  async #takeBackWhenLeft(): Promise<void> {
    try {
      if (!(await this.#leaves())) {
        // Our goodbye has not reached the switch. Without that leg it stays as it is: better a setting too many than a
        // caller too few.
        if (this.#ourLeg === null) return;
        await this.#killOurLeg(this.#ourLeg);
        if (!(await this.#leaves())) return;
      }
      if (!this.#blind) await this.takeBack();
    } catch (error) {
      // The channel or the link has gone by itself: there is nothing that we could set.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  /** Gives the channel its own settings back, now: before it is sent elsewhere. @throws as the command */
  async takeBack(): Promise<void> {
    this.#taking ??= this.#takeBack().finally(() => {
      this.#taking = null;
    });
    await this.#taking;
  }

  async #takeBack(): Promise<void> {
    const { uuid, command } = this.#parts;
    if (this.#made) await giveBack(uuid, this.#own, command);
    else if (this.#remembered) await unmark(uuid, command);
    this.#made = false;
    this.#remembered = false;
  }

  /** False: it has not, in time. @throws when the channel is gone */
  async #leaves(): Promise<boolean> {
    const left = (): boolean => this.#user === null || this.#left || this.#parks > this.#parksBefore || this.#blind;
    const late = new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', 'the channel has not left the bridge to us');
    try {
      await this.#parts.waits.wait({ condition: left, limitMs: LIMITS.bridgeEndMs, onTimeout: () => late });
      return true;
    } catch (error) {
      if (error === late) return false;
      throw error;
    }
  }

  async #killOurLeg(uuid: string): Promise<void> {
    try {
      await this.#parts.command(`uuid_kill ${uuid}`);
    } catch (error) {
      // It is not there any more: then its bridge is no more either.
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
      this.#left = true;
    }
  }

  async #set(list: readonly string[]): Promise<void> {
    const { uuid, command } = this.#parts;
    await command(`uuid_setvar_multi ${uuid} ${list.join(';')}`);
  }
}
