/** The API commands of the simulated switch that act on one call, in FreeSWITCH's words. */
import type { EslRequest } from '../switch/freeswitch/esl-request-parser.ts';
import { serializeEvent } from '../switch/freeswitch/esl-server-event.ts';
import { channelHeaders } from './channel-headers.ts';
import { commandWords } from './command-words.ts';
import { causeNumber } from './hangup-cause.ts';
import type { SimulatedChannel } from './simulated-channel.ts';
import type { Command, SwitchApiHost } from './switch-api-host.ts';

const NO_SUCH_CHANNEL = '-ERR No such channel!\n';
/** What the Event Socket makes of a command that writes nothing. */
const NOTHING = '-ERR no reply\n';
const FAILED = '-ERR Operation failed\n';
const BROADCAST_LEGS = ['aleg', 'bleg', 'both', 'holdb'];

/** At least one that there is. */
const DIGITS = /^[^@]*[0-9A-Da-d*#]/;

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

/** `uuid_…`. */
export const CALL_COMMANDS: Readonly<Record<string, Command>> = {
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
  uuid_transfer: onChannel('<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]', 6, (channel, words, host) => {
    // Alone, such a word is where the call goes.
    const legs = words.length > 2 && (words[1] === '-bleg' || words[1] === '-both') ? words[1] : null;
    const [destination = '', dialplan] = words.slice(legs === null ? 1 : 2);
    const other = legs === null ? undefined : host.channels.get(channel.partnerUuid ?? '');
    // The other leg has to know where it goes before this one leaves it. Without one, the channel itself is meant.
    other?.transfer(destination, dialplan);
    if (legs !== '-bleg' || other === undefined) channel.transfer(destination, dialplan);
    return '+OK\n';
  }),
  uuid_getvar: onChannel('<uuid> <var>', 4, (channel, [, name = ''], host) => getVariable(channel, name, host)),
  uuid_setvar: onChannel('<uuid> <var> [value]', 3, (channel, [, name = '', value = '']) => {
    setVariable(channel, name, value);
    return '+OK\n';
  }),
  uuid_setvar_multi: (argument, host) => {
    const usage = '-USAGE: <uuid> <var>=<value>;<var>=<value>...\n';
    const [uuid = '', pairs = ''] = commandWords(argument, 2);
    if (pairs === '') return uuid === '' ? usage : NOTHING;
    const channel = host.channels.get(uuid);
    if (channel === undefined) return NO_SUCH_CHANNEL + usage;
    const named = pairs.split(';').filter((pair) => pair !== '' && !pair.startsWith('='));
    for (const pair of named) {
      const [name = '', ...value] = pair.split('=');
      setVariable(channel, name, value.join('='));
    }
    return named.length > 0 ? '+OK\n' : `-ERR No variable specified\n${usage}`;
  },
  uuid_send_dtmf: (argument, host) => {
    const [uuid = '', digits = ''] = commandWords(argument, 2);
    if (digits === '') return '-USAGE: <uuid> <dtmf_data>\n';
    const channel = host.channels.get(uuid);
    if (channel === undefined) return '-ERR Cannot locate session!\n';
    if (!DIGITS.test(digits)) return FAILED;
    channel.keypad.send(digits);
    return `+OK ${uuid} sent DTMF ${digits}.\n`;
  },
  uuid_recv_dtmf: (argument, host) => {
    const [uuid = '', digits = ''] = commandWords(argument, 2);
    if (digits === '') return '-USAGE: <uuid> <dtmf_data>\n';
    const channel = host.channels.get(uuid);
    if (channel === undefined) return '-ERR Cannot locate session!\n';
    if (!DIGITS.test(digits)) return '-USAGE: <uuid> <dtmf_data>\n';
    return channel.receiveDigits(digits) ? `+OK ${uuid} received DTMF ${digits}.\n` : FAILED;
  },
  uuid_hold: (argument, host) => {
    const words = commandWords(argument, 4);
    if (words.length === 0) return '-USAGE: [off|toggle] <uuid> [<display>]\n-ERR Operation failed\n';
    const how = /^(off|toggle)$/i.test(words[0]!) ? words.shift()!.toLowerCase() : 'on';
    // As in FreeSWITCH, nobody is told that there is no such call.
    const channel = host.channels.get(words[0] ?? '');
    return channel?.hold(how === 'toggle' ? !channel.held : how === 'on') === false ? FAILED : '+OK Success\n';
  },
  uuid_break: onChannel('<uuid> [all]', 2, (channel, [, how = ''], host) => {
    const legs = [channel, ...(how.includes('both') ? [host.channels.get(channel.partnerUuid ?? '')] : [])];
    for (const leg of legs) leg?.breakPlayback(how.includes('all'));
    return '+OK\n';
  }),
  uuid_broadcast: (argument, host) => {
    const [uuid = '', path = '', leg = 'aleg'] = commandWords(argument, 4);
    if (path === '') return '-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n';
    const channel = host.channels.get(uuid);
    if (channel === undefined) return '-ERR invalid uuid\n';
    const other = host.channels.get(channel.partnerUuid ?? '');
    const how = BROADCAST_LEGS.includes(leg.toLowerCase()) ? leg.toLowerCase() : 'aleg';
    for (const command of broadcast(path)) {
      if (how === 'bleg' || how === 'both') other?.queueCommand(command);
      if (how === 'aleg' || how === 'both') channel.queueCommand(command);
    }
    return '+OK Message sent\n';
  },
  uuid_bridge: (argument, host) => {
    const [uuid = '', otherUuid = ''] = commandWords(argument, 4);
    if (otherUuid === '') return '-USAGE: <uuid> <other_uuid>\n';
    const [channel, other] = [host.channels.get(uuid), host.channels.get(otherUuid)];
    if (channel === undefined || other === undefined) return '-ERR Invalid uuid\n';
    if (!channel.mediaUp && !other.mediaUp) return '-ERR Invalid uuid\n';
    // A channel without media cannot be the one that asks.
    if (channel.mediaUp) channel.bridgeWith(other);
    else other.bridgeWith(channel);
    return `+OK ${otherUuid}\n`;
  },
  uuid_displace: (argument, host) => host.displacer.run(argument, host.channels),
  uuid_record: (argument, host) => host.recorder.run(argument, host),
  uuid_buglist: (argument, host) => {
    if (argument === '') return '-USAGE: <uuid>\n';
    const channel = host.channels.get(argument);
    if (channel === undefined) return NOTHING;
    const bugs = channel.bugs.map(
      (bug) =>
        ` <media-bug>\n  <function>${bug.function}</function>\n  <target>${bug.target}</target>\n  <thread-locked>0</thread-locked>\n </media-bug>\n`,
    );
    return `<media-bugs>\n${bugs.join('')}</media-bugs>\n`;
  },
  uuid_pre_answer: (argument, host) => {
    const channel = host.channels.get(argument);
    channel?.preAnswer();
    return channel === undefined ? '-ERROR\n' : '+OK\n';
  },
  uuid_phone_event: (argument, host) => {
    // The phone's own business: nothing of it is seen here.
    if (argument === '') return `-USAGE: <uuid>\n${FAILED}`;
    return host.channels.has(commandWords(argument, 2)[0]!) ? '+OK Success\n' : FAILED;
  },
  uuid_deflect: (argument, host) => {
    const [uuid = '', uri = ''] = commandWords(argument, 2);
    if (uri === '') return '-USAGE: <uuid> <uri>\n';
    const channel = host.channels.get(uuid);
    if (channel === undefined) return `-ERR No such channel ${uuid}!\n`;
    channel.hangup(causeNumber('BLIND_TRANSFER'));
    return '+OK:no reply\n';
  },
  uuid_dump: onChannel('<uuid> [format]', 2, (channel, [, format = 'txt'], host) => {
    const source = { file: 'mod_commands.c', function: 'uuid_dump_function', line: 6487 };
    const event = host.factory.make({ name: 'CHANNEL_DATA', source, headers: channelHeaders(channel.describe()) });
    const kind = format.toLowerCase();
    return serializeEvent(event, kind === 'json' || kind === 'xml' ? kind : kind === 'plain' ? 'text' : 'plain');
  }),
};

/** What `uuid_broadcast` has a channel's thread do; nothing that clients want otherwise is done beside it. */
function broadcast(path: string): EslRequest[] {
  const [first, ...rest] = path.split('::');
  const [name = '', cause] = rest.length > 0 ? first!.split('!') : ['playback'];
  const execute = (application: string, data: string): EslRequest => ({
    command: 'sendmsg',
    headers: [
      ['call-command', 'execute'],
      ['execute-app-name', application],
      ['execute-app-arg', data],
      ['event-lock', 'true'],
      ['lead-frames', '5'],
    ],
    body: null,
  });
  const play = execute(name, rest.length > 0 ? rest.join('::') : path);
  return cause === undefined ? [play] : [play, execute('hangup', cause)];
}

/** An empty value unsets. */
function setVariable(channel: SimulatedChannel, name: string, value: string): void {
  if (value === '') channel.variables.delete(name);
  else channel.variables.set(name, value);
}

function getVariable(channel: SimulatedChannel, name: string, host: SwitchApiHost): string {
  const description = channel.describe();
  const profile: Readonly<Record<string, string>> = {
    caller_id_number: description.from,
    caller_id_name: description.callerName,
    destination_number: description.to,
    dialplan: description.dialplan,
    context: 'default',
    network_addr: '127.0.0.1',
  };
  const fromProfile = Object.hasOwn(profile, name) ? profile[name] : undefined;
  return channel.variables.get(name) ?? fromProfile ?? host.globals.get(name) ?? '_undef_';
}
