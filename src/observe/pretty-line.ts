/** One JSON log line for people: `12:00:01.250 info  [uuid] LIFECYCLE call_end reason=hangup … # call ended`. */
import pico from 'picocolors';
import { printable } from '../core/printable.ts';

const CARRIED: readonly string[] = ['time', 'level', 'msg', 'event', 'component', 'operation', 'session_uuid'];

/** `json` is one line as pino writes it; what is not JSON is passed on as it is. */
export function prettyLine(json: string): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return json;
  }
  const level = String(fields['level']);
  const time = String(fields['time']).slice(11, 23);
  const uuid = fields['session_uuid'] === undefined ? '-' : plain(fields['session_uuid']);
  const where = `[${uuid}] ${plain(fields['component'] ?? 'LIFECYCLE')} ${plain(fields['operation'] ?? 'note')}`;
  const facts = Object.entries(fields)
    // How it went is said by the colour and the word before it; what went well needs no word.
    .filter(([key, value]) => !CARRIED.includes(key) && !(key === 'outcome' && value === 'ok'))
    .map(([key, value]) => `${pico.dim(`${key}=`)}${plain(value)}`);
  const { msg } = fields;
  const text = typeof msg === 'string' ? ` ${pico.dim('#')} ${printable(msg)}` : '';
  return `${pico.dim(time)} ${paint(level)(level.padEnd(5))} ${where} ${facts.join(' ')}`.trimEnd() + `${text}\n`;
}

/** A peer's text must not move the cursor: control characters are written as escapes. */
function plain(value: unknown): string {
  const text = typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? value : JSON.stringify(value);
  return printable(text);
}

function paint(level: string): (text: string) => string {
  if (level === 'error') return pico.red;
  if (level === 'warn') return pico.yellow;
  return level === 'info' ? pico.green : pico.dim;
}
