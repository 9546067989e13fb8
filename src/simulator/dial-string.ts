/** Dial strings as `originate` and `bridge` take them: `{variables}technology/rest`. */

/** A dial string, read. */
export interface DialString {
  readonly variables: Readonly<Record<string, string>>;
  /** `sofia/internal/agent@127.0.0.1:5080`. */
  readonly target: string;
}

/** Null when a brace is never closed: FreeSWITCH gives up then. */
export function readDialString(text: string): DialString | null {
  const variables: Record<string, string> = {};
  let rest = text.trim();
  for (const [open, close] of [
    ['<', '>'],
    ['{', '}'],
    ['[', ']'],
  ] as const) {
    while (rest.startsWith(open)) {
      const end = rest.indexOf(close);
      if (end < 0) return null;
      readVariables(rest.slice(1, end), variables);
      rest = rest.slice(end + 1).trimStart();
    }
  }
  return { variables, target: rest };
}

/** `a=b,c='d,e'`; with `^^:` in front another separator than the comma. */
function readVariables(text: string, into: Record<string, string>): void {
  const other = /^\^\^(.)/.exec(text);
  const separator = other?.[1] ?? ',';
  let quoted = false;
  let pair = '';
  const finish = (): void => {
    const equals = pair.indexOf('=');
    if (equals > 0) into[pair.slice(0, equals).trim()] = pair.slice(equals + 1);
    pair = '';
  };
  const body = text.slice(other?.[0].length ?? 0);
  for (let at = 0; at < body.length; at += 1) {
    const char = body[at]!;
    if (char === '\\' && (body[at + 1] === separator || body[at + 1] === "'")) {
      pair += body[at + 1]!;
      at += 1;
    } else if (char === "'") quoted = !quoted;
    else if (char === separator && !quoted) finish();
    else pair += char;
  }
  finish();
}

/** `sofia/<profile>/<user>@<host>[:port][;transport=tcp]`; null for what is no address of a SIP peer we can reach. */
export function sipTarget(
  target: string,
): { user: string; address: string; port: number; transport: 'udp' | 'tcp' } | null {
  const found = /^sofia\/[^/]+\/(?:sip:)?([^@;]+)@([^:;]+)(?::(\d{1,5}))?((?:;[^;]+)*)$/.exec(target);
  if (found === null) return null;
  const address = found[2] === 'localhost' ? '127.0.0.1' : found[2]!;
  const port = Number(found[3] ?? 5060);
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(address) || port < 1 || port > 65_535) return null;
  return { user: found[1]!, address, port, transport: /;transport=tcp/i.test(found[4]!) ? 'tcp' : 'udp' };
}
