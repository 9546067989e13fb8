/** What a call that starts is given: its profile or WebSocket, changed by what its channel's variables say. */
import type { Backend } from './backend/backend.ts';
import { StreamBackend } from './backend/stream-backend.ts';
import type { StreamEventListener } from './backend/stream-backend.ts';
import { readCallVariables } from './call-variables.ts';
import type { BackendOverrides, ClampedVariable, StreamOverrides } from './call-variables.ts';
import type { StartOptions, StartTarget } from './commands/command.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { HostList } from './core/host-list.ts';
import type { BreakerBoard } from './resilience/breaker-board.ts';
import { GuardedBackend } from './resilience/guarded-backend.ts';
import type { GivenOptions } from './session/session.ts';
import type { CallLeg } from './switch/switch-adapter.ts';

/** A backend, and how it is made otherwise. */
export interface GatewayBackend {
  readonly backend: Backend;
  /** The same backend with other settings, for one call; absent: it has none that a channel may change. */
  variant?(overrides: BackendOverrides): Backend;
}

/** What a call is given when it starts under a profile's name. */
export interface GatewayProfile extends GatewayBackend {
  /** What takes the backend's place when it cannot be had or is lost, in this order. */
  readonly fallbacks?: readonly GatewayBackend[];
  readonly options?: GivenOptions;
}

/** What calls are planned from. */
export interface CallPlannerParts {
  readonly profiles: ReadonlyMap<string, GatewayProfile>;
  /** What `switch` chooses from, by name. */
  readonly backends: ReadonlyMap<string, GatewayBackend>;
  readonly clock: Clock;
  /** Hosts that a `start` may name; absent: any. */
  readonly targets?: HostList | undefined;
  /** Circuit breakers of the hosts that commands name; absent: there are none. */
  readonly streamBreakers?: BreakerBoard | undefined;
  /** Is told what streams to WebSockets say of themselves. */
  readonly onStreamEvent?: StreamEventListener | undefined;
}

/** Everything that a session needs to know of how it is to be. */
export interface CallPlan {
  readonly profile: string;
  readonly backend: Backend;
  readonly fallbacks: readonly Backend[];
  readonly options: GivenOptions;
  readonly mode: 'ai' | 'ws';
  readonly clamped: readonly ClampedVariable[];
}

/** Name under which a stream to a WebSocket appears where a profile would. */
export const STREAM_PROFILE = 'stream';

/** How a call is started that nobody has said more of. */
export const DEFAULT_START: StartOptions = { mix: 'mono', sampleRateHz: null, metadata: null };

const DEFAULT_STREAM_RATE_HZ = 8000;

/** Plans calls from a set of profiles. */
export class CallPlanner {
  readonly #parts: CallPlannerParts;

  constructor(parts: CallPlannerParts) {
    this.#parts = parts;
  }

