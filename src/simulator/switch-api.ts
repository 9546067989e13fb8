/** The API commands of the simulated switch, in FreeSWITCH's words. */
import { randomUUID } from 'node:crypto';
import { delay } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { splitCommand } from '../switch/freeswitch/esl-dialogue.ts';
import type { EslApiCall } from '../switch/freeswitch/esl-dialogue.ts';
import type { EslEventFactory } from '../switch/freeswitch/esl-event-factory.ts';
import { completionReply, completionText } from '../switch/freeswitch/front-door-completion.ts';
import { serializeEvent } from '../switch/freeswitch/esl-server-event.ts';
import { channelHeaders } from './channel-headers.ts';
import { commandWords } from './command-words.ts';
import { causeNumber } from './hangup-cause.ts';

import type { CallOptions } from './channel-host.ts';
import type { SimulatedChannel } from './simulated-channel.ts';
import type { SimulatedPhone } from './phone.ts';
import { showReport, statusReport } from './switch-reports.ts';

/** What the commands work on. */
export interface SwitchApiHost {
  readonly clock: Clock;
  readonly factory: EslEventFactory;
  readonly channels: ReadonlyMap<string, SimulatedChannel>;
  readonly globals: Map<string, string>;
  readonly startedMs: number;
  sessionsSinceStart(): number;
  readonly version: string;
  createCall(options: CallOptions): SimulatedChannel;
  /** Somebody to ring at a dial string, or null. */
  phoneAt(dialString: string): SimulatedPhone | null;
  log(level: number, text: string): void;
  /** Aborted when the switch closes or dies. */
  readonly closing: AbortSignal;
}

type Command = (argument: string, host: SwitchApiHost) => string | Promise<string>;

const NO_SUCH_CHANNEL = '-ERR No such channel!\n';

/** Runs one line: with `console` each part between `;;`, one after the other. */
export async function runApi(call: EslApiCall, host: SwitchApiHost): Promise<string> {
  if (!call.console) {
    const [name, argument] = splitCommand(call.line);
    return (await execute(name, argument, host)) ?? `-ERR ${name} Command not found!\n`;
  }
  let output = '';
  for (const part of call.line.split(';;')) {
    const line = part.trim();
    const [name, argument] = splitCommand(line);
    output += (await execute(name, argument, host)) ?? `-ERR ${line} Command not found!\n`;
  }
  return output;
}

/** The output of a command, or null when there is none such. */
async function execute(name: string, argument: string, host: SwitchApiHost): Promise<string | null> {
  const command = Object.hasOwn(COMMANDS, name.toLowerCase()) ? COMMANDS[name.toLowerCase()] : undefined;
  return command === undefined ? null : command(argument, host);
}

/** A command on one channel: finds it, or says that there is none. */
function onChannel(
  usage: string,
  words: number,
  run: (channel: SimulatedChannel, words: string[], host: SwitchApiHost) => string,
): Command {
  return (argument, host) => {
    const list = commandWords(argument, words);
    if (list.length < usage.split(' ').filter((word) => !word.startsWith('[')).length) return `-USAGE: ${usage}\n`;
    const channel = host.channels.get(list[0]!);
    return channel === undefined ? NO_SUCH_CHANNEL : run(channel, list, host);
  };
}

const MODULES = /^mod_(commands|dptools|event_socket|sofia|loopback|console)$/;
const RULE = '-'.repeat(80);
const CONSOLE_USAGE =
  `USAGE:\n${RULE}\nconsole help\nconsole loglevel [[0-7] | <loglevel_string>]\nconsole uuid [on|off|toggle]\n` +
  `console json [on|off|toggle]\nconsole colorize [on|off|toggle]\n${RULE}\n`;

