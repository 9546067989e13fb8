/** Command lines in, replies out, in the style of FreeSWITCH's modules: `+OK …`, `-ERR …`, `-USAGE: …`. */
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { CallState } from '../core/events.ts';
import { USAGE } from './command.ts';
import type { Command, OrderCommand, StartOptions, StartTarget } from './command.ts';
import { parseCommand } from './parse-command.ts';

export type { OrderCommand, StartOptions, StartTarget } from './command.ts';

/** A call as `list` shows it. */
export interface CallSummary {
  readonly uuid: string;
  readonly switchName: string;
  readonly profile: string;
  readonly state: CallState;
  readonly uptimeMs: number;
}

/** What carries commands out. Each may throw or reject with a {@link TalkspurtError}, which becomes the reply. */
export interface CommandTarget {
  /** Gives the channel an AI voice; resolves when the two can talk. */
  start(uuid: string, target: StartTarget, options: StartOptions): Promise<void>;
  /** Takes it away again and leaves the channel to the switch. */
  stop(uuid: string, metadata: string | null): Promise<void>;
  /** Carries an order to a call that talks out; resolves to what the operator is told besides `+OK`, or null. */
  order(command: OrderCommand): Promise<string | null>;
  /** Takes no new calls, and ends the ones that are up after `seconds` (null: as configured). Resolves to how many are up. */
  drain(seconds: number | null): number;
  /** Reads the configuration again, for new calls; resolves to what the operator is told. */
  reload(): Promise<string>;
  /** Dials with the switch of that name, and gives whoever answers the profile's voice; resolves to the channel. */
  originate(switchName: string, request: { endpoint: string; profile: string }): Promise<string>;
  /** Health of one call, as JSON. */
  health(uuid: string): object;
  globalHealth(): object;
  list(): readonly CallSummary[];
  version(): string;
}

/** What came of a line. `verb` is `invalid` when no command could be made of it. */
export interface DispatchResult {
  /** One body, ending in a line feed. */
  readonly reply: string;
  readonly verb: Command['verb'] | 'invalid';
  readonly ok: boolean;
  /** Why not; null: it was carried out. */
  readonly error: TalkspurtError | null;
}

/** Parses `line`, has `target` carry it out and words the reply. Never rejects. */
export async function dispatch(line: string, target: CommandTarget): Promise<DispatchResult> {
  const parsed = parseCommand(line);
  if (!parsed.ok) {
    const error = new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', parsed.reason);
    return { reply: parsed.usage ? `-USAGE: ${USAGE}\n` : errorReply(error), verb: 'invalid', ok: false, error };
  }
  return await dispatchCommand(parsed.command, target);
}

/** The same of what is a command already. Never rejects. */
export async function dispatchCommand(command: Command, target: CommandTarget): Promise<DispatchResult> {
  try {
    return { reply: await carryOut(command, target), verb: command.verb, ok: true, error: null };
  } catch (error) {
    return { reply: errorReply(error), verb: command.verb, ok: false, error: asTalkspurtError(error) };
  }
}

/** `-ERR <message> (<code>)` on one line. What is not an operating error keeps its text to itself. */
export function errorReply(error: unknown): string {
  if (!(error instanceof TalkspurtError)) return '-ERR internal error (ERR_TALKSPURT_INTERNAL)\n';
  const message = error.message.replaceAll(/[\s\p{Cc}]+/gu, ' ').slice(0, MESSAGE_CHARACTERS);
  return `-ERR ${message} (${error.code})\n`;
}

const MESSAGE_CHARACTERS = 400;

async function carryOut(command: Command, target: CommandTarget): Promise<string> {
  switch (command.verb) {
    case 'start':
      await target.start(command.uuid, command.target, command.options);
      return '+OK Success\n';
    case 'stop':
      await target.stop(command.uuid, command.metadata);
      return '+OK Success\n';
    case 'health':
      return `${JSON.stringify(target.health(command.uuid))}\n`;
    case 'global_health':
      return `${JSON.stringify(target.globalHealth())}\n`;
    case 'list':
      return listReply(target.list());
    case 'version':
      return `talkspurt ${target.version()}\n`;
    case 'help':
      return HELP;
    case 'reload':
      return `+OK ${await target.reload()}\n`;
    case 'drain':
      return `+OK draining, calls: ${target.drain(command.seconds)}\n`;
    case 'originate':
      return `+OK ${await target.originate(command.switchName, { endpoint: command.endpoint, profile: command.profile })}\n`;
    default:
      return `+OK ${(await target.order(command)) ?? 'Success'}\n`;
  }
}

/** A table like FreeSWITCH's `show channels`. */
function listReply(calls: readonly CallSummary[]): string {
  const total = `\n${calls.length} total.\n`;
  if (calls.length === 0) return total;
  const rows = calls.map((call) =>
    [call.uuid, call.switchName, call.profile, call.state, Math.floor(call.uptimeMs / 1000)].join(','),
  );
  return `uuid,switch,profile,state,uptime_sec\n${rows.join('\n')}\n${total}`;
}

const HELP = `uuid_audio_stream <uuid> start <profile | ws-url> [mono | mixed | stereo] [8k | 16k | 24k | 48k] [metadata]
    gives the call an AI voice, or streams it to a WebSocket; metadata is the rest of the line
uuid_audio_stream <uuid> stop [metadata]
    takes it away again; the call stays on the switch
uuid_audio_stream <uuid> pause | resume
    the caller is not / is again sent to the backend
uuid_audio_stream <uuid> send_text <text>
    the backend is given a text as if the caller had said it
uuid_audio_stream <uuid> send_json <base64 | json>
    the backend is given a message of its own protocol
uuid_audio_stream <uuid> break
    drops what is being said and what waits to be said
uuid_audio_stream <uuid> mute | unmute [user | agent | all]
    silence instead of the caller (default), the agent, or both
uuid_audio_stream <uuid> play <file | url>
    plays a WAV file to the caller; the agent waits
uuid_audio_stream <uuid> say <text>
    has the agent speak a text word for word
uuid_audio_stream <uuid> dtmf <digits>
    sends digits to the caller
uuid_audio_stream <uuid> mask on | off
    nobody is given, and nothing writes down, what the caller says and dials: for card numbers
uuid_audio_stream <uuid> switch <backend>
    another backend answers from now on
uuid_audio_stream <uuid> hold on | off
    the caller hears music, and nobody hears the caller
uuid_audio_stream <uuid> transfer <extension> [XML <context>] [attended]
    gives the caller to the dialplan; attended: once somebody there has answered, else the agent goes on
uuid_audio_stream <uuid> hangup [cause]
    ends the call with a cause of Q.850, by its number or name
uuid_audio_stream <uuid> whisper none | caller | other | both
    who of a call between two people hears the agent
uuid_audio_stream <uuid> record start | stop
    both sides into one WAV file: the caller left, the agent right
uuid_audio_stream <uuid> graceful-shutdown
    hears no more, lets the agent finish, then stops
uuid_audio_stream <uuid> health
    how the call is, as JSON
uuid_audio_stream global_health
    how all of talkspurt is, as JSON
uuid_audio_stream list
    the calls with an AI voice
uuid_audio_stream reload
    reads the configuration again, for new calls
uuid_audio_stream drain [seconds]
    takes no new calls, and ends the ones that are up after that time
uuid_audio_stream originate <switch> <endpoint> <profile>
    dials, and gives whoever answers an AI voice
uuid_audio_stream version
uuid_audio_stream help
`;
