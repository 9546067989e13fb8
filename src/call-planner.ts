/** What a call that starts is given: its profile or WebSocket, changed by what its channel's variables say. */
import type { Backend } from './backend/backend.ts';
import { StreamBackend } from './backend/stream-backend.ts';
import type { StreamEventListener } from './backend/stream-backend.ts';
import { readCallVariables } from './call-variables.ts';
import type { BackendOverrides, ClampedVariable, StreamOverrides } from './call-variables.ts';
import type { StartOptions, StartTarget } from './commands/command.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { SessionOptions } from './session/session.ts';
import type { CallLeg } from './switch/switch-adapter.ts';

/** What a call is given when it starts under a profile's name. */
export interface GatewayProfile {
  readonly backend: Backend;
  readonly options?: Partial<SessionOptions>;
  /** The same backend with other settings, for one call; absent: it has none that a channel may change. */
  variant?(overrides: BackendOverrides): Backend;
}

/** Everything that a session needs to know of how it is to be. */
export interface CallPlan {
  readonly profile: string;
  readonly backend: Backend;
  readonly options: Partial<SessionOptions>;
  readonly mode: 'ai' | 'ws';
  readonly clamped: readonly ClampedVariable[];
}

/** Name under which a stream to a WebSocket appears where a profile would. */
export const STREAM_PROFILE = 'stream';

const DEFAULT_STREAM_RATE_HZ = 8000;

/** Plans calls from a set of profiles. */
export class CallPlanner {
  readonly #profiles: ReadonlyMap<string, GatewayProfile>;
  readonly #clock: Clock;
  readonly #onStreamEvent: StreamEventListener | undefined;

  /** `onStreamEvent` is told what streams to WebSockets say of themselves. */
  constructor(
    profiles: ReadonlyMap<string, GatewayProfile>,
    clock: Clock,
    onStreamEvent: StreamEventListener | undefined,
  ) {
    this.#profiles = profiles;
    this.#clock = clock;
    this.#onStreamEvent = onStreamEvent;
  }

  get profileNames(): readonly string[] {
    return [...this.#profiles.keys()];
  }

  /** Before anything is done. @throws ERR_TALKSPURT_UNKNOWN_PROFILE */
  check(target: StartTarget): void {
    if (target.kind === 'profile') this.#profile(target.name);
  }

  /** @throws ERR_TALKSPURT_UNKNOWN_PROFILE, ERR_TALKSPURT_NOT_SUPPORTED, and what the backend says of its settings */
  plan(leg: CallLeg, target: StartTarget, start: StartOptions): CallPlan {
    const { session, backend: overrides, stream, clamped } = readCallVariables(leg.variables);
    if (target.kind === 'url') {
      const backend = this.#stream(target.url, start, stream);
      return { profile: STREAM_PROFILE, backend, options: { ...STREAM_OPTIONS, ...session }, mode: 'ws', clamped };
    }
    if (start.mix === 'stereo') {
      const message = 'an AI backend listens to one channel: take mono or mixed, or stream stereo to a ws:// URL';
      throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
    }
    const profile = this.#profile(target.name);
    const changed = Object.keys(overrides).length > 0;
    const backend = changed ? (profile.variant?.(overrides) ?? profile.backend) : profile.backend;
    return { profile: target.name, backend, options: { ...profile.options, ...session }, mode: 'ai', clamped };
  }

  #profile(name: string): GatewayProfile {
    const profile = this.#profiles.get(name);
    if (profile !== undefined) return profile;
    const known = this.profileNames.join(', ');
    throw new TalkspurtError('ERR_TALKSPURT_UNKNOWN_PROFILE', `there is no such profile: use one of ${known}`);
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
      this.#clock,
      this.#onStreamEvent,
    );
  }
}

/** A server of the operator's own decides by itself when it is interrupted. */
const STREAM_OPTIONS: Partial<SessionOptions> = { greeting: '', bargeIn: false };
