/**
 * What an operator puts into a stock Asterisk, and the configuration of talkspurt that fits it. `talkspurt asterisk dialplan`
 * prints it; examples/asterisk/ holds it as it is printed by default.
 */
import { isIP } from 'node:net';
import { TalkspurtError } from '../../core/errors.ts';
import { isProfileName } from '../profile-name.ts';
import type { StasisResult } from './stasis-result.ts';

/** Media paths that the files are made for; `all`: each of them. */
export type SnippetMedia = 'all' | 'rtp' | 'audiosocket' | 'websocket';

/** What the snippets are made for. */
export interface AsteriskSnippetOptions {
  /** Profile that the extensions start. */
  readonly profile: string;
  /** Stasis application, ARI user and name of the WebSocket client in one. */
  readonly app: string;
  /** IPv4 address of talkspurt as Asterisk sees it. */
  readonly host: string;
  readonly media: SnippetMedia;
  /** Port of Asterisk's HTTP server. */
  readonly httpPort: number;
  /** Ports that talkspurt listens on. */
  readonly audioSocketPort: number;
  readonly webSocketPort: number;
}

/** One file. */
export interface AsteriskSnippet {
  readonly file: string;
  readonly text: string;
}

/** The ones that examples/asterisk/ is made with. */
export const DEFAULT_ASTERISK_SNIPPET_OPTIONS: AsteriskSnippetOptions = {
  profile: 'reception',
  app: 'talkspurt',
  host: '127.0.0.1',
  media: 'all',
  httpPort: 8088,
  audioSocketPort: 9092,
  webSocketPort: 8787,
};

const APPLICATION = /^[A-Za-z0-9_.-]{1,64}$/;

/** Every file, in the order in which they are needed. @throws ERR_TALKSPURT_CONFIG_INVALID for options that fit nowhere */
export function asteriskSnippets(
  options: AsteriskSnippetOptions = DEFAULT_ASTERISK_SNIPPET_OPTIONS,
): readonly AsteriskSnippet[] {
  const { profile, app, host, httpPort, audioSocketPort, webSocketPort, media } = options;
  if (!isProfileName(profile)) throw invalid('the profile is a word of letters, digits, _ and -');
  if (!APPLICATION.test(app)) throw invalid('the application is a word of letters, digits and ._-');
  if (isIP(host) !== 4) throw invalid('the host is an IPv4 address: the one that Asterisk reaches talkspurt at');
  for (const port of [httpPort, audioSocketPort, webSocketPort])
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalid('a port is a number from 1 to 65535');
  return [
    { file: 'http.conf', text: httpConf(options) },
    { file: 'ari.conf', text: ariConf(options) },
    { file: 'extensions.conf', text: extensionsConf(options) },
    ...(takes(media, 'websocket') ? [{ file: 'websocket_client.conf', text: webSocketClientConf(options) }] : []),
    { file: 'talkspurt.yaml', text: ownConfiguration(options) },
  ];
}

function takes(media: SnippetMedia, path: SnippetMedia): boolean {
  return media === 'all' || media === path;
}

function httpConf({ httpPort, host }: AsteriskSnippetOptions): string {
  const remote = host.startsWith('127.')
    ? `; For talkspurt on another host leave bindaddr as it is and add TLS, with a certificate that it can verify:
;tlsenable = yes
;tlsbindaddr = 0.0.0.0:8089
;tlscertfile = /etc/asterisk/keys/asterisk.pem
;tlsprivatekey = /etc/asterisk/keys/asterisk.key
`
    : `; talkspurt is on another host: it comes by TLS, with a certificate that it can verify. Fill these in and take the marks off.
;tlsenable = yes
;tlsbindaddr = 0.0.0.0:8089
;tlscertfile = /etc/asterisk/keys/asterisk.pem
;tlsprivatekey = /etc/asterisk/keys/asterisk.key
`;
  return `; http.conf: the HTTP server that ARI and chan_websocket are reached by. Whoever gets in here owns the switch: loopback.
[general]
enabled = yes
bindaddr = 127.0.0.1
bindport = ${httpPort}
; One for each WebSocket; the stock limit of 100 would be the limit of calls by \`media.websocket.mode: client\`.
sessionlimit = 1000
${remote}`;
}

function ariConf({ app, host }: AsteriskSnippetOptions): string {
  return `; ari.conf: talkspurt logs in as this user. Change the password; it goes into TALKSPURT_SWITCHES__<NAME>__PASSWORD too.
[general]
enabled = yes

[${app}]
type = user
read_only = no
password = change-me
; Nobody else may be this user.
deny = 0.0.0.0/0.0.0.0
permit = ${host}/255.255.255.255
`;
}

