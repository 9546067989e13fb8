/** The `uuid_audio_stream` commands as values; every front (fs_cli, programs, the library) speaks the same ones. */
import type { SampleRateHz } from '../core/media.ts';

/** Which parties of a bridged call are streamed: the caller alone, both added up, or both as two channels. */
export type Mix = 'mono' | 'mixed' | 'stereo';

/** Who the caller is to talk to: a profile of the configuration, or a WebSocket that takes the audio. */
export type StartTarget =
  { readonly kind: 'profile'; readonly name: string } | { readonly kind: 'url'; readonly url: string };

/** What else a start may say. */
export interface StartOptions {
  readonly mix: Mix;
  /** Null: the profile decides. */
  readonly sampleRateHz: SampleRateHz | null;
  /** Personal. Handed on as it is; null when there was none. */
  readonly metadata: string | null;
}

/** One line of the grammar, understood. */
export type Command =
  | { readonly verb: 'start'; readonly uuid: string; readonly target: StartTarget; readonly options: StartOptions }
  | { readonly verb: 'stop'; readonly uuid: string; readonly metadata: string | null }
  | { readonly verb: 'health'; readonly uuid: string }
  | { readonly verb: 'global_health' | 'list' | 'version' | 'help' };

/** Name under which switches and operators know the command. */
export const COMMAND_NAME = 'uuid_audio_stream';

/** Verbs that follow a channel's identity, and verbs that stand alone: also what Tab completes. */
export const CALL_VERBS = ['start', 'stop', 'health'] as const;
/** Verbs that stand alone: also what Tab completes. */
export const GLOBAL_VERBS = ['global_health', 'list', 'version', 'help'] as const;
/** The words for {@link Mix}, in the order of the usage line. */
export const MIXES: readonly Mix[] = ['mono', 'mixed', 'stereo'];
/** The words for a rate, in the order of the usage line. */
export const RATE_WORDS = ['8k', '16k', '24k', '48k'] as const;

/** One line, in the style of FreeSWITCH's modules. */
export const USAGE =
  '<uuid> [start <profile | ws-url> [mono | mixed | stereo] [8k | 16k | 24k | 48k] [metadata] | stop [metadata] | health] ' +
  '| global_health | list | version | help';
