/** Calls that we dial: each has an id of ours before Asterisk knows of it, and is somebody's call once it is answered. */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { ORIGINATE_RING_S } from '../switch-adapter.ts';
import type { OriginateRequest } from '../switch-adapter.ts';
import { ChannelWaits } from '../channel-waits.ts';
import type { AriLink } from './ari-link.ts';
import { remove } from './asterisk-requests.ts';
import { isProfileName } from '../profile-name.ts';
import type { StasisArguments } from './stasis-arguments.ts';
import { causeOf, dialCauseOf } from './stasis-channel.ts';
import { VOICE_VARIABLE, writeVoice } from './stasis-result.ts';
import type { StasisIds } from './stasis-ids.ts';
import type { StasisRoutes } from './stasis-routes.ts';

interface Dialled {
  readonly wanted: StasisArguments & { readonly profile: string };
  readonly waits: ChannelWaits;
  answered: boolean;
  /** Q.850; null: it was not hung up. */
  hangupCause: number | null;
}

const ENDPOINT = /^[A-Za-z0-9]{1,32}\/[^\s,&|\p{Cc}]{1,200}$/u;
const FORMAT = /^[a-z0-9]{1,32}$/;

/** Those of one switch. */
export class AsteriskOriginates {
  readonly #parts: {
    readonly switchName: string;
    readonly link: AriLink;
    readonly clock: Clock;
    readonly ids: StasisIds;
    readonly routes: StasisRoutes;
  };
  readonly #dialled = new Map<string, Dialled>();
  readonly #running = new Set<Promise<string>>();
  readonly #closing = new AbortController();

  constructor(parts: {
    readonly switchName: string;
    readonly link: AriLink;
    readonly clock: Clock;
    readonly ids: StasisIds;
    readonly routes: StasisRoutes;
  }) {
    this.#parts = parts;
  }

  /** See `AsteriskAdapter.originate`. */
  async originate(
    request: OriginateRequest,
    signal?: AbortSignal,
    onChannel: (channelId: string) => void = () => undefined,
  ): Promise<string> {
    const dialling = this.#dial(request, onChannel, signal);
    this.#running.add(dialling);
    try {
      return await dialling;
    } finally {
      this.#running.delete(dialling);
    }
  }

  async #dial(
    request: OriginateRequest,
    onChannel: (channelId: string) => void,
    signal?: AbortSignal,
  ): Promise<string> {
    const { endpoint, profile, variables = {}, timeoutSeconds = ORIGINATE_RING_S } = request;
    check(request);
    if (this.#dialled.size >= LIMITS.ariOriginates) {
      const message = `${LIMITS.ariOriginates} calls of ${this.#parts.switchName} are being dialled already`;
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_LIMIT', message);
    }
    const { link, clock, ids, routes } = this.#parts;
    const id = ids.make('call');
    if (link.up) onChannel(id);
    const wanted = { profile, variables: new Map(Object.entries(variables)) };
    const waits = new ChannelWaits(clock);
    const dialled: Dialled = { wanted, waits, answered: false, hangupCause: null };
    this.#dialled.set(id, dialled);
    const unwatch = routes.watch(id, (event) => {
      dialled.hangupCause ??= dialCauseOf(event) ?? (event.type === 'ChannelDestroyed' ? causeOf(event) : null);
      waits.changed();
    });
    const query = this.#query(id, request, timeoutSeconds);
    const aborted = AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      aborted.throwIfAborted();
      await link.request({
        method: 'POST',
        path: 'channels',
        query,
        body: { variables: { ...variables, ...voiceOf(profile) } },
      });
      await waits.wait({
        condition: () => dialled.answered || dialled.hangupCause !== null,
        limitMs: timeoutSeconds * 1000 + LIMITS.ariRequestMs,
        onTimeout: () =>
          new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', 'Asterisk did not say what became of the call'),
        signal: aborted,
      });
    } catch (error) {
      await this.#giveUp(id);
      throw asTalkspurtError(error);
    } finally {
      this.#dialled.delete(id);
      unwatch();
    }
    if (dialled.answered) return id;
    const details = { hangupCause: dialled.hangupCause ?? 0 };
    const message = `${endpoint.split('/', 1)[0] ?? ''} did not answer the call`;
    throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message, { details });
  }

  /** The channel has come into our application; what it is to be given, or null when it is none of these. */
  answered(id: string): Dialled['wanted'] | null {
    const dialled = this.#dialled.get(id);
    if (dialled === undefined) return null;
    dialled.answered = true;
    dialled.waits.changed();
    return dialled.wanted;
  }

  /** Whoever waits is told that we close, and what rings is hung up. */
  async close(): Promise<void> {
    this.#closing.abort(new TalkspurtError('ERR_TALKSPURT_DRAINING', 'the gateway is stopping'));
    await Promise.allSettled(this.#running);
  }

  #query(id: string, request: OriginateRequest, timeoutSeconds: number): Readonly<Record<string, string>> {
    const { endpoint, profile, callerId, formats = ['ulaw'] } = request;
    const { link, ids } = this.#parts;
    return {
      endpoint,
      app: link.app,
      // For a process that comes after this one and hears of the answer.
      appArgs: `profile=${profile}`,
      channelId: id,
      timeout: String(timeoutSeconds),
      // Without it Asterisk gives Local channels 192 kHz, which costs seven times the work.
      formats: formats.join(','),
      ...(endpoint.startsWith('Local/') ? { otherChannelId: ids.make('half') } : {}),
      ...(callerId === undefined ? {} : { callerId }),
    };
  }

  async #giveUp(id: string): Promise<void> {
    try {
      await remove(this.#parts.link, `channels/${id}`);
    } catch (error) {
      // The link is down. It rings until its own time is over, and is given a voice if it is answered all the same.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }
}

/** From the first moment, for a process that comes after this one. */
function voiceOf(profile: string): Readonly<Record<string, string>> {
  return { [VOICE_VARIABLE]: writeVoice({ profile, standing: { masked: false } }) };
}

/** @throws ERR_TALKSPURT_COMMAND_SYNTAX */
function check({
  endpoint,
  profile,
  formats = ['ulaw'],
  callerId = '',
  variables = {},
  timeoutSeconds,
}: OriginateRequest): void {
  const seconds = timeoutSeconds ?? ORIGINATE_RING_S;
  const names = Object.entries(variables);
  const fault = !ENDPOINT.test(endpoint)
    ? 'an endpoint is TECHNOLOGY/RESOURCE, without spaces'
    : !isProfileName(profile)
      ? 'what is named is no profile'
      : formats.length === 0 || formats.length > 16 || !formats.every((each) => FORMAT.test(each))
        ? 'formats are 1 to 16 names of codecs, as Asterisk has them'
        : !(seconds >= 1 && seconds <= 600)
          ? 'a call may ring for 1 to 600 s'
          : callerId.length > 256 || /\p{Cc}/u.test(callerId)
            ? 'a caller id is at most 256 characters'
            : names.length > LIMITS.stasisArguments || names.some(([, value]) => /\p{Cc}/u.test(value))
              ? `at most ${LIMITS.stasisArguments} variables, without control characters`
              : null;
  if (fault !== null) throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', fault);
}
