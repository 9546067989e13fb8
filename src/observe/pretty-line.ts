/** One JSON log line for people: `12:00:01.250 info  call ended  call=… reason=hangup`. */
import pico from 'picocolors';

const CARRIED: readonly string[] = ['time', 'level', 'msg', 'event'];

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
  const facts = Object.entries(fields)
    .filter(([key]) => !CARRIED.includes(key))
    .map(([key, value]) => `${pico.dim(`${key}=`)}${plain(value)}`);
  return (
    `${pico.dim(time)} ${paint(level)(level.padEnd(5))} ${String(fields['msg'])}  ${facts.join(' ')}`.trimEnd() + '\n'
  );
}

/** A peer's text must not move the cursor: control characters are written as escapes. */
function plain(value: unknown): string {
  const text = typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? value : JSON.stringify(value);
  return text.replaceAll(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

function paint(level: string): (text: string) => string {
  if (level === 'error') return pico.red;
  if (level === 'warn') return pico.yellow;
  return level === 'info' ? pico.green : pico.dim;
}
