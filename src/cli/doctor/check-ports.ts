/** Ports: those that are listened on, and the ranges of media, against the number of calls. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { isIPv6 } from 'node:net';
import type { Config } from '../../config.ts';
import type { Finding } from './finding.ts';
import { fail, pass, warn } from './finding.ts';

/** Pairs of a range that are tried. */
const TRIED = 32;

interface Listened {
  readonly about: string;
  readonly host: string;
  readonly port: number;
  readonly kind: 'tcp' | 'udp';
}

interface Range {
  readonly about: string;
  readonly host: string;
  readonly from: number;
  readonly to: number;
  /** Ports of one call. */
  readonly each: number;
  readonly key: string;
}

/** Every port and range that the configuration names. */
export async function checkPorts(config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const each of listened(config)) findings.push(await listenable(each));
  for (const range of ranges(config)) findings.push(await usable(range, config.limits.calls));
  return findings;
}

function listened(config: Config): Listened[] {
  const { status, frontDoor, outboundSocket, sip, modules, switches } = config;
  const list: Listened[] = [];
  const tcp = (about: string, host: string, port: number): void => void list.push({ about, host, port, kind: 'tcp' });
  if (status !== false) tcp('status', status.host, status.port);
  if (frontDoor !== false) tcp('frontDoor', frontDoor.host, frontDoor.port);
  if (outboundSocket !== false) tcp('outboundSocket', outboundSocket.host, outboundSocket.port);
  if (sip !== false) {
    for (const kind of sip.protocols) list.push({ about: `sip (${kind})`, host: sip.host, port: sip.port, kind });
  }
  if (switches.some((each) => each.kind === 'freeswitch' && each.media.kind === 'module'))
    tcp('modules', modules.host, modules.port);
  for (const entry of switches) {
    if (entry.kind !== 'asterisk') continue;
    const { kind, bindHost, audioSocket, websocket } = entry.media;
    if (kind === 'audiosocket' || audioSocket.profile !== undefined)
      tcp(`audioSocket of ${entry.name}`, bindHost, audioSocket.port);
    if (kind === 'websocket' && websocket.mode === 'server')
      tcp(`websocket of ${entry.name}`, bindHost, websocket.port);
  }
  return list.filter(({ port }) => port !== 0);
}

function ranges(config: Config): Range[] {
  const list: Range[] = [];
  const { sip, switches } = config;
  const legs = switches.filter((each) => each.kind === 'freeswitch' && each.media.kind === 'sip');
  if (sip !== false && legs.length > 0) {
    list.push({ about: 'sip.rtpPorts', host: sip.host, ...sip.rtpPorts, each: 2, key: 'sip.rtpPorts' });
  }
  for (const entry of switches) {
    if (entry.kind === 'asterisk') {
      const { kind, bindHost, ports } = entry.media;
      if (kind === 'rtp' || kind === 'auto')
        list.push({
          about: `RTP of ${entry.name}`,
          host: bindHost,
          ...ports,
          each: 2,
          key: `media.ports of switch ${entry.name}`,
        });
    } else if (entry.media.kind === 'unicast' && entry.media.portRange !== undefined) {
      const { bindHost, portRange } = entry.media;
      list.push({
        about: `unicast of ${entry.name}`,
        host: bindHost,
        ...portRange,
        each: 1,
        key: `media.portRange of switch ${entry.name}`,
      });
    }
  }
  return list;
}

async function listenable({ about, host, port, kind }: Listened): Promise<Finding> {
  const code = kind === 'tcp' ? await tryTcp(host, port) : await tryUdp(host, port);
  const where = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  if (code === null) return pass('ports.listen', `${where} is free`, { about });
  if (code === 'EADDRINUSE') {
    return warn(
      'ports.listen',
      `${where} is taken: by a talkspurt that runs, or by something else`,
      `see who has it (ss -lnp | grep :${port}); if it is no talkspurt, end it or choose another port`,
      { about },
    );
  }
  return fail('ports.listen', `${where} cannot be bound (${code})`, bindFix(code), { about });
}

async function usable({ about, host, from, to, each, key }: Range, calls: number): Promise<Finding> {
  const size = Math.max(0, to - from + 1);
  const room = Math.floor(size / each);
  const tried = Math.min(TRIED, room);
  let free = 0;
  let refused: string | null = null;
  for (let n = 0; n < tried; n += 1) {
    // Spread over the range, even ports.
    const port = from + ((Math.floor((n * size) / tried) + 1) & ~1);
    const code = await tryUdp(host, Math.min(to, port));
    if (code === null) free += 1;
    else if (code !== 'EADDRINUSE') refused = code;
  }
  const figures = { ports: size, calls: room, tried, free };
  const extra = { about, figures };
  if (refused !== null)
    return fail('ports.range', `ports of ${host} cannot be bound (${refused})`, bindFix(refused), extra);
  if (room < calls)
    return fail(
      'ports.range',
      `${size} ports are enough for ${room} calls, not for ${calls}`,
      `widen ${key} to ${each * calls} ports or more, or lower limits.calls`,
      extra,
    );
  if (free === 0)
    return fail(
      'ports.range',
      `all of ${tried} ports that were tried are taken`,
      `choose another range for ${key}: another program has this one (ss -lunp)`,
      extra,
    );
  if (free < tried / 2)
    return warn(
      'ports.range',
      `${tried - free} of ${tried} ports that were tried are taken`,
      `choose another range for ${key}, apart from that of the switch`,
      extra,
    );
  return pass('ports.range', `${size} ports for at most ${calls} calls, ${free} of ${tried} tried are free`, extra);
}

function bindFix(code: string): string {
  if (code === 'EADDRNOTAVAIL')
    return 'bind to an address of this machine (ip addr), or 0.0.0.0, and put the one that others see into advertiseHost';
  return code === 'EACCES'
    ? 'take a port from 1024 on, or give the service CAP_NET_BIND_SERVICE'
    : 'name an IP address of this machine';
}

/** Null, or the code for which it cannot be bound. */
async function tryTcp(host: string, port: number): Promise<string | null> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

async function tryUdp(host: string, port: number): Promise<string | null> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  return await new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? 'unknown');
    });
    socket.bind(port, host, () => socket.close(() => resolve(null)));
  });
}
