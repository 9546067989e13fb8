/**
 * What an operator puts into a stock FreeSWITCH: the command `uuid_audio_stream` for its own fs_cli and dialplan, with
 * nothing compiled. `talkspurt freeswitch snippets` prints it; examples/freeswitch/ holds it as it is printed by default.
 */
import { CALL_VERBS, COMMAND_NAME, FOLLOWING_WORDS, GLOBAL_VERBS } from '../../commands/command.ts';
import { TalkspurtError } from '../../core/errors.ts';
import { COMMAND_SUBCLASS, REPLY_SUBCLASS } from './command-front.ts';
import { COMMAND_LUA, STARTUP_LUA } from './freeswitch-snippets-lua.ts';
import { PROFILE_VARIABLE, REFUSED_VARIABLE } from './outbound-socket-channel.ts';

/** What the snippets are made for. */
export interface SnippetOptions {
  /** Profile that the examples start. */
  readonly profile: string;
  /** Where the outbound socket of talkspurt listens, `host:port`. */
  readonly socket: string;
}

/** One file. */
export interface Snippet {
  readonly file: string;
  readonly text: string;
}

/** The ones that examples/freeswitch/ is made with. */
export const DEFAULT_SNIPPET_OPTIONS: SnippetOptions = { profile: 'reception', socket: '127.0.0.1:8084' };

const SCRIPT = `${COMMAND_NAME}.lua`;
const STARTUP_SCRIPT = 'talkspurt_startup.lua';
const PROFILE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const SOCKET = /^[A-Za-z0-9.-]{1,253}:\d{1,5}$/;

/** Every file, in the order in which they are needed. @throws ERR_TALKSPURT_CONFIG_INVALID for options that fit nowhere */
export function freeswitchSnippets(options: SnippetOptions = DEFAULT_SNIPPET_OPTIONS): readonly Snippet[] {
  if (!PROFILE.test(options.profile)) throw invalid('the profile is a word of letters, digits and ._-');
  if (!SOCKET.test(options.socket)) throw invalid('the outbound socket is host:port');
  return [
    { file: SCRIPT, text: filled(COMMAND_LUA) },
    { file: STARTUP_SCRIPT, text: filled(STARTUP_LUA) },
    { file: 'fs_cli.txt', text: consoleLines() },
    { file: 'lua.conf.xml', text: LUA_CONF },
    { file: 'dialplan.xml', text: dialplan(options) },
    { file: 'event_socket.conf.xml', text: EVENT_SOCKET_CONF },
  ];
}

/** The lines that make the command known to fs_cli; the alias survives a restart, completion does not. */
export function consoleCommands(): readonly string[] {
  const call = `complete add ${COMMAND_NAME} ::console::list_uuid`;
  return [
    `alias stickyadd ${COMMAND_NAME} lua ${SCRIPT}`,
    ...CALL_VERBS.flatMap((verb) => {
      const words = FOLLOWING_WORDS[verb];
      return words === undefined ? [`${call} ${verb}`] : words.map((word) => `${call} ${verb} ${word}`);
    }),
    ...GLOBAL_VERBS.map((verb) => `complete add ${COMMAND_NAME} ${verb}`),
  ];
}

function consoleLines(): string {
  return `${consoleCommands().join('\n')}\n`;
}

function filled(lua: string): string {
  const list = consoleCommands()
    .map((line) => `  "${line}",`)
    .join('\n');
  return lua
    .replaceAll('@COMMAND_SUBCLASS@', COMMAND_SUBCLASS)
    .replaceAll('@REPLY_SUBCLASS@', REPLY_SUBCLASS)
    .replaceAll('@REFUSED_VARIABLE@', REFUSED_VARIABLE)
    .replaceAll('@CONSOLE_COMMANDS@', list);
}

const LUA_CONF = `<!-- autoload_configs/lua.conf.xml: completion is not kept over a restart, so it is set up at every start. -->
<configuration name="lua.conf" description="LUA Configuration">
  <settings>
    <param name="startup-script" value="${STARTUP_SCRIPT}"/>
  </settings>
</configuration>
`;

const EVENT_SOCKET_CONF = `<!--
  autoload_configs/event_socket.conf.xml: where talkspurt logs in. Keep it on loopback, or on an address that only
  talkspurt reaches and with an access list of its own: who gets in here owns the switch. Change the password.
-->
<configuration name="event_socket.conf" description="Socket Client">
  <settings>
    <param name="nat-map" value="false"/>
    <param name="listen-ip" value="127.0.0.1"/>
    <param name="listen-port" value="8021"/>
    <param name="password" value="change-me"/>
    <param name="apply-inbound-acl" value="loopback.auto"/>
  </settings>
</configuration>

<!--
  For talkspurt on another host: listen-ip of that network, apply-inbound-acl "talkspurt", and in
  autoload_configs/acl.conf.xml, inside <network-lists>:

  <list name="talkspurt" default="deny">
    <node type="allow" cidr="192.0.2.10/32"/>
  </list>
-->
`;

function dialplan({ profile, socket }: SnippetOptions): string {
  return `<!-- Extensions for a dialplan context, such as dialplan/default/00_talkspurt.xml. Use one way, not all three. -->
<include>
  <!-- 1. The call is handed over. It comes back here, to the action behind, only when talkspurt does not take it. -->
  <extension name="talkspurt_socket">
    <condition field="destination_number" expression="^7001$">
      <action application="answer"/>
      <action application="set" data="${PROFILE_VARIABLE}=${profile}"/>
      <action application="socket" data="${socket} async full"/>
      <action application="log" data="WARNING talkspurt did not take the call: \${${REFUSED_VARIABLE}}"/>
      <action application="hangup" data="NORMAL_TEMPORARY_FAILURE"/>
    </condition>
  </extension>

  <!-- 2. The profile in the address of the socket instead of a variable. -->
  <extension name="talkspurt_socket_path">
    <condition field="destination_number" expression="^7002$">
      <action application="answer"/>
      <action application="socket" data="${socket}/${profile} async full"/>
      <action application="hangup" data="NORMAL_TEMPORARY_FAILURE"/>
    </condition>
  </extension>

  <!-- 3. The command, for the call itself: the UUID may be left out. -->
  <extension name="talkspurt_lua">
    <condition field="destination_number" expression="^7003$">
      <action application="answer"/>
      <action application="lua" data="${SCRIPT} start ${profile}"/>
      <action application="hangup" data="NORMAL_TEMPORARY_FAILURE"/>
    </condition>
  </extension>
</include>
`;
}

function invalid(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
}
