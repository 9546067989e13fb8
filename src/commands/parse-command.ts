/** Text → command. Total: whatever comes in, a command or a reason goes out. */
import { isSampleRateHz } from '../core/media.ts';
import type { SampleRateHz } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import { CALL_VERBS, COMMAND_NAME, GLOBAL_VERBS, MIXES } from './command.ts';
import type { Command, Mix, StartTarget } from './command.ts';
import { isOrderVerb, parseOrder, unquoted } from './parse-order.ts';

/** `usage`: too little was said to tell what was meant; the answer is the usage line instead of an error. */
export type ParsedCommand =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly usage: boolean; readonly reason: string };

/**
 * Parses one line, with or without `uuid_audio_stream` in front. Nothing that could be taken for a second command by a
 * switch gets through: no control character (so no line end and no NUL) and no `;;`, FreeSWITCH's command separator.
 */
export function parseCommand(line: string): ParsedCommand {
  const danger = dangerOf(line);
  if (danger !== null) return invalid(danger);
  const all = line.trim();
  const [first] = cutWord(all);
  const text = first.toLowerCase() === COMMAND_NAME ? cutWord(all)[1] : all;
  const [subject, afterSubject] = cutWord(text);
  if (subject === '') return usage('no command');
  if (subject === 'drain') return parseDrain(afterSubject);
  if (subject === 'originate') return parseOriginate(afterSubject);
  const globalVerb = GLOBAL_VERBS.find((verb) => verb === subject);
  if (globalVerb !== undefined && globalVerb !== 'drain' && globalVerb !== 'originate') {
    return afterSubject === ''
      ? { ok: true, command: { verb: globalVerb } }
      : invalid(`${globalVerb} takes no argument`);
  }
  if (!CHANNEL_ID.test(subject)) return invalid('the first word is neither a channel UUID nor a command');
  const [verb, rest] = cutWord(afterSubject);
  switch (verb) {
    case '':
      return usage('no command for the channel');
    case 'start':
      return parseStart(subject, rest);
    case 'stop':
      return withMetadata(rest, (metadata) => ({ verb: 'stop', uuid: subject, metadata }));
    case 'health':
      return rest === ''
        ? { ok: true, command: { verb: 'health', uuid: subject } }
        : invalid('health takes no argument');
  }
  if (!isOrderVerb(verb)) return invalid(`unknown command for a channel: it is one of ${CALL_VERBS.join(', ')}`);
  const order = parseOrder(verb, subject, rest);
  if (order === null) return usage(`${verb} needs more to be said`);
  return typeof order === 'string' ? invalid(order) : { ok: true, command: order };
}

/** `drain [seconds]` */
function parseDrain(rest: string): ParsedCommand {
  if (rest === '') return { ok: true, command: { verb: 'drain', seconds: null } };
  const seconds = /^\d{1,6}$/.test(rest) ? Number(rest) : Number.NaN;
  return seconds <= DRAIN_SECONDS
    ? { ok: true, command: { verb: 'drain', seconds } }
    : invalid(`drain takes seconds, 0 to ${DRAIN_SECONDS}`);
}

/** `originate <switch> <endpoint> <profile>`; what an endpoint may be the switch's own adapter checks once more. */
function parseOriginate(rest: string): ParsedCommand {
  const [switchName, afterSwitch] = cutWord(rest);
  const [endpoint, profile] = cutWord(afterSwitch);
  if (profile === '') return usage('originate needs a switch, an endpoint and a profile');
  if (!PROFILE_NAME.test(switchName)) return invalid('this is not the name of a switch');
  if (!ENDPOINT.test(endpoint)) {
    return invalid('an endpoint is TECHNOLOGY/RESOURCE of letters, digits and _ + * # . @ : ; = / -');
  }
  if (!PROFILE_NAME.test(profile)) return invalid('what is named is no profile');
  return { ok: true, command: { verb: 'originate', switchName, endpoint, profile } };
}

/** A day. */
const DRAIN_SECONDS = 86_400;