function extensionsConf(options: AsteriskSnippetOptions): string {
  const { app, profile, media } = options;
  return `; extensions.conf, or a file of its own that is included there: #include talkspurt.conf
; Let calls in with \`include => talkspurt\` in the context they arrive in, or with Goto(talkspurt,talk,1).

[talkspurt]
; The call is given to profile ${profile}; talkspurt answers it. It comes back here when the voice has left and the caller has not.
exten => talk,1,Set(TALKSPURT_RESULT=)
 same => n,Stasis(${app},profile=${profile})
 ; Not taken in by anybody: talkspurt does not run, or has no link.
 same => n,ExecIf($["\${TALKSPURT_RESULT}"=""]?Set(TALKSPURT_RESULT=refused))
 same => n,Verbose(2,talkspurt: \${TALKSPURT_RESULT} \${TALKSPURT_REASON})
 same => n,Goto(talkspurt-result,\${TALKSPURT_RESULT},1)

; The same under a number.
exten => 7001,1,Goto(talk,1)
${takes(media, 'audiosocket') ? audioSocketExtension(options) : ''}
; What follows, by \${TALKSPURT_RESULT}. Put what your callers should get in place of Hangup: Queue, Dial, VoiceMail, Goto.
[talkspurt-result]
${followingLines()}
; Words of later versions.
exten => _[a-z].,1,Hangup(16)
`;
}

/** What a dialplan is to do after each result; every one of them is here. */
const FOLLOWING: Readonly<Record<StasisResult, { readonly about: string; readonly cause: number }>> = {
  completed: { about: 'The voice is done with the call, or an operator is: TALKSPURT_REASON says who.', cause: 16 },
  transferred: {
    about: 'Its phone was to call somebody else, and did not. A transfer to an extension goes there, and not by here.',
    cause: 16,
  },
  refused: {
    about: 'It had no voice: talkspurt is not there, is full, is being stopped, or does not know the profile.',
    cause: 42,
  },
  failed: { about: 'The voice was lost on the way. A person is the best answer.', cause: 41 },
  orphaned: { about: 'talkspurt died while it talked, and nobody took its call over.', cause: 41 },
};

function followingLines(): string {
  return Object.entries(FOLLOWING)
    .map(([result, { about, cause }]) => `; ${about}\nexten => ${result},1,Hangup(${cause})`)
    .join('\n');
}

function audioSocketExtension({ host, audioSocketPort }: AsteriskSnippetOptions): string {
  return `
; Without ARI: audio only, 8 kHz, profile of \`media.audioSocket.profile\`. No transfer, no result.
exten => socket,1,Answer()
 same => n,AudioSocket(\${UUID()},${host}:${audioSocketPort})
 same => n,Hangup(16)
exten => 7002,1,Goto(socket,1)
`;
}

function webSocketClientConf({ app, host, webSocketPort }: AsteriskSnippetOptions): string {
  const tls = host.startsWith('127.')
    ? ''
    : '; talkspurt is on another host: the audio and the password are in the clear on the way there.\n';
  return `; websocket_client.conf: only for \`media.websocket.mode: server\`, where Asterisk's chan_websocket dials talkspurt, each call
; by a connection of its own. With \`client\` talkspurt dials Asterisk, and none of this is needed.
${tls}[${app}]
type = websocket_client
connection_type = per_call_config
uri = ws://${host}:${webSocketPort}/media
protocols = media
; The same in \`media.websocket\`; the password in TALKSPURT_SWITCHES__<NAME>__MEDIA__WEBSOCKET__PASSWORD.
username = asterisk
password = change-me-too
connection_timeout = 1000
reconnect_interval = 500
reconnect_attempts = 2
tls_enabled = no
`;
}

function ownConfiguration(options: AsteriskSnippetOptions): string {
  const { app, profile, host, httpPort } = options;
  const local = host.startsWith('127.');
  const link = local
    ? `    host: 127.0.0.1
    port: ${httpPort}`
    : `    # Address of Asterisk and its tlsbindaddr.
    host: asterisk.example
    port: 8089
    tls: true`;
  return `# talkspurt.yaml: the other end of these files. Its agent is scripted and needs no key: put a backend of your own in its place.
# Passwords come from the environment: TALKSPURT_SWITCHES__PBX__PASSWORD is the one of ari.conf.
switches:
  - name: pbx
    kind: asterisk
${link}
    username: ${app}
    app: ${app}
    profile: ${profile}
${ownMedia(options, local)}
backends:
  rehearsal: { kind: embedded }
profiles:
  ${profile}: { backend: rehearsal, greeting: Say hello. }
`;
}

function ownMedia(
  { media, app, host, profile, audioSocketPort, webSocketPort }: AsteriskSnippetOptions,
  local: boolean,
) {
  const lines = [`    media:`, `      kind: ${media === 'all' ? 'auto' : media}`];
  if (!local) lines.push(`      bindHost: ${host}`);
  if (takes(media, 'audiosocket')) lines.push(`      audioSocket: { port: ${audioSocketPort}, profile: ${profile} }`);
  if (takes(media, 'websocket')) {
    lines.push(
      '      websocket:',
      '        # server: Asterisk dials us, by websocket_client.conf. Then the other three are needed too.',
      '        mode: client',
      `        # client: ${app}`,
      `        # port: ${webSocketPort}`,
      '        # username: asterisk',
    );
  }
  return lines.join('\n');
}

function invalid(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
}
