/**
 * Attended transfers. A channel of ours calls whoever the caller is to talk to; when it is answered, caller and party are put
 * into a bridge of their own, without our media. ARI has no way to take two channels out of Stasis and leave them bridged, so
 * they stay in our application; but nothing of the talk passes through us: it goes on when we crash, and a process that comes
 * after this one finds it by the bridge's id, and hangs the one up whom the other leaves.
 */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { ChannelWaits } from '../channel-waits.ts';
import type { AriEvent, AriLink } from './ari-link.ts';
import { remove, statusOf } from './asterisk-requests.ts';
import type { ChannelRequests } from './asterisk-requests.ts';
import type { Survey } from './reconcile.ts';
import { causeOf, dialCauseOf, fieldsOf, textsOf } from './stasis-channel.ts';
import type { StasisChannel } from './stasis-channel.ts';
import { endpointOf, noExtension } from './stasis-destination.ts';
import type { StasisIds } from './stasis-ids.ts';
import type { StasisRoutes } from './stasis-routes.ts';

/** Whom to ask. */
interface Consultation {
  /** The party's telephone shows it; personal. */
  readonly callerNumber: string;
  /** As in Dial. */
  readonly endpoint: string;
  /** Codec of the caller, as Asterisk names it; '': not known. */
  readonly codec: string;
}

/** The leg whose caller is to talk to somebody else. */
export interface ConsultingCaller {
  readonly channel: StasisChannel;
  readonly requests: ChannelRequests;
  /** From now on the channel is not the leg's to speak to. */
  away(): void;
  /** …and is again. */
  stayed(): void;
  /** Variables of a call that was transferred. */
  words(): Readonly<Record<string, string>>;
  /** The channel back to the leg's media. Never rejects. */
  comeBack(): Promise<void> | undefined;
}

/** Two who talk, and what lets go of them. */
interface Joined {
  readonly channels: readonly string[];
  readonly unwatch: () => void;
}

interface ConsultationsParts {
  readonly switchName: string;
  readonly link: AriLink;
  readonly clock: Clock;
  readonly ids: StasisIds;
  readonly routes: StasisRoutes;
  /** Something may be left in Asterisk that could not be deleted. */
  onLeftover(): void;
}

/** Those of one switch. */
export class Consultations {
  readonly #parts: ConsultationsParts;
  /** By the bridge that they are in. */
  readonly #joined = new Map<string, Joined>();
  readonly #joining = new Set<string>();

  constructor(parts: ConsultationsParts) {
    this.#parts = parts;
  }