/** A FreeSWITCH UUID, one of an operator's own making, or an Asterisk channel id. */
const CHANNEL_ID = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$/;
const ENDPOINT = /^[A-Za-z0-9_]{1,32}\/[A-Za-z0-9_+*#.@:;=/-]{1,200}$/;
const PROFILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Control characters (C0, DEL, C1) and the line ends that only Unicode knows. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;
/** Metadata that needs no mix and rate in front of it to be told from one. */
const STARTS_METADATA = /^[{["']/;

function dangerOf(line: string): string | null {
  if (Buffer.byteLength(line) > LIMITS.commandBytes) return `the command is longer than ${LIMITS.commandBytes} bytes`;
  if (CONTROL.test(line)) return 'the command contains a line end or another control character';
  if (line.includes(';;')) return 'the command contains ";;", which separates commands';
  return null;
}

/** `<profile | ws-url> [mix] [rate] [metadata]` */
function parseStart(uuid: string, text: string): ParsedCommand {
  const [targetWord, afterTarget] = cutWord(text);
  if (targetWord === '') return usage('start needs a profile or a URL');
  const target = parseTarget(targetWord);
  if (typeof target === 'string') return invalid(target);
  const [mix, afterMix] = cutIf<Mix>(afterTarget, (word) => MIXES.find((each) => each === word));
  const [sampleRateHz, rest] = cutIf(afterMix, parseRate);
  if (rest !== '' && !STARTS_METADATA.test(rest)) {
    if (mix === null && sampleRateHz === null) return invalid('after the target comes mono, mixed or stereo');
    if (sampleRateHz === null) return invalid('the sampling rate is 8k, 16k, 24k or 48k');
    if (mix === null) return invalid('mono, mixed or stereo stands in front of the sampling rate');
  }
  const options = { mix: mix ?? 'mono', sampleRateHz } as const;
  return withMetadata(rest, (metadata) => ({ verb: 'start', uuid, target, options: { ...options, metadata } }));
}

/** The target, or why it is none. */
function parseTarget(word: string): StartTarget | string {
  if (!word.includes('://')) {
    return PROFILE_NAME.test(word)
      ? { kind: 'profile', name: word }
      : 'the target is neither a profile name nor a ws:// URL';
  }
  if (Buffer.byteLength(word) > LIMITS.commandUrlBytes) return `the URL is longer than ${LIMITS.commandUrlBytes} bytes`;
  if (!/^wss?:\/\//i.test(word) || !URL.canParse(word)) return 'the URL is not a valid ws:// or wss:// one';
  const url = new URL(word);
  if (url.username !== '' || url.password !== '') return 'the URL must not carry a user name or password';
  return { kind: 'url', url: word };
}

/** `8k`, `16k`, `24k`, `48k` or the same in Hz. */
function parseRate(word: string): SampleRateHz | undefined {
  const digits = /^(\d{1,5})(k?)$/i.exec(word);
  if (digits === null) return undefined;
  const hz = Number(digits[1]) * (digits[2] === '' ? 1 : 1000);
  return isSampleRateHz(hz) ? hz : undefined;
}

/** Metadata is the rest of the line as it stands; one pair of single quotes around it is taken off. */
function withMetadata(rest: string, make: (metadata: string | null) => Command): ParsedCommand {
  const metadata = unquoted(rest);
  if (Buffer.byteLength(metadata) > LIMITS.commandMetadataBytes) {
    return invalid(`the metadata is longer than ${LIMITS.commandMetadataBytes} bytes`);
  }
  return { ok: true, command: make(metadata === '' ? null : metadata) };
}

/** The first word and, without the blanks between, all that follows it. */
function cutWord(text: string): [word: string, rest: string] {
  const blank = text.indexOf(' ');
  return blank < 0 ? [text, ''] : [text.slice(0, blank), text.slice(blank).trimStart()];
}

/** The first word if it means something, and what is left. */
function cutIf<T>(text: string, meaning: (word: string) => T | undefined): [value: T | null, rest: string] {
  const [word, rest] = cutWord(text);
  const value = meaning(word);
  return value === undefined ? [null, text] : [value, rest];
}

function invalid(reason: string): ParsedCommand {
  return { ok: false, usage: false, reason };
}

function usage(reason: string): ParsedCommand {
  return { ok: false, usage: true, reason };
}
