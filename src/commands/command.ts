/** The `uuid_audio_stream` commands as values; every front (fs_cli, programs, the library) speaks the same ones. */
import { Q850_NAMES } from '../core/hangup-causes.ts';
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

/** Whose voice is not to be heard by the other side: the caller's, the agent's, or both. */
export type MuteTarget = 'user' | 'agent' | 'all';

/** Who of a tapped call hears the agent. */
export type WhisperTarget = 'none' | 'caller' | 'other' | 'both';

/** An order to a call that talks. */
export type OrderCommand =
  | { readonly verb: 'pause' | 'resume' | 'break' | 'graceful-shutdown'; readonly uuid: string }
  /** Personal. */
  | { readonly verb: 'send_text' | 'say'; readonly uuid: string; readonly text: string }
  /** One JSON value, checked, on one line. Personal. */
  | { readonly verb: 'send_json'; readonly uuid: string; readonly json: string }
  | { readonly verb: 'mute' | 'unmute'; readonly uuid: string; readonly who: MuteTarget }
  /** A file of the sounds directory, or an http(s) URL. */
  | { readonly verb: 'play'; readonly uuid: string; readonly source: string }
  /** Personal. */
  | { readonly verb: 'dtmf'; readonly uuid: string; readonly digits: string }
  | { readonly verb: 'mask' | 'hold'; readonly uuid: string; readonly on: boolean }
  | { readonly verb: 'switch'; readonly uuid: string; readonly backend: string }
  /** Attended: only when whoever is there has answered. */
  | {
      readonly verb: 'transfer';
      readonly uuid: string;
      readonly destination: string;
      readonly attended: boolean;
    }
  /** A cause of Q.850, 1 to 127. */
  | { readonly verb: 'hangup'; readonly uuid: string; readonly cause: number }
  | { readonly verb: 'whisper'; readonly uuid: string; readonly to: WhisperTarget }
  | { readonly verb: 'record'; readonly uuid: string; readonly on: boolean };

/** One line of the grammar, understood. */
export type Command =
  | { readonly verb: 'start'; readonly uuid: string; readonly target: StartTarget; readonly options: StartOptions }
  | { readonly verb: 'stop'; readonly uuid: string; readonly metadata: string | null }
  | { readonly verb: 'health'; readonly uuid: string }
  | OrderCommand
  /** An endpoint as the switch names it; personal. */
  | { readonly verb: 'originate'; readonly switchName: string; readonly endpoint: string; readonly profile: string }
  /** Null: as long as the configuration says. */
  | { readonly verb: 'drain'; readonly seconds: number | null }
  | { readonly verb: 'global_health' | 'list' | 'version' | 'help' | 'reload' };

/** Name under which switches and operators know the command. */
export const COMMAND_NAME = 'uuid_audio_stream';

/** Verbs that follow a channel's identity: also what Tab completes. */
export const CALL_VERBS = [
  'start',
  'stop',
  'pause',
  'resume',
  'send_text',
  'send_json',
  'break',
  'mute',
  'unmute',
  'play',
  'say',
  'dtmf',
  'mask',
  'switch',
  'hold',
  'transfer',
  'hangup',
  'whisper',
  'record',
  'graceful-shutdown',
  'health',
] as const;
/** Verbs that stand alone: also what Tab completes. */
export const GLOBAL_VERBS = ['global_health', 'list', 'version', 'help', 'reload', 'drain', 'originate'] as const;
/** The words for {@link Mix}, in the order of the usage line. */
export const MIXES: readonly Mix[] = ['mono', 'mixed', 'stereo'];
/** The words for {@link MuteTarget}, in the order of the usage line. */
export const MUTE_TARGETS: readonly MuteTarget[] = ['user', 'agent', 'all'];
/** The words for {@link WhisperTarget}, in the order of the usage line. */
export const WHISPER_TARGETS: readonly WhisperTarget[] = ['none', 'caller', 'other', 'both'];
/** The words for a rate, in the order of the usage line. */
export const RATE_WORDS = ['8k', '16k', '24k', '48k'] as const;
/** Words that may follow a verb and that are known beforehand. */
export const FOLLOWING_WORDS: Readonly<Partial<Record<(typeof CALL_VERBS)[number], readonly string[]>>> = {
  mute: MUTE_TARGETS,
  unmute: MUTE_TARGETS,
  whisper: WHISPER_TARGETS,
  mask: ['on', 'off'],
  hold: ['on', 'off'],
  hangup: Q850_NAMES,
  record: ['start', 'stop'],
};

/** One line, in the style of FreeSWITCH's modules. */
export const USAGE =
  '<uuid> [start <profile | ws-url> [mono | mixed | stereo] [8k | 16k | 24k | 48k] [metadata] | stop [metadata] ' +
  '| pause | resume | send_text <text> | send_json <base64 | json> | break | mute | unmute [user | agent | all] ' +
  '| play <file | url> | say <text> | dtmf <digits> | mask on | off | switch <backend> | hold on | off | transfer <dest> [attended] | hangup [cause] | whisper none | caller | other | both ' +
  '| record start | stop | graceful-shutdown | health] ' +
  '| global_health | list | version | help | reload | drain [seconds] | originate <switch> <endpoint> <profile>';
