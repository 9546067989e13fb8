/** What a configuration would do, in lines for people. Of secrets only whether they are there; of prompts nothing. */
import { LIMITS } from '../limits.ts';
import { usesModule } from './config-references.ts';
import type { StatusConfig } from './config-status.ts';
import type { SpeechConfig } from './config-speech-checks.ts';
import type {
  BackendConfig,
  Config,
  FrontDoorConfig,
  ModulesConfig,
  ProfileConfig,
  SipConfig,
  SwitchConfig,
} from './load-config.ts';

/** A line for each thing that would be done; warnings come last and begin with `warning:`. */
export function describeConfig(config: Config): string[] {
  const { status, log, limits } = config;
  const lines = [
    `configuration: ${config.source}`,
    `log: ${log.level} and above as ${log.format}, ${log.personalData ? 'WITH' : 'without'} personal data`,
    `calls: at most ${limits.calls} at once`,
    status === false ? 'status server: none' : statusLine(status),
    config.frontDoor === false ? 'front door: closed' : frontDoorLine(config.frontDoor),
    config.outboundSocket === false
      ? 'outbound socket: closed'
      : `outbound socket: listens on ${address(config.outboundSocket.host, config.outboundSocket.port)}`,
    config.sip === false ? 'sip: closed' : sipLine(config.sip),
    ...(config.switches.some(usesModule) ? [modulesLine(config.modules)] : []),
    config.sounds.directory === undefined ? 'sounds: no files' : `sounds: files of ${config.sounds.directory}`,
    config.records.folder === undefined
      ? 'call records: none'
      : `call records: to ${config.records.folder}, ${config.records.days} days, at most ${config.records.maxMegabytes} MB`,
    config.recordings.directory === undefined ? 'recordings: none' : `recordings: to ${config.recordings.directory}`,
    ...config.switches.map(switchLine),
    ...Object.entries(config.backends).map(([name, backend]) => backendLine(name, backend)),
    ...Object.entries(config.profiles).map(([name, profile]) => profileLine(name, profile)),
  ];
  return [...lines, ...[...config.warnings, ...idleWarnings(config)].map((warning) => `warning: ${warning}`)];
}

function frontDoorLine({ host, port, allow }: FrontDoorConfig): string {
  return `front door: listens on ${address(host, port)}, password set, lets in ${allow.join(', ')}`;
}

function modulesLine({ host, port, allow, username, certFile }: ModulesConfig): string {
  const login = username === undefined ? 'without login' : 'with login';
  const protocol = certFile === undefined ? 'ws' : 'wss';
  return `modules: listens on ${address(host, port)} (${protocol}), ${login}, lets in ${allow.join(', ')}`;
}

function sipLine({ host, port, protocols, allow, username, rtpPorts }: SipConfig): string {
  const login = username === undefined ? 'no login' : 'digest login';
  const rtp = `RTP ports ${rtpPorts.from}-${rtpPorts.to}`;
  return `sip: listens on ${address(host, port)} (${protocols.join(', ')}), ${login}, lets in ${allow.join(', ')}, ${rtp}`;
}

function switchLine(entry: SwitchConfig): string {
  const { name, kind, host, port, media } = entry;
  const seen = media.advertiseHost === undefined ? '' : `, seen by the switch as ${media.advertiseHost}`;
  const where = `switch ${name}: ${kind} at ${address(host, port)}, password set; ${media.kind} on ${media.bindHost}`;
  if (entry.kind === 'asterisk') {
    const { format, ports } = entry.media;
    const range = media.kind === 'rtp' || media.kind === 'auto' ? `ports ${ports.from}-${ports.to}` : 'TCP';
    return `${where} (${range}${seen}), format ${format}; application ${entry.app}`;
  }
  const { native, portRange } = entry.media;
  const range = portRange === undefined ? 'any free port' : `ports ${portRange.from}-${portRange.to}`;
  return `${where} (${range}${seen}), ${native ? "the leg's own G.711 where it has it" : 'always L16'}`;
}

function statusLine({ host, port, readToken, controlToken, personalData, page }: StatusConfig): string {
  const api = controlToken !== '' ? 'API reads and commands' : readToken !== '' ? 'API reads' : 'API off: no token';
  return [
    `status server: listens on http://${address(host, port)}`,
    api,
    ...(personalData ? ['shows personal data'] : []),
    ...(page ? ['live page'] : []),
  ].join(', ');
}

