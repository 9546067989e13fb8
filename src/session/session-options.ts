/** How a call is to behave; every key has a default and is a key of a profile in the configuration. */
import type { CleaningOptions, Resampling, VadKind } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import { DEFAULT_ENDPOINTER } from './endpointer.ts';
import type { EndpointerOptions } from './endpointer.ts';
import type { DtmfSource } from './line-watch.ts';

/** What becomes of a call whose backend does not come back. `default`: hung up where `hangupOnBackendFailure`, else released. */
export type LastResort = 'default' | 'release' | 'hangup' | 'transfer' | 'announce';

/** What happens when a backend is lost in the middle of a call. */
export interface ReconnectOptions {
  /** Attempts in a row, for each backend; 0: it is not sought, only the next ones of the list are, once each. */
  readonly attempts: number;
  /** …and for how long at the most, ms. */
  readonly maximumMs: number;
  /** For how long one backend is sought while there is another one, ms. */
  readonly failoverMs: number;
  /** Caller audio that is kept meanwhile, ms. */
  readonly bufferMs: number;
  /** How much faster than real time it is handed on then. */
  readonly catchUpRate: number;
  /** From the loss to the sound that the caller hears, ms. */
  readonly holdAfterMs: number;
  /** A sound, `none`, or `hold`: what callers on hold hear. */
  readonly holdSound: string;
  readonly lastResort: LastResort;
  /** For `announce`: a sound; empty: a tone. */
  readonly announcement: string;
  /** For `transfer`. */
  readonly destination: string;
}

/** Everything about a call that a profile may set. */
export interface SessionOptions {
  /** Whether the caller may cut in. */
  readonly bargeIn: boolean;
  /** Who decides that the caller has finished: the backend (where it can), or our endpointer. */
  readonly turnOwner: 'backend' | 'endpointer';
  /** What the agent is asked to open the call with; empty: it waits to be spoken to. */
  readonly greeting: string;
  readonly endpointer: EndpointerOptions;
  /** What gathers before the agent is heard, ms. */
  readonly prebufferMs: number;
  /** Agent audio that may wait to be said, ms; what does not fit is dropped and counted. */
  readonly playoutMaximumMs: number;
  /** Shortest time between two reports that the agent ran dry, ms. */
  readonly underrunReportMs: number;
  /** Whether the agent's voice goes through the compressor and the low-pass. */
  readonly shaping: boolean;
  /** Level above which the compressor works, dBov. */
  readonly compressorThresholdDb: number;
  /** Gain behind the compressor, dB. */
  readonly compressorMakeupDb: number;
  /** Cut-off of the low-pass, Hz; from 0.45 of the rate of the leg on it is not there. */
  readonly lowPassHz: number;
  /** How the caller's voice is cleaned; what is 0 is not done. */
  readonly capture: CleaningOptions;
  /** Where keys are heard, and whether those that we press go in the audio (`inband`). */
  readonly dtmf: DtmfSource;
  /** Whether tones of the network and of machines are listened for. */
  readonly progressTones: 'never' | 'outbound' | 'always';
  /** Whether audio that is not what it says it is is looked for. */
  readonly lieDetector: boolean;
  /** Whether the agent's echo is taken out of what the caller sends. */
  readonly echoCanceller: 'auto' | 'on' | 'off';
  /** Whether what our own voice speaks is kept for the next time. */
  readonly speechCache: boolean;
  /** The agent's level while the caller may be cutting in, 0..1. */
  readonly duckGain: number;
  /** Which detector hears the caller speak. */
  readonly vad: VadKind;
  /** Detector's aggressiveness, 0..3. */
  readonly vadAggressiveness: 0 | 1 | 2 | 3;
  /** Filters of the resamplers: `strict` folds nothing back, `low-delay` is a third shorter, `minimum-phase` sooner by 2.7 ms from 2, 3 or 6 samples to one. */
  readonly resampling: Resampling;
  /** What becomes of the channel when the backend fails: hung up (cause 41), or left to the switch. */
  readonly hangupOnBackendFailure: boolean;
  readonly reconnect: ReconnectOptions;
  /** The call is ended after this long, ms; 0: never. */
  readonly maxDurationMs: number;
  /**
   * A call on which nobody is heard, nothing is said and nothing happens (a digit, an order) for this long is ended, ms; 0: never.
   * One that is held, say; or one whose backend never comes: a caller counts only with somebody who could hear.
   */
  readonly staleMs: number;
}

/** What a call does that no profile says otherwise. */
export const DEFAULT_SESSION_OPTIONS: SessionOptions = {
  bargeIn: true,
  turnOwner: 'backend',
  greeting: '',
  endpointer: DEFAULT_ENDPOINTER,
  prebufferMs: 40,
  playoutMaximumMs: LIMITS.playoutMs,
  underrunReportMs: 100,
  shaping: false,
  compressorThresholdDb: -18,
  compressorMakeupDb: 3,
  lowPassHz: 3_400,
  capture: { highPassHz: 0, noiseSuppressionDb: 0, agcTargetDbov: 0 },
  dtmf: 'rfc4733',
  progressTones: 'outbound',
  lieDetector: true,
  echoCanceller: 'auto',
  speechCache: false,
  duckGain: 0,
  vad: 'neural',
  vadAggressiveness: 2,
  resampling: 'strict',
  hangupOnBackendFailure: false,
  reconnect: {
    attempts: 5,
    maximumMs: 20_000,
    failoverMs: 1_200,
    bufferMs: 5_000,
    catchUpRate: 4,
    holdAfterMs: 700,
    holdSound: 'hold',
    lastResort: 'default',
    announcement: '',
    destination: '',
  },
  maxDurationMs: 4 * 3_600_000,
  staleMs: 3_600_000,
};

/** What a caller of ours may leave out, also within a part. */
export type GivenOptions = Partial<Omit<SessionOptions, 'reconnect'>> & {
  readonly reconnect?: Partial<ReconnectOptions>;
};

/** `given` over the defaults. */
export function sessionOptions(given: GivenOptions = {}): SessionOptions {
  const endpointer = { ...DEFAULT_SESSION_OPTIONS.endpointer, ...given.endpointer };
  const capture = { ...DEFAULT_SESSION_OPTIONS.capture, ...given.capture };
  const reconnect = { ...DEFAULT_SESSION_OPTIONS.reconnect, ...given.reconnect };
  return { ...DEFAULT_SESSION_OPTIONS, ...given, endpointer, capture, reconnect };
}

/** What of `options` holds for one call: `outbound` is settled by the channel's own word on its direction. */
export function settledOptions(options: SessionOptions, variables: ReadonlyMap<string, string>): SessionOptions {
  if (options.progressTones !== 'outbound') return options;
  const outbound = variables.get('direction') === 'outbound';
  return { ...options, progressTones: outbound ? 'always' : 'never' };
}
