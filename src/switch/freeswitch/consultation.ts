/**
 * Attended transfers. A loopback into the dialplan calls whoever the caller is to talk to; once it is answered it parks for a
 * moment, and `uuid_bridge` joins the two. From then on the switch has both, and nothing of ours is between them. A party that
 * is answered when we are gone, or cannot be told, leaves its park by itself.
 */
import type { Clock } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ChannelApi } from './channel-api.ts';
import type { ChannelWaits } from '../channel-waits.ts';
import { checkedDestination } from './channel-words.ts';
import type { EslEvent, EslLink } from './esl-link.ts';
import { killParked, originateParked } from './parked-originate.ts';

/** Whose caller it is. */
export interface ConsultationParts {
  readonly uuid: string;
  /** The party's telephone shows it; personal. */
  readonly from: string;
  readonly link: EslLink;
  readonly clock: Clock;
  readonly api: ChannelApi;
  readonly waits: ChannelWaits;
  /** The switch is about to take the channel from where its audio is ours. */
  leave(): Promise<void>;
  /** …and has not: nobody is there to talk to. */
  comeBack(): void;
}

const CONTEXT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** One leg's; one at a time. */
export class Consultation {
  readonly #parts: ConsultationParts;
  #party: string | null = null;
  #joined = false;

  constructor(parts: ConsultationParts) {
    this.#parts = parts;
  }

  /** `CallLeg.consult`. */
  async run(destination: string, signal: AbortSignal): Promise<void> {
    const { uuid, link, clock, api, waits } = this.#parts;
    const [extension = '', , named] = checkedDestination(destination).split(' ');
    const party = await this.#dial(`loopback/${extension}/${named ?? (await this.#context())}`, signal);
    try {
      this.#joined = false;
      this.#party = party;
      await this.#parts.leave();
      // Whom the party leaves is not to go on with what we had the channel execute.
      await api.command(`uuid_setvar ${uuid} hangup_after_bridge true`);
      await api.command(`uuid_bridge ${uuid} ${party}`);
      await waits.wait({
        condition: () => this.#joined,
        limitMs: LIMITS.mediaOpenMs,
        onTimeout: () => api.late('join the two'),
      });
    } catch (error) {
      void killParked(link, clock, party);
      this.#parts.comeBack();
      throw asTalkspurtError(error);
    }
  }

  /** An event of the caller's channel. */
  onEvent({ name, headers }: EslEvent): void {
    const met = name === 'CHANNEL_BRIDGE' && this.#party !== null;
    if (met && Object.values(headers).includes(this.#party ?? '')) this.#joined = true;
  }

  async #dial(endpoint: string, signal: AbortSignal): Promise<string> {
    const { link, clock, from } = this.#parts;
    const plain = /^[0-9A-Za-z+*#._-]{1,64}$/.test(from);
    const variables = plain ? [`origination_caller_id_number=${from}`] : [];
    const timeoutSeconds = Math.ceil(LIMITS.consultationMs / 1000);
    return await originateParked({ link, clock, endpoint, variables, timeoutSeconds }, signal);
  }

  /** The one that the caller is in. */
  async #context(): Promise<string> {
    const context = (await this.#parts.api.dump())['Caller-Context'] ?? '';
    return CONTEXT.test(context) ? context : 'default';
  }
}
