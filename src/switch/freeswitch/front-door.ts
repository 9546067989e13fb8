/**
 * The front door: an ESL server for operators. A stock `fs_cli -H … -P … -p …` connects to it, gets our commands answered
 * here and everything else from the real switch behind it.
 */
import { randomUUID } from 'node:crypto';
import { COMMAND_NAME } from '../../commands/command.ts';
import { completeCommand } from '../../commands/complete.ts';
import type { CompletionWords } from '../../commands/complete.ts';
import { errorReply } from '../../commands/dispatch.ts';
import type { Clock } from '../../core/clock.ts';
import type { EventSink } from '../../core/events.ts';
import { LIMITS } from '../../limits.ts';
import { splitCommand } from './esl-dialogue.ts';
import type { EslApiCall } from './esl-dialogue.ts';
import { EslEventFactory } from './esl-event-factory.ts';
import type { EslIdentity } from './esl-event-factory.ts';
import { EslServer } from './esl-server.ts';
import { completionReply, completionText, listedWords } from './front-door-completion.ts';

/** Where it listens, who may come in, and who answers. */
export interface FrontDoorOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly password: string;
  /** Addresses or CIDR blocks that may connect. Default: the loopback ones. */
  readonly allow?: readonly string[];
  readonly clock: Clock;
  readonly events: EventSink;
  /** Carries out one line of ours and returns the reply; never rejects. */
  dispatch(line: string): Promise<string>;
  /** Asks the real switch; a rejection becomes `-ERR …`. Without it, what is not ours does not exist. */
  passThrough?: (line: string) => Promise<string>;
  /** What the prompt of fs_cli shows. */
  readonly identity: EslIdentity;
  /** Words for Tab. */
  readonly words?: CompletionWords;
}

const NO_WORDS: CompletionWords = { channels: () => [], profiles: () => [], backends: () => [] };
const JOB_SOURCE = { file: 'mod_commands.c', function: 'bgapi_exec', line: 4866 };

/** The server. `listen`, then `close`. */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #factory: EslEventFactory;
  readonly #server: EslServer;
  #jobs = 0;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for an address in `allow` that is none */
  constructor(options: FrontDoorOptions) {
    this.#options = options;
    this.#factory = new EslEventFactory(options.identity, options.clock);
    this.#server = new EslServer({
      host: options.host,
      port: options.port,
      password: options.password,
      clock: options.clock,
      factory: this.#factory,
      ...(options.allow === undefined ? {} : { allow: options.allow }),
      api: (call) => this.#api(call),
      sendMessage: () => '-ERR sendmsg is not passed on: a misused unicast would end the whole switch',
      sendEvent: () => '-ERR sendevent is not passed on',
      onMalformed: (error) => {
        options.events.emit({ type: 'peer.malformed', peer: 'fs_cli', error, atMs: options.clock.nowMs() });
      },
    });
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  listen(): Promise<{ port: number }> {
    return this.#server.listen();
  }

  /** Says goodbye to every operator; resolves when all sockets are closed. Twice is harmless. */
  close(): Promise<void> {
    return this.#server.close();
  }

  /** Operators connected at present. */
  get clientCount(): number {
    return this.#server.clientCount;
  }

  /** Runs a line; as fs_cli expects, `;;` separates commands of the switch. Ours refuse it, so they are not split. */
  async #api(call: EslApiCall): Promise<string> {
    const lines = call.console && !isOurs(call.line) ? call.line.split(';;') : [call.line];
    let output = '';
    for (const line of lines) output += await this.#run(line.trimStart(), call.console);
    return output;
  }

  async #run(line: string, console: boolean): Promise<string> {
    try {
      return await this.#answer(line, console);
    } catch (error) {
      return errorReply(error);
    }
  }

  async #answer(line: string, console: boolean): Promise<string> {
    if (isOurs(line)) return this.#options.dispatch(line);
    const [name, argument] = splitCommand(line);
    switch (name.toLowerCase()) {
      case '':
        return '';
      case 'switchname':
        return this.#factory.identity.switchname;
      case 'hostname':
        return this.#factory.identity.hostname;
      case 'console_complete':
        return this.#complete(argument);
      case 'bgapi':
        return this.#background(argument);
      default:
        return this.#pass(line, console ? line : name);
    }
  }

  /** `bgapi` typed at fs_cli's prompt, which arrives as `api bgapi …`. */
  #background(line: string): string {
    const [command, argument] = splitCommand(line);
    if (command === '') return '-USAGE: <command>[ <arg>]\n';
    if (this.#jobs >= LIMITS.eslServerJobs) return '-ERR too many background jobs\n';
    const jobUuid = randomUUID();
    this.#jobs += 1;
    void this.#run(line, false).then((body) => {
      this.#jobs -= 1;
      const headers: [string, string][] = [
        ['Job-UUID', jobUuid],
        ['Job-Command', command],
      ];
      if (argument !== '') headers.push(['Job-Command-Arg', argument]);
      this.#server.fire(this.#factory.make({ name: 'BACKGROUND_JOB', source: JOB_SOURCE, headers, body }));
    });
    return `+OK Job-UUID: ${jobUuid}\n`;
  }

  /** Hands a line to the real switch, unless it could end it or be more than one line there. */
  async #pass(line: string, shown: string): Promise<string> {
    const refusal = refusalOf(line);
    if (refusal !== null) return `-ERR ${refusal}\n`;
    const { passThrough } = this.#options;
    if (passThrough === undefined) return `-ERR ${shown} Command not found!\n`;
    return passThrough(line);
  }

  async #complete(argument: string): Promise<string> {
    const text = completionText(argument).trimStart();
    const ours = completeCommand(text, this.#options.words ?? NO_WORDS);
    if (isOurs(text) && text.includes(' ')) return completionReply(text, ours);
    if (this.#options.passThrough === undefined) return completionReply(text, ours);
    const theirs = await this.#pass(`console_complete ${text}`, 'console_complete');
    if (ours.length === 0) return theirs;
    const words = new Set([...listedWords(theirs), ...ours]);
    return completionReply(text, [...words].toSorted());
  }
}

function isOurs(line: string): boolean {
  return splitCommand(line.trimStart())[0].toLowerCase() === COMMAND_NAME;
}

/** Commands that carry another one out: it is the other one that counts. */
const WRAPPER = /^(?:(?:bgapi|eval|expand|xml_wrap)\s+|sched_api\s+\S+\s+\S+\s+)/i;
/**
 * Commands that end the switch, take its Event Socket away or leave it for a shell; also inside `${…}` and as an application
 * of another command. Against mistakes, not a complete list: who has this password has what the switch's own gives.
 */
const FATAL =
  /(?:^|[{&:,'"])\s*(?:fsctl[\s(]+(?:shutdown|crash|restart)|shutdown\b|(?:un|re)load[\s(]+(?:-f\s+)?mod_event_socket|(?:bg_)?(?:system|spawn(?:_stream)?)\b)/i;

/** Why a line is not passed on, or null. */
function refusalOf(line: string): string | null {
  if (Buffer.byteLength(line) > LIMITS.commandBytes) return `the command is longer than ${LIMITS.commandBytes} bytes`;
  if (/\p{Cc}/u.test(line)) return 'the command contains a line end or another control character';
  let inner = line;
  while (WRAPPER.test(inner)) inner = inner.replace(WRAPPER, '');
  if (FATAL.test(inner)) return 'this command is not passed on: it could end the switch; use its own console';
  return null;
}
