/** The part of a line behind `<uuid> <verb>` → an order to a call, or why it is none. */
import { q850Number } from '../core/hangup-causes.ts';
import { LIMITS } from '../limits.ts';
import { MUTE_TARGETS, WHISPER_TARGETS } from './command.ts';
import type { OrderCommand } from './command.ts';

/** The order, or a reason for a refusal, or `null`: more has to be said. */
export type ParsedOrder = OrderCommand | string | null;

type OrderVerb = OrderCommand['verb'];

/** Digits of a telephone, with `w` and `W` for pauses. */
const DIGITS = /^[0-9*#A-DwW]{1,64}$/i;
/** One word that a dialplan knows; it cannot be taken for an option or an application. */
const DESTINATION = /^[A-Za-z0-9_+*#.@][A-Za-z0-9_+*#.@-]{0,127}$/;
const BACKEND_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NORMAL_CLEARING = 16;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

const PARSERS: Readonly<Record<OrderVerb, (uuid: string, rest: string) => ParsedOrder>> = {
  pause: (uuid, rest) => alone('pause', uuid, rest),
  resume: (uuid, rest) => alone('resume', uuid, rest),
  break: (uuid, rest) => alone('break', uuid, rest),
  'graceful-shutdown': (uuid, rest) => alone('graceful-shutdown', uuid, rest),
  send_text: (uuid, rest) => spoken('send_text', uuid, rest),
  say: (uuid, rest) => spoken('say', uuid, rest),
  send_json: (uuid, rest) => {
    if (rest === '') return null;
    const json = jsonOf(unquoted(rest));
    return json === null
      ? 'send_json takes one JSON object or array, as it is or as base64'
      : { verb: 'send_json', uuid, json };
  },
  mute: (uuid, rest) => muted('mute', uuid, rest),
  unmute: (uuid, rest) => muted('unmute', uuid, rest),
  play: (uuid, rest) => {
    if (rest === '') return null;
    if (Buffer.byteLength(rest) > LIMITS.commandUrlBytes)
      return `the source is longer than ${LIMITS.commandUrlBytes} bytes`;
    return { verb: 'play', uuid, source: unquoted(rest) };
  },
  dtmf: (uuid, rest) => {
    if (rest === '') return null;
    return DIGITS.test(rest)
      ? { verb: 'dtmf', uuid, digits: rest }
      : 'digits are 0-9, A-D, * and #, with w for a pause; at most 64';
  },
  mask: (uuid, rest) => switched('mask', uuid, rest, 'on', 'off'),
  hold: (uuid, rest) => switched('hold', uuid, rest, 'on', 'off'),
  record: (uuid, rest) => switched('record', uuid, rest, 'start', 'stop'),
  whisper: (uuid, rest) => {
    if (rest === '') return null;
    const to = WHISPER_TARGETS.find((each) => each === rest);
    return to === undefined ? 'whisper takes none, caller, other or both' : { verb: 'whisper', uuid, to };
  },
  switch: (uuid, rest) => {
    if (rest === '') return null;
    return BACKEND_NAME.test(rest)
      ? { verb: 'switch', uuid, backend: rest }
      : 'switch takes the name of a backend or a profile';
  },
  transfer: (uuid, rest) => {
    if (rest === '') return null;
    // Behind `XML` stands a context, whatever it is called.
    const attended = /(?<! XML) +attended$/.test(rest);
    const destination = attended ? rest.replace(/ +attended$/, '') : rest;
    return isDestination(destination)
      ? { verb: 'transfer', uuid, destination, attended }
      : 'a destination is one word of letters, digits and _ + * # . @ -, and may be followed by XML and a context';
  },
  hangup: (uuid, rest) => {
    const cause = rest === '' ? NORMAL_CLEARING : q850Number(rest.toUpperCase());
    return cause === undefined
      ? 'a cause is a number of Q.850, 1 to 127, or its name, as USER_BUSY'
      : { verb: 'hangup', uuid, cause };
  },
};

/** Whether `verb` is an order to a call. */
export function isOrderVerb(verb: string): verb is OrderVerb {
  return Object.hasOwn(PARSERS, verb);
}

/** `rest` is what follows the verb, without blanks at either end. */
export function parseOrder(verb: OrderVerb, uuid: string, rest: string): ParsedOrder {
  return PARSERS[verb](uuid, rest);
}

/** `1000`, or `1000 XML context`. Any other dialplan could run applications of the switch. */
export function isDestination(text: string): boolean {
  const [extension = '', dialplan, context, ...more] = text.split(/ +/);
  if (!DESTINATION.test(extension) || more.length > 0) return false;
  if (dialplan !== undefined && dialplan !== 'XML') return false;
  return context === undefined || BACKEND_NAME.test(context);
}

/** `'text'` → `text`; anything else stays as it is. */
export function unquoted(text: string): string {
  return text.length >= 2 && text.startsWith("'") && text.endsWith("'") ? text.slice(1, -1) : text;
}

function alone(verb: 'pause' | 'resume' | 'break' | 'graceful-shutdown', uuid: string, rest: string): ParsedOrder {
  return rest === '' ? { verb, uuid } : `${verb} takes no argument`;
}

function spoken(verb: 'send_text' | 'say', uuid: string, rest: string): ParsedOrder {
  const text = unquoted(rest);
  if (text.trim() === '') return null;
  if (Buffer.byteLength(text) > LIMITS.commandMetadataBytes) {
    return `the text is longer than ${LIMITS.commandMetadataBytes} bytes`;
  }
  return { verb, uuid, text };
}

function muted(verb: 'mute' | 'unmute', uuid: string, rest: string): ParsedOrder {
  const who = MUTE_TARGETS.find((each) => each === (rest === '' ? 'user' : rest));
  return who === undefined ? `${verb} takes user, agent or all` : { verb, uuid, who };
}

function switched(verb: 'mask' | 'hold' | 'record', uuid: string, rest: string, on: string, off: string): ParsedOrder {
  if (rest === '') return null;
  return rest === on || rest === off ? { verb, uuid, on: rest === on } : `${verb} takes ${on} or ${off}`;
}

/** The value on one line, or null: neither JSON nor base64 of it. */
function jsonOf(text: string): string | null {
  const json = /^[{[]/.test(text) ? text : BASE64.test(text) ? Buffer.from(text, 'base64').toString('utf8') : '';
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : null;
  } catch {
    return null;
  }
}