  get profileNames(): readonly string[] {
    return [...this.#parts.profiles.keys()];
  }

  get backendNames(): readonly string[] {
    return [...this.#parts.backends.keys()];
  }

  /** Before anything is done. @throws ERR_TALKSPURT_UNKNOWN_PROFILE, _HOST_DENIED, _BACKEND_BREAKER_OPEN */
  check(target: StartTarget): void {
    if (target.kind === 'url') this.#parts.targets?.check(target.url);
    const refusal = this.#refusalOf(target.kind === 'url' ? this.#anyStream(target.url) : this.#profile(target.name));
    if (refusal !== null) throw refusal;
  }

  #refusalOf({ backend, fallbacks = [] }: GatewayProfile): TalkspurtError | null {
    const refusals = [backend, ...fallbacks.map((each) => each.backend)].map((each) => each.refusal?.() ?? null);
    // The first says best what is wrong: it is the one that was wanted.
    return refusals.includes(null) ? null : (refusals[0] ?? null);
  }

  /** No profile has a backend that would be tried now; false where there is no profile. */
  get allRefused(): boolean {
    const profiles = [...this.#parts.profiles.values()];
    return profiles.length > 0 && profiles.every((each) => this.#refusalOf(each) !== null);
  }

  /**
   * The backend `name`, or the one that profile `name` would begin with, for a call that goes on, changed by what its channel says.
   * @throws ERR_TALKSPURT_UNKNOWN_PROFILE
   */
  backendFor(leg: CallLeg, name: string): Backend {
    const made = this.#parts.backends.get(name) ?? this.#firstOf(this.#parts.profiles.get(name));
    if (made !== undefined) return changed(made, readCallVariables(leg.variables).backend);
    const known = [...new Set([...this.backendNames, ...this.profileNames])].join(', ');
    throw new TalkspurtError(
      'ERR_TALKSPURT_UNKNOWN_PROFILE',
      `there is no such backend or profile: use one of ${known}`,
    );
  }

  /** The first of its backends that would be tried now; where none would, the first. */
  #firstOf(profile: GatewayProfile | undefined): GatewayBackend | undefined {
    const open = [profile, ...(profile?.fallbacks ?? [])].find((each) => (each?.backend.refusal?.() ?? null) === null);
    return open ?? profile;
  }

  /** @throws ERR_TALKSPURT_UNKNOWN_PROFILE, _HOST_DENIED, _NOT_SUPPORTED, and what the backend says of its settings */
  plan(leg: CallLeg, target: StartTarget, start: StartOptions): CallPlan {
    const { session, backend: overrides, stream, clamped } = readCallVariables(leg.variables);
    if (target.kind === 'url') {
      this.#parts.targets?.check(target.url);
      const backend = this.#guarded(target.url, this.#stream(target.url, start, stream));
      // As that module has it: no attempt, unless the channel says otherwise; then as many as it says, however long it takes.
      const reconnect = { ...STREAM_RECONNECT, attempts: stream.reconnectMax ?? 0 };
      const options = { ...STREAM_OPTIONS, reconnect, ...session };
      return { profile: STREAM_PROFILE, backend, fallbacks: [], options, mode: 'ws', clamped };
    }
    if (start.mix === 'stereo') {
      const message = 'an AI backend listens to one channel: take mono or mixed, or stream stereo to a ws:// URL';
      throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
    }
    const profile = this.#profile(target.name);
    const backend = changed(profile, overrides);
    const fallbacks = (profile.fallbacks ?? []).map((each) => changed(each, overrides));
    const options = { ...profile.options, ...session };
    return { profile: target.name, backend, fallbacks, options, mode: 'ai', clamped };
  }

  #profile(name: string): GatewayProfile {
    const profile = this.#parts.profiles.get(name);
    if (profile !== undefined) return profile;
    const known = this.profileNames.join(', ');
    throw new TalkspurtError('ERR_TALKSPURT_UNKNOWN_PROFILE', `there is no such profile: use one of ${known}`);
  }

  /** As it would be without what a channel says of it. */
  #anyStream(url: string): GatewayProfile {
    return { backend: this.#guarded(url, this.#stream(url, DEFAULT_START, {})) };
  }

  /** Behind the breakers of its host, which all calls to it share: whatever path and query they name. */
  #guarded(url: string, backend: Backend): Backend {
    const board = this.#parts.streamBreakers;
    if (board === undefined) return backend;
    const { hostname, port, protocol } = new URL(url);
    const credential = `${hostname}:${port || (protocol === 'wss:' ? 443 : 80)}`;
    return new GuardedBackend({ backend, board, credential, ownAddress: true });
  }

  #stream(url: string, start: StartOptions, stream: StreamOverrides): Backend {
    const { stereo = false, tlsCaFile, tlsKeyFile, tlsCertFile, tlsVerifyHost = true, ...more } = stream;
    return new StreamBackend(
      {
        url,
        ...more,
        // A mix that was named goes before the variable; mono is also what a command says that names none.
        mix: start.mix === 'mono' && stereo ? 'stereo' : start.mix,
        sampleRateHz: start.sampleRateHz ?? stream.sampleRateHz ?? DEFAULT_STREAM_RATE_HZ,
        metadata: start.metadata,
        tls: {
          caFile: tlsCaFile,
          keyFile: tlsKeyFile,
          certFile: tlsCertFile,
          disableHostnameValidation: !tlsVerifyHost,
        },
      },
      this.#parts.clock,
      this.#parts.onStreamEvent,
    );
  }
}

function changed(made: GatewayBackend, overrides: BackendOverrides): Backend {
  return Object.keys(overrides).length === 0 ? made.backend : (made.variant?.(overrides) ?? made.backend);
}

/** A server of the operator's own decides by itself when it is interrupted. */
const STREAM_OPTIONS: GivenOptions = { greeting: '', bargeIn: false };
const STREAM_RECONNECT = { maximumMs: 3_600_000, holdSound: 'none' } as const;
