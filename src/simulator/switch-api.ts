/** The API commands of the simulated switch, in FreeSWITCH's words. */
import { randomUUID } from 'node:crypto';
import { delay } from '../core/clock.ts';
import { splitCommand } from '../switch/freeswitch/esl-dialogue.ts';
import type { EslApiCall } from '../switch/freeswitch/esl-dialogue.ts';
import { completionReply, completionText } from '../switch/freeswitch/front-door-completion.ts';
import { commandWords } from './command-words.ts';
import { causeNumber } from './hangup-cause.ts';

import type { Command, SwitchApiHost } from './switch-api-host.ts';
import { CALL_COMMANDS } from './switch-call-api.ts';
import { originate } from './switch-originate.ts';
import { showReport, statusReport } from './switch-reports.ts';

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
  if (name.toLowerCase() === host.module?.command) return host.module.api(argument);
  const command = Object.hasOwn(COMMANDS, name.toLowerCase()) ? COMMANDS[name.toLowerCase()] : undefined;
  return command === undefined ? null : command(argument, host);
}

const MODULES = /^mod_(commands|dptools|event_socket|sofia|loopback|console)$/;
const RULE = '-'.repeat(80);
const CONSOLE_USAGE =
  `USAGE:\n${RULE}\nconsole help\nconsole loglevel [[0-7] | <loglevel_string>]\nconsole uuid [on|off|toggle]\n` +
  `console json [on|off|toggle]\nconsole colorize [on|off|toggle]\n${RULE}\n`;

const COMMANDS: Readonly<Record<string, Command>> = {
  status: (_, host) => statusReport(host),
  show: (argument, host) => {
    const [what, name = ''] = commandWords(argument, 2);
    if (what?.toLowerCase() !== 'api') return showReport(argument, host);
    return host.module?.showApi(name) ?? '\n0 total.\n';
  },
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
  ...CALL_COMMANDS,
  originate: (argument, host) => originate(argument, host.dialer),
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