const COMMANDS: Readonly<Record<string, Command>> = {
  status: (_, host) => statusReport(host),
  show: (argument, host) => showReport(argument, host),
  version: (argument, host) =>
    argument === 'short' ? `${host.version}\n` : `FreeSWITCH Version ${host.version}~64bit (64bit)\n`,
  switchname: (_, host) => host.factory.identity.switchname,
  hostname: (_, host) => host.factory.identity.hostname,
  create_uuid: () => randomUUID(),
  msleep: async (argument, host) => {
    // Cut short when the switch is closed: nobody hears the answer then.
    await delay(host.clock, Math.max(0, Number.parseInt(argument, 10) || 0), host.closing).catch(() => '');
    return '+OK';
  },
  echo: (argument) => argument,
  reloadxml: () => '+OK [Success]\n',
  reload: (argument) => {
    if (argument === '') return '-USAGE: [-f] <mod_name>\n';
    const known = MODULES.test(argument);
    return known
      ? '+OK Reloading XML\n+OK module unloaded\n+OK module loaded\n'
      : '+OK Reloading XML\n-ERR unloading module [No such module!]\n-ERR loading module [module load file routine returned an error]\n';
  },
  module_exists: (argument) => String(MODULES.test(argument)),
  alias: () => '-USAGE: [add|stickyadd] <alias> <command> | del [<alias>|*]\n',
  console: (argument) => {
    const [what, level] = argument.split(' ');
    return what === 'loglevel' ? `+OK console log level set to ${(level || 'info').toUpperCase()}\n` : CONSOLE_USAGE;
  },
  console_complete: (argument, host) => {
    const text = completionText(argument).trimStart();
    return completionReply(text, completions(text, host));
  },
  log: (argument, host) => {
    const [level, text] = splitCommand(argument);
    host.log(
      ['console', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'].indexOf(level.toLowerCase()),
      text,
    );
    return '+OK\n';
  },
  bgapi: (argument, host) => {
    const jobUuid = randomUUID();
    void runApi({ line: argument, console: false }, host);
    return `+OK Job-UUID: ${jobUuid}\n`;
  },
  global_getvar: (argument, host) =>
    argument === ''
      ? [...host.globals].map(([name, value]) => `${name}=${value}\n`).join('')
      : (host.globals.get(argument) ?? ''),
  global_setvar: (argument, host) => {
    const equals = argument.indexOf('=');
    if (equals <= 0) return '-USAGE: <var>=<value> [=<value2>]\n';
    host.globals.set(argument.slice(0, equals), argument.slice(equals + 1));
    return '+OK';
  },
  uuid_exists: (argument, host) => String(host.channels.has(argument)),
  uuid_answer: (argument, host) => {
    const channel = host.channels.get(argument);
    channel?.answer();
    return channel === undefined ? '-ERROR\n' : '+OK\n';
  },
  uuid_kill: onChannel('<uuid> [cause]', 2, (channel, [, cause = '']) => (channel.hangup(causeNumber(cause)), '+OK\n')),
  uuid_park: (argument, host) => {
    const channel = host.channels.get(argument);
    channel?.park();
    return channel === undefined ? NO_SUCH_CHANNEL : '+OK\n';
  },
  uuid_transfer: onChannel(
    '<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]',
    5,
    (channel, [, destination = '', dialplan]) => {
      channel.transfer(destination, dialplan);
      return '+OK\n';
    },
  ),
  uuid_getvar: onChannel('<uuid> <var>', 4, (channel, [, name = ''], host) => getVariable(channel, name, host)),
  uuid_setvar: onChannel('<uuid> <var> [value]', 3, (channel, [, name = '', value = '']) => {
    if (value === '') channel.variables.delete(name);
    else channel.variables.set(name, value);
    return '+OK\n';
  }),
  uuid_setvar_multi: onChannel('<uuid> <var>=<value>;<var>=<value>...', 2, (channel, [, pairs = '']) => {
    for (const pair of pairs.split(';')) {
      const equals = pair.indexOf('=');
      if (equals > 0) channel.variables.set(pair.slice(0, equals), pair.slice(equals + 1));
    }
    return '+OK\n';
  }),
  uuid_send_dtmf: (argument, host) => {
    const [uuid = '', digits = ''] = commandWords(argument, 2);
    if (digits === '') return '-USAGE: <uuid> <dtmf_data>\n';
    const channel = host.channels.get(uuid);
    if (channel === undefined) return '-ERR Cannot locate session!\n';
    channel.sendDigits(digits);
    return `+OK ${uuid} sent DTMF ${digits}.\n`;
  },
  uuid_break: onChannel('<uuid> [all]', 2, (channel) => (channel.breakPlayback(), '+OK\n')),
  uuid_broadcast: (argument, host) => {
    const [uuid = '', path = ''] = commandWords(argument, 4);
    if (path === '') return '-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n';
    const channel = host.channels.get(uuid);
    if (channel === undefined) return '-ERR invalid uuid\n';
    const [application, data] = path.includes('::') ? path.split('::', 2) : ['playback', path];
    channel.queueCommand({
      command: `sendmsg ${uuid}`,
      headers: [
        ['call-command', 'execute'],
        ['lead-frames', '5'],
        ['execute-app-name', application!],
        ['execute-app-arg', data!],
      ],
      body: null,
    });
    return '+OK Message sent\n';
  },
  uuid_bridge: (argument, host) => {
    const [uuid = '', otherUuid = ''] = commandWords(argument, 4);
    if (otherUuid === '') return '-USAGE: <uuid> <other_uuid>\n';
    const [channel, other] = [host.channels.get(uuid), host.channels.get(otherUuid)];
    if (channel === undefined || other === undefined || channel === other) return '-ERR Invalid uuid\n';
    channel.bridgeWith(other);
    return `+OK ${otherUuid}\n`;
  },
  uuid_buglist: onChannel('<uuid>', 1, () => '<media-bugs>\n</media-bugs>\n'),
  uuid_dump: onChannel('<uuid> [format]', 2, (channel, [, format = 'txt'], host) => {
    const source = { file: 'mod_commands.c', function: 'uuid_dump_function', line: 6487 };
    const event = host.factory.make({ name: 'CHANNEL_DATA', source, headers: channelHeaders(channel.describe()) });
    const kind = format.toLowerCase();
    return serializeEvent(event, kind === 'json' || kind === 'xml' ? kind : kind === 'plain' ? 'text' : 'plain');
  }),
  originate: (argument, host) => originate(argument, host),
  hupall: (argument, host) => {
    for (const channel of host.channels.values())
      channel.hangup(causeNumber(splitCommand(argument)[0] || 'MANAGER_REQUEST'));
    return `+OK hangup all channels with cause ${argument || 'MANAGER_REQUEST'}\n`;
  },
};

/** Tab: commands first, then the calls for those that begin with `uuid_`. */
function completions(text: string, host: SwitchApiHost): string[] {
  const parts = text.split(/ +/);
  const typed = parts.at(-1)!;
  const words =
    parts.length === 1
      ? Object.keys(COMMANDS)
      : parts.length === 2 && text.startsWith('uuid_')
        ? [...host.channels.keys()]
        : [];
  return words.filter((word) => word.startsWith(typed)).toSorted();
}

function getVariable(channel: SimulatedChannel, name: string, host: SwitchApiHost): string {
  const description = channel.describe();
  const profile: Readonly<Record<string, string>> = {
    caller_id_number: description.from,
    caller_id_name: description.from,
    destination_number: description.to,
    dialplan: description.dialplan,
    context: 'default',
    network_addr: '127.0.0.1',
  };
  const fromProfile = Object.hasOwn(profile, name) ? profile[name] : undefined;
  return channel.variables.get(name) ?? fromProfile ?? host.globals.get(name) ?? '_undef_';
}

/** `originate {origination_uuid=…,var=value}<dial string> &app(data)`: rings whoever the host has there. */
function originate(argument: string, host: SwitchApiHost): string {
  const braces = /^\{([^}]*)\}/.exec(argument);
  const [dialString = '', application = ''] = commandWords(argument.slice(braces?.[0].length ?? 0), 7);
  if (application === '')
    return '-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]\n';
  const variables: Record<string, string> = {};
  for (const pair of (braces?.[1] ?? '').split(',')) {
    const equals = pair.indexOf('=');
    if (equals > 0) variables[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  const phone = host.phoneAt(dialString);
  if (phone === null)
    return /^(sofia|loopback|user)\//.test(dialString) ? '-ERR USER_NOT_REGISTERED\n' : '-ERR CHAN_NOT_IMPLEMENTED\n';
  const uuid = variables['origination_uuid'];
  if (uuid !== undefined && host.channels.has(uuid)) return '-ERR DESTINATION_OUT_OF_ORDER\n';
  const channel = host.createCall({
    phone,
    variables,
    to: dialString.split('/').at(-1) ?? dialString,
    direction: 'outbound',
    parked: false,
    ...(uuid === undefined ? {} : { uuid }),
  });
  const app = /^&([^()]+)(?:\((.*)\))?$/.exec(application);
  if (app === null) channel.transfer(application);
  else channel.transfer(app[2] ? `${app[1]}:${app[2]}` : app[1]!, 'inline');
  return `+OK ${channel.uuid}\n`;
}
