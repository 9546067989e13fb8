/**
 * The gateway: switches on one side, backends on the other, and the table of calls between them. Everything it uses is
 * handed to it; `gateway-from-config.ts` builds one from a configuration.
 */
import { dispatch } from './commands/dispatch.ts';
import type { CommandTarget, StartOptions } from './commands/dispatch.ts';
import type { Backend } from './backend/backend.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError, asTalkspurtError } from './core/errors.ts';
import type { EndReason, EventSink } from './core/events.ts';
import type { DspPool } from './dsp/dsp.ts';
import { LIMITS } from './limits.ts';
import { globalHealth, sessionHealth } from './observe/health.ts';
import type { GlobalHealthJson, SessionHealthJson } from './observe/health.ts';
import { MediaScheduler } from './session/media-scheduler.ts';
import { SessionTable } from './session/session-table.ts';
import { Session } from './session/session.ts';
import type { SessionOptions } from './session/session.ts';
import type { CallLeg, SwitchAdapter, SwitchSink } from './switch/switch-adapter.ts';

/** What a call is given when it starts under a profile's name. */
export interface GatewayProfile {
  readonly backend: Backend;
  readonly options: Partial<SessionOptions>;
}

export interface GatewayOptions {
  readonly clock: Clock;
  readonly events: EventSink;
  readonly dspPool: DspPool;
  readonly adapters: readonly SwitchAdapter[];
  readonly profiles: ReadonlyMap<string, GatewayProfile>;
  /** Calls at once; more are refused with ERR_TALKSPURT_CALL_LIMIT. */
  readonly callLimit?: number;
  readonly version: string;
}

export class Gateway implements CommandTarget, SwitchSink {
  readonly #options: GatewayOptions;
  readonly #scheduler: MediaScheduler;
  readonly #calls: SessionTable;
  /** Channels that are being attached: a second start of the same one is refused at once. */
  readonly #starting = new Set<string>();
  /** Ends every attach that is under way when the gateway stops. */
  readonly #stopping = new AbortController();
  readonly #startedAtMs: number;
  #draining = false;
  #created = 0;
  #destroyed = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.nowMs();
    this.#scheduler = new MediaScheduler({ clock: options.clock });
    this.#calls = new SessionTable(options.callLimit ?? LIMITS.calls);
  }

  /** Calls that are up or coming up. */
  get callCount(): number {
    return this.#calls.size + this.#starting.size;
  }

  /** Starts every switch link; resolves when each has been dialled once, whether or not it is up yet. */
  async start(): Promise<void> {
    await Promise.all(this.#options.adapters.map((adapter) => adapter.start(this)));
    this.#emit({ type: 'ready', version: this.#options.version });
  }

  /**
   * Gives the channel `channelId` an AI voice; resolves when the two can talk.
   * @throws ERR_TALKSPURT_ALREADY_RUNNING, _DRAINING, _CALL_LIMIT, _UNKNOWN_PROFILE, _UNKNOWN_CALL and whatever the
   * leg, the backend or the chain refuse with; nothing is left behind then.
   */
  async startCall(channelId: string, profileName: string): Promise<Session> {
    const profile = this.#admit(channelId, profileName);
    this.#starting.add(channelId);
    try {
      const leg = await this.#attach(channelId);
      return await this.#open(leg, profileName, profile);
    } finally {
      this.#starting.delete(channelId);
    }
  }

  /** Ends our part in a call and leaves the channel to the switch. @throws ERR_TALKSPURT_NOT_RUNNING */
  async stopCall(channelId: string): Promise<void> {
    await this.#session(channelId).stop('stopped', { hangup: false });
  }

  /** One line of the `uuid_audio_stream` grammar, from any front. Never rejects: errors are `-ERR …` replies. */
  async command(line: string, front = 'library'): Promise<string> {
    const { reply, verb, ok } = await dispatch(line, this);
    this.#emit({ type: 'command', front, verb, ok });
    return reply;
  }

  start_(): void {}
}
