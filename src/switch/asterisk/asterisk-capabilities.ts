/**
 * What the Asterisk at the other end can do for a call's audio: by the modules that it runs, and by its version where no module
 * tells.
 *
 *     GET asterisk/info ─┐
 *     GET asterisk/modules ─┴▶ for each media path the formats that it can have, or what it lacks
 */
import { TalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { AriLink } from './ari-link.ts';
import { protocolError } from './ari-link-error.ts';
import { fieldsOf } from './stasis-channel.ts';

/** A way to get a call's audio out of and into Asterisk. */
export type MediaPathKind = 'rtp' | 'audiosocket' | 'websocket';

/** All of them, best first: by the delay that each adds and what it needs (docs/benches.md). */
const MEDIA_PATHS: readonly MediaPathKind[] = ['rtp', 'audiosocket', 'websocket'];

/** What one way can do. */
export interface PathCapability {
  /** Asterisk's names of the formats that it can have whatever the caller speaks; empty: it cannot be taken. */
  readonly formats: readonly string[];
  /** Why it cannot be taken, and the fix; null when it can. */
  readonly lack: string | null;
}

/** What one Asterisk can do. */
export interface AsteriskCapabilities {
  /** As it says it: `22.10.1+dfsg`. */
  readonly version: string;
  /** Its modules that run, without `.so`; null: it does not tell, and everything that its version has is taken to be there. */
  readonly modules: ReadonlySet<string> | null;
  readonly paths: Readonly<Record<MediaPathKind, PathCapability>>;
  /** A call cannot be held without it, whatever the path: what is missing and the fix; null: nothing. */
  readonly lack: string | null;
  /** Modules that we know a use for and that it does not run. */
  readonly missing: readonly string[];
}

type Minors = Readonly<Record<number, number>>;

/** First release of each series; later series have it, those between two that are named do not. From Asterisk's change logs. */
const EXTERNAL_MEDIA: Minors = { 16: 6, 17: 0 };
const AUDIOSOCKET: Minors = { 18: 0 };
const AUDIOSOCKET_WIDEBAND: Minors = { 20: 17, 21: 12, 22: 7, 23: 1 };
/** With JSON messages: an older one (from 22.6 on) does not say in its MEDIA_START which channel it is. */
const WEBSOCKET: Minors = { 20: 18, 22: 8, 23: 2 };

/** Without these no call can be held. A request of a resource that is not loaded is a 404 like one of a channel that has left. */
const NEEDED = ['app_stasis', 'res_stasis', 'res_ari_applications', 'res_ari_bridges', 'res_ari_channels'];
const PATH_MODULES: Readonly<Record<MediaPathKind, readonly string[]>> = {
  rtp: ['chan_rtp', 'res_rtp_asterisk'],
  audiosocket: ['chan_audiosocket', 'res_audiosocket'],
  websocket: ['chan_websocket', 'res_http_websocket', 'res_websocket_client'],
};
const CODECS = ['codec_ulaw', 'codec_alaw', 'codec_g722', 'codec_resample'];
const OPTIONAL = [
  ...['app_audiosocket', 'res_stasis_snoop', 'res_stasis_playback', 'res_stasis_recording'],
  // Without them: a transfer to nowhere ends the call; a caller's own codec is not known, and G.711 is transcoded.
  ...['func_dialplan', 'func_channel'],
];
/** One of them bridges two. */
const BRIDGES = ['bridge_simple', 'bridge_softmix'];
/** What a format needs besides the path where the caller's is another. slin is Asterisk's own. */
const FORMAT_MODULE: Readonly<Record<string, string>> = {
  ulaw: 'codec_ulaw',
  alaw: 'codec_alaw',
  g722: 'codec_g722',
  slin16: 'codec_resample',
  slin24: 'codec_resample',
  slin48: 'codec_resample',
};
const WIDE_SLIN = ['slin16', 'slin24', 'slin48'];
/** What each path carries at its best; whether a configuration can be right is judged by it too. */
export const PATH_FORMATS: Readonly<Record<MediaPathKind, readonly string[]>> = {
  rtp: ['ulaw', 'alaw', 'g722', 'slin'],
  audiosocket: ['slin', ...WIDE_SLIN],
  websocket: ['ulaw', 'alaw', 'slin', ...WIDE_SLIN],
};

/**
 * Asks. What is refused counts as not told: an older or a closed Asterisk is judged by its version.
 * @throws ERR_TALKSPURT_LINK_*
 */
export async function askCapabilities(link: Pick<AriLink, 'request'>, version: string): Promise<AsteriskCapabilities> {
  let answer: unknown = null;
  try {
    answer = await link.request({ method: 'GET', path: 'asterisk/modules' });
  } catch (error) {
    if (!hasCode(error, 'ERR_TALKSPURT_ARI_REFUSED')) throw error;
  }
  return capabilitiesOf(version, answer === null ? null : readModules(answer));
}

/** Names of the modules that run, from the answer of `GET asterisk/modules`. @throws ERR_TALKSPURT_LINK_PROTOCOL */
export function readModules(answer: unknown): ReadonlySet<string> {
  if (!Array.isArray(answer)) throw protocolError('a list of modules that is none');
  const names = answer.slice(0, LIMITS.ariModules).flatMap((each) => {
    const { name, status } = fieldsOf(each);
    return typeof name === 'string' && status === 'Running' ? [name.replace(/\.so$/, '')] : [];
  });
  return new Set(names);
}

/** What follows from a version and the modules that run. Never throws. */
export function capabilitiesOf(version: string, modules: ReadonlySet<string> | null): AsteriskCapabilities {
  const release = releaseOf(version);
  const lacking = (names: readonly string[]): string[] =>
    modules === null ? [] : names.filter((name) => !modules.has(name));
  const path = (kind: MediaPathKind, since: Minors, formats: readonly string[]): PathCapability => {
    const lack = !has(release, since)
      ? `Asterisk ${version} is too old for it: it needs ${seriesOf(since)} or later`
      : notLoaded(lacking(PATH_MODULES[kind]));
    if (lack !== null) return { formats: [], lack };
    const hasCodec = (format: string): boolean => {
      const codec = FORMAT_MODULE[format];
      return codec === undefined || modules === null || modules.has(codec);
    };
    return { formats: formats.filter(hasCodec), lack: null };
  };
  const wideband = has(release, AUDIOSOCKET_WIDEBAND);
  const bridges = lacking(BRIDGES);
  return {
    version,
    modules,
    paths: {
      rtp: path('rtp', EXTERNAL_MEDIA, PATH_FORMATS.rtp),
      // Before, every rate came as the one kind that means 8 kHz.
      audiosocket: path('audiosocket', AUDIOSOCKET, wideband ? PATH_FORMATS.audiosocket : ['slin']),
      websocket: path('websocket', WEBSOCKET, PATH_FORMATS.websocket),
    },
    lack: notLoaded([...lacking(NEEDED), ...(bridges.length === BRIDGES.length ? bridges.slice(0, 1) : [])]),
    missing: lacking([...NEEDED, ...Object.values(PATH_MODULES).flat(), ...CODECS, ...BRIDGES, ...OPTIONAL]),
  };
}

/** What calls are to be carried by, as a configuration has it. */
export interface MediaWish {
  readonly switchName: string;
  readonly kind: 'auto' | MediaPathKind;
  readonly format: string;
}

/**
 * The way that is taken: of `auto` the first that this Asterisk has and that can have the format.
 * @throws ERR_TALKSPURT_NOT_SUPPORTED, which names the field and the fix
 */
export function choosePath(capabilities: AsteriskCapabilities, wish: MediaWish): MediaPathKind {
  return pathsFor(capabilities, wish)[0]!;
}

/** Every way that would do, best first; never empty. @throws ERR_TALKSPURT_NOT_SUPPORTED */
export function pathsFor(capabilities: AsteriskCapabilities, wish: MediaWish): readonly MediaPathKind[] {
  const { switchName, kind, format } = wish;
  if (capabilities.lack !== null)
    throw unfit(`Asterisk behind switch ${switchName} cannot hold a call: ${capabilities.lack}`);
  const tried = kind === 'auto' ? MEDIA_PATHS : [kind];
  const reasons = tried.map((each) => [each, whyNot(capabilities, each, format)] as const);
  const fit = reasons.flatMap(([each, why]) => (why === null ? [each] : []));
  if (fit.length > 0) return fit;
  if (kind === 'auto') {
    const all = reasons.map(([each, why]) => `${each}: ${why}`).join('; ');
    throw unfit(
      `no media path of switch ${switchName} can be had (media.kind is auto, media.format ${format}). ${all}`,
    );
  }
  const field =
    capabilities.paths[kind].lack === null
      ? `media.format of switch ${switchName} is ${format}`
      : `media.kind of switch ${switchName} is ${kind}`;
  throw unfit(`${field}, and this Asterisk cannot do it: ${reasons[0]![1]}; or set it to auto`);
}

/** Capabilities for people: `rtp ulaw,alaw,g722,slin; audiosocket none; websocket …`. */
export function describeCapabilities({ paths }: AsteriskCapabilities): string {
  return MEDIA_PATHS.map((kind) => `${kind} ${paths[kind].formats.join(',') || 'none'}`).join('; ');
}

function whyNot({ version, paths }: AsteriskCapabilities, kind: MediaPathKind, format: string): string | null {
  const { formats, lack } = paths[kind];
  if (lack !== null) return lack;
  if (format === 'auto' ? formats.length > 0 : formats.includes(format)) return null;
  if (!PATH_FORMATS[kind].includes(format)) return `${kind} has no ${format}, but ${PATH_FORMATS[kind].join(', ')}`;
  const old = kind === 'audiosocket' && !has(releaseOf(version), AUDIOSOCKET_WIDEBAND);
  if (old)
    return `AudioSocket of Asterisk ${version} has slin only: wideband needs ${seriesOf(AUDIOSOCKET_WIDEBAND)} or later`;
  return notLoaded([FORMAT_MODULE[format] ?? format]);
}

function notLoaded(names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const loads = names.map((name) => `module load ${name}.so`).join(', ');
  return `it does not run ${names.join(' and ')} (${loads}; and look into modules.conf)`;
}

/** Series and release within it; null: a build that says neither, which is taken for a new one. */
function releaseOf(version: string): readonly [number, number] | null {
  const [, series, release] = /^(?:certified[/-])?(\d{1,3})\.(\d{1,3})/.exec(version) ?? [];
  return series === undefined ? null : [Number(series), Number(release)];
}

function has(release: readonly [number, number] | null, since: Minors): boolean {
  if (release === null) return true;
  const [series, minor] = release;
  const first = since[series];
  if (first !== undefined) return minor >= first;
  return series > Math.max(...Object.keys(since).map(Number));
}

function seriesOf(since: Minors): string {
  return Object.entries(since)
    .map(([series, minor]) => `${series}.${minor}`)
    .join(', ');
}

function unfit(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
}