function backendLine(name: string, backend: BackendConfig): string {
  if (backend.kind === 'embedded')
    return `backend ${name}: embedded, scripted, no network, at most ${LIMITS.simulatedSessions} conversations at once`;
  if (backend.kind === 'websocket') {
    const { url, mix = 'mono', sampleRateHz = 16_000 } = backend;
    return `backend ${name}: websocket at ${new URL(url).host}, ${mix}, L16 at ${sampleRateHz} Hz`;
  }
  if (backend.kind === 'deepgram') return deepgramLine(name, backend);
  if (backend.kind === 'gemini') return geminiLine(name, backend);
  const { model, voice, baseUrl, apiKey, turnDetection, transcriptionModel, speech } = backend;
  return [
    // The address without its query, which may hold a key.
    `backend ${name}: openai at ${baseUrl === undefined ? 'its own address' : new URL(baseUrl).host}`,
    `model ${model}`,
    speech === undefined ? `voice ${voice ?? 'of its choice'}` : `writes, ${speechWords(speech)}`,
    `key ${apiKey === '' ? 'NOT set' : 'set'}`,
    `turns by ${turnDetection?.type ?? 'server_vad'}`,
    `caller ${transcriptionModel === undefined ? 'not transcribed' : `transcribed by ${transcriptionModel}`}`,
  ].join(', ');
}

function speechWords({ engine, voice, fallback }: SpeechConfig): string {
  const who = `spoken by ${engine}${voice === undefined ? '' : ` (${voice})`}`;
  return fallback === null ? who : `${who}, by ${fallback.engine} when that fails`;
}

function deepgramLine(name: string, backend: Extract<BackendConfig, { kind: 'deepgram' }>): string {
  const { listenModel, model, voice, url, apiKey, agent, tools, greeting } = backend;
  const parts = typeof agent === 'object' ? agent : {};
  const chosen = (own: string | undefined, part: string): string =>
    own ?? (parts[part] === undefined ? 'of its choice' : 'as agent says');
  return [
    // The address without its query, which may hold a key.
    `backend ${name}: deepgram at ${url === undefined ? 'its own address' : new URL(url).host}`,
    ...(typeof agent === 'string'
      ? ['an agent that is configured there']
      : [
          `hears by a model ${chosen(listenModel, 'listen')}`,
          `thinks by ${model ?? (parts['think'] === undefined ? 'gpt-4o-mini' : 'a model as agent says')}`,
          `voice ${chosen(voice, 'speak')}`,
          `${tools?.length ?? 0} functions`,
          (greeting ?? '') === '' ? 'no greeting' : 'greets by itself',
        ]),
    `key ${apiKey === '' ? 'NOT set' : 'set'}`,
  ].join(', ');
}

function geminiLine(name: string, backend: Extract<BackendConfig, { kind: 'gemini' }>): string {
  const { model, voice, language, url, apiKey, tools, turnDetection, contextWindowCompression } = backend;
  return [
    // The address without its query, which may hold a key.
    `backend ${name}: gemini at ${url === undefined ? 'its own address' : new URL(url).host}`,
    `model ${model}`,
    `voice ${voice ?? 'of its choice'}${language === undefined ? '' : ` in ${language}`}`,
    `${tools?.length ?? 0} functions`,
    `turns by ${turnDetection?.type === 'none' ? 'our endpointer' : 'its own detector'}`,
    ...(contextWindowCompression === false ? ['sessions of 15 minutes at most'] : []),
    `key ${apiKey === '' ? 'NOT set' : 'set'}`,
  ].join(', ');
}

function profileLine(name: string, { backend, fallbacks, options }: ProfileConfig): string {
  return [
    `profile ${name}: backend ${[backend, ...fallbacks].join(', then ')}`,
    options.greeting === '' ? 'no greeting' : 'greets first',
    `barge-in ${options.bargeIn ? 'on' : 'off'}`,
    `turns end by ${options.turnOwner}`,
    options.maxDurationMs === 0 ? 'no longest call' : `at most ${Math.round(options.maxDurationMs / 1000)} s`,
  ].join(', ');
}

function idleWarnings(config: Config): string[] {
  const warnings: string[] = [];
  if (config.switches.length === 0) warnings.push('there is no switch to attach to: give one under switches');
  if (Object.keys(config.profiles).length === 0) {
    warnings.push('there is no profile, so no call can be started: give one under profiles');
  }
  const used = new Set(Object.values(config.profiles).flatMap(backendsOf));
  for (const [name, profile] of Object.entries(config.profiles)) {
    for (const backend of backendsOf(profile)) {
      const made = config.backends[backend];
      if (made?.kind === 'deepgram' && (made.greeting ?? '') !== '' && profile.options.greeting !== '') {
        warnings.push(`profile ${name} and its backend ${backend} both greet the caller: give one greeting`);
      }
    }
  }
  for (const name of Object.keys(config.backends)) {
    if (!used.has(name)) warnings.push(`backend ${name} is used by no profile`);
  }
  return warnings;
}

function address(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port === 0 ? 'any free port' : port}`;
}

/** In the order in which they are tried. */
function backendsOf({ backend, fallbacks }: ProfileConfig): string[] {
  return [backend, ...fallbacks];
}