  /** Whether a channel talks to somebody whom we have found for it: then it is nobody's to take up or tidy away. */
  has(channelId: string): boolean {
    for (const { channels } of this.#joined.values()) if (channels.includes(channelId)) return true;
    return false;
  }

  /** `CallLeg.consult`. */
  async attend(caller: ConsultingCaller, destination: string, signal: AbortSignal): Promise<void> {
    const { channel, requests } = caller;
    const { endpoint, place } = endpointOf(destination, channel.context);
    if (place !== null && (await requests.lacks(place))) throw noExtension(this.#parts.switchName);
    const wanted = { callerNumber: channel.from, endpoint, codec: await requests.codec() };
    const party = await this.#dial(wanted, signal);
    caller.away();
    try {
      await this.#join(channel.id, party);
    } catch (error) {
      caller.stayed();
      await caller.comeBack();
      throw error;
    }
    // For whoever counts calls at their end; the two talk without.
    await Promise.allSettled([requests.setVariables(caller.words())]);
  }

  /**
   * Resolves to the party's channel once it is answered. When it rejects there is none.
   * @throws ERR_TALKSPURT_SWITCH_COMMAND, with the cause when it is known; ERR_TALKSPURT_LINK_*, or the signal's reason
   */
  async #dial(wanted: Consultation, signal: AbortSignal): Promise<string> {
    const { link, clock, ids, routes } = this.#parts;
    const id = ids.make('party');
    const waits = new ChannelWaits(clock);
    let answered = false;
    let cause: number | null = null;
    const unwatch = routes.watch(id, (event) => {
      if (event.type === 'StasisStart') answered = true;
      cause ??= dialCauseOf(event) ?? (event.type === 'ChannelDestroyed' ? causeOf(event) : null);
      waits.changed();
    });
    try {
      signal.throwIfAborted();
      await link.request({ method: 'POST', path: 'channels', query: this.#query(id, wanted) });
      await waits.wait({
        condition: () => answered || cause !== null,
        limitMs: LIMITS.consultationMs,
        onTimeout: () => notAnswered(NO_ANSWER),
        signal,
      });
      if (!answered || cause !== null) throw notAnswered(cause ?? NO_ANSWER);
      return id;
    } catch (error) {
      await this.#remove([`channels/${id}`]);
      // Asterisk's words about an endpoint would be a telephone number.
      throw statusOf(error) === 0 ? asTalkspurtError(error) : notAnswered(NO_ROUTE, asTalkspurtError(error));
    } finally {
      unwatch();
    }
  }

  /** Both into a bridge of their own, until either leaves it. When it rejects the party is gone. @throws as #dial */
  async #join(callerId: string, partyId: string): Promise<void> {
    const { link, ids } = this.#parts;
    const bridgeId = ids.make('joined');
    this.#joining.add(bridgeId);
    try {
      await link.request({ method: 'POST', path: 'bridges', query: { type: 'mixing', bridgeId, name: 'talkspurt' } });
      // Watched first: whoever leaves at once is seen to.
      this.#watch(bridgeId, [callerId, partyId]);
      const query = { channel: `${callerId},${partyId}` };
      await link.request({ method: 'POST', path: `bridges/${bridgeId}/addChannel`, query });
    } catch (error) {
      this.#forget(bridgeId);
      await this.#remove([`channels/${partyId}`, `bridges/${bridgeId}`]);
      throw statusOf(error) === 0 ? asTalkspurtError(error) : notAnswered(NO_ANSWER, asTalkspurtError(error));
    } finally {
      this.#joining.delete(bridgeId);
    }
  }

  /**
   * What a lost link has hidden from us, or an earlier process has left: who still talks is watched, who was left is hung up.
   * @throws ERR_TALKSPURT_LINK_*
   */
  async reconcile(seen: Survey): Promise<void> {
    const ours = seen.bridges.filter((id) => this.#parts.ids.kindOf(id) === 'joined');
    for (const bridgeId of new Set([...ours, ...this.#joined.keys()])) {
      if (this.#joining.has(bridgeId)) continue;
      // The survey may be older than what we know.
      const channels = await this.#membersOf(bridgeId);
      if (this.#joining.has(bridgeId)) continue;
      if (channels.length < 2) await this.#part(bridgeId, channels);
      else if (!this.#joined.has(bridgeId)) this.#watch(bridgeId, channels);
    }
  }

  #query(channelId: string, { endpoint, callerNumber, codec }: Consultation): Readonly<Record<string, string>> {
    const { link, ids } = this.#parts;
    return {
      endpoint,
      app: link.app,
      channelId,
      timeout: String(Math.ceil(LIMITS.consultationMs / 1000)),
      formats: codec === '' ? 'ulaw' : codec,
      ...(endpoint.startsWith('Local/') ? { otherChannelId: ids.make('half') } : {}),
      ...(/^[0-9A-Za-z+*#._-]{1,64}$/.test(callerNumber) ? { callerId: callerNumber } : {}),
    };
  }

  #watch(bridgeId: string, channels: readonly string[]): void {
    const { routes } = this.#parts;
    const unwatch = routes.watch(bridgeId, (event) => this.#onEvent(bridgeId, event));
    this.#joined.set(bridgeId, { channels, unwatch });
  }

  #onEvent(bridgeId: string, { type }: AriEvent): void {
    if (type === 'ChannelLeftBridge' || type === 'BridgeDestroyed') void this.#part(bridgeId, []);
  }

  /** Whoever is left is hung up. Never rejects. */
  async #part(bridgeId: string, others: readonly string[]): Promise<void> {
    const channels = this.#joined.get(bridgeId)?.channels ?? others;
    this.#forget(bridgeId);
    await this.#remove([...channels.map((id) => `channels/${encodeURIComponent(id)}`), `bridges/${bridgeId}`]);
  }

  #forget(bridgeId: string): void {
    this.#joined.get(bridgeId)?.unwatch();
    this.#joined.delete(bridgeId);
  }

  async #membersOf(bridgeId: string): Promise<string[]> {
    try {
      const bridge = await this.#parts.link.request({ method: 'GET', path: `bridges/${bridgeId}` });
      return textsOf(fieldsOf(bridge)['channels']);
    } catch (error) {
      if (statusOf(error) === 0) throw error;
      return [];
    }
  }

  /** Never rejects: what stays is seen to when the link is up again. */
  async #remove(paths: readonly string[]): Promise<void> {
    const outcomes = await Promise.allSettled(paths.map((path) => remove(this.#parts.link, path)));
    if (outcomes.some(({ status }) => status === 'rejected')) this.#parts.onLeftover();
  }
}

const NO_ROUTE = 3;
const NO_ANSWER = 19;

function notAnswered(hangupCause: number, cause?: TalkspurtError): TalkspurtError {
  const message = `nobody answered at the destination: cause ${hangupCause} of Q.850`;
  const because = cause === undefined ? {} : { cause };
  return new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message, { details: { hangupCause }, ...because });
}
