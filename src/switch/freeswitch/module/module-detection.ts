/**
 * Which WebSocket modules a switch has loaded, and what they can do.
 *
 * How does it work? `show api <name>` lists what modules have registered, with their usage text. An alias of the same name, such
 *   as the one that we ship for switches without a module, is no API and is not in that list; running the command would not
 *   tell them apart. The usage text differs between the editions; there is no version to ask for.
 */
import { TalkspurtError } from '../../../core/errors.ts';
import type { SampleRateHz } from '../../../core/media.ts';
import type { EslLink } from '../esl-link.ts';

/**
 * `community`: mod_audio_stream as published. `commercial`: its closed sibling, which plays by itself. `drachtio`: mod_audio_fork as
 * published. `jambonz`: its fork with binary playback.
 */
export type ModuleEdition = 'community' | 'commercial' | 'drachtio' | 'jambonz';

/**
 * How a module gets audio into the call. `file`: it writes what it is sent to a file, and somebody has to play that. `binary`: it
 * mixes binary messages into what the channel is sent.
 */
export type ModulePlay = 'file' | 'binary';

/** One module of a switch. */
export interface ModuleDetection {
  readonly module: 'mod_audio_stream' | 'mod_audio_fork';
  readonly edition: ModuleEdition;
  /** Its API command; its events are `<module>::<what>`. */
  readonly command: 'uuid_audio_stream' | 'uuid_audio_fork';
  readonly canPlay: ModulePlay;
  /** Rates that it sends at and we take, Hz. */
  readonly rates: readonly SampleRateHz[];
  /** Whether several streams of one channel are told apart by a name. */
  readonly named: boolean;
  /** As the switch says it. */
  readonly usage: string;
}

/** What is wanted of a module on one channel. */
export interface ModuleWanted {
  readonly mix: 'mono' | 'mixed' | 'stereo';
  /** Hz. */
  readonly sampleRateHz: number;
  /** Whether audio is to be played to the call. */
  readonly play: boolean;
  /** Whether anything writes to the channel all the time: a bridge, a playback, `send_silence_when_idle` in a park. */
  readonly written: boolean;
}

const MODULES = [
  { module: 'mod_audio_stream', command: 'uuid_audio_stream' },
  { module: 'mod_audio_fork', command: 'uuid_audio_fork' },
] as const;
/** Multiples of 8000, as the modules want them. */
const RATES: readonly SampleRateHz[] = [8000, 16000, 24000, 48000];
/**
 * Rates that the modules' headerless files can be played at. They name them `.r24`, `.r32` and so on by the rate, but FreeSWITCH
 * takes those names for samples of 24 and 32 bits: noise, at another speed.
 */
const FILE_RATES: readonly number[] = [8000, 16000];

/**
 * The modules that are loaded, mod_audio_stream first. `edition` is what an operator knows better: the commercial mod_audio_stream
 * cannot be told from the published one for certain, and counts as it, which works with both.
 * @throws as {@link EslLink.api}
 */
export async function detectModules(
  link: EslLink,
  options: { readonly edition?: 'commercial' } = {},
): Promise<readonly ModuleDetection[]> {
  const found: ModuleDetection[] = [];
  for (const { module, command } of MODULES) {
    const usage = apiUsage(await link.api(`show api ${command}`), command, module);
    if (usage === null) continue;
    const edition = module === 'mod_audio_fork' ? forkEdition(usage) : (options.edition ?? 'community');
    found.push({
      module,
      edition,
      command,
      canPlay: edition === 'jambonz' || edition === 'commercial' ? 'binary' : 'file',
      rates: RATES,
      named: module === 'mod_audio_fork',
      usage,
    });
  }
  return found;
}

/**
 * Says no to what would lose audio without a word.
 * @throws ERR_TALKSPURT_MODULE_UNFIT with the reason and the fix
 */
export function checkModuleFit(detection: ModuleDetection, wanted: ModuleWanted): SampleRateHz {
  const { module, edition, canPlay, rates } = detection;
  const { mix, sampleRateHz, play, written } = wanted;
  const rate = rates.find((each) => each === sampleRateHz);
  if (rate === undefined) {
    throw unfit(`${module} cannot stream at ${sampleRateHz} Hz: take ${rates.join(', ')}`);
  }
  if (mix !== 'mono' && !written) {
    throw unfit(
      `${module} sends nothing in ${mix} while nothing is written to the channel: take mono, bridge the channel first, or park it with send_silence_when_idle=-1`,
    );
  }
  if (!play) return rate;
  if (mix !== 'mono') throw unfit(`whoever talks on a call hears only the caller: take mono instead of ${mix}`);
  if (canPlay === 'file' && !FILE_RATES.includes(rate)) {
    throw unfit(
      `${module} (${edition}) plays from files, which FreeSWITCH reads rightly at ${FILE_RATES.join(' and ')} Hz only: take one of these`,
    );
  }
  if (canPlay === 'binary' && edition === 'jambonz' && !written) {
    throw unfit(
      `${module} (${edition}) mixes its audio into what is written to the channel, and nothing is: park it with send_silence_when_idle=-1, or bridge it`,
    );
  }
  return rate;
}

/** One row of `show api`: `name,description,syntax,ikey`. Null: `name` is no API, or not this module's. */
export function apiUsage(reply: string, name: string, module: string): string | null {
  for (const line of reply.split(/\r?\n/)) {
    if (!line.startsWith(`${name},`) || !line.endsWith(`,${module}`)) continue;
    const rest = line.slice(name.length + 1, -module.length - 1);
    const comma = rest.indexOf(',');
    return comma < 0 ? '' : rest.slice(comma + 1);
  }
  return null;
}

/** The fork by jambonz has learnt to stop what it plays, and names its binary playback. */
function forkEdition(usage: string): 'drachtio' | 'jambonz' {
  return /\bstop_play\b|bidirectionalAudio/.test(usage) ? 'jambonz' : 'drachtio';
}

function unfit(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_MODULE_UNFIT', message);
}
