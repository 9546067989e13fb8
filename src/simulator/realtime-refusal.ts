/** Why the embedded backend refuses an event, in the service's words: it becomes an `error` event and the session goes on. */
import type { z } from 'zod';

/** Thrown by the handlers of client events, caught where the events come in. */
export class RealtimeRefusal extends Error {
  override readonly name = 'RealtimeRefusal';
  readonly code: string;
  readonly param: string | null;

  constructor(code: string, message: string, param: string | null = null) {
    super(message);
    this.code = code;
    this.param = param;
  }
}

/** The first fault that a schema found in the object called `root`. */
export function refusalOf(error: z.ZodError, root: string): RealtimeRefusal {
  const [issue] = error.issues;
  const path = (keys: readonly PropertyKey[]): string =>
    keys.reduce<string>((name, key) => (typeof key === 'number' ? `${name}[${key}]` : `${name}.${String(key)}`), root);
  if (issue === undefined) return new RealtimeRefusal('invalid_value', `Invalid value: '${root}'.`, root);
  const param = path(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const unknown = path([...issue.path, issue.keys[0] ?? '']);
      return new RealtimeRefusal('unknown_parameter', `Unknown parameter: '${unknown}'.`, unknown);
    }
    case 'invalid_type':
      return issue.input === undefined
        ? new RealtimeRefusal('missing_required_parameter', `Missing required parameter: '${param}'.`, param)
        : new RealtimeRefusal(
            'invalid_type',
            `Invalid type for '${param}': expected ${issue.expected}, but got ${kindOf(issue.input)} instead.`,
            param,
          );
    case 'invalid_value': {
      if (issue.input === undefined) {
        return new RealtimeRefusal('missing_required_parameter', `Missing required parameter: '${param}'.`, param);
      }
      const known = issue.values.map((value) => `'${String(value)}'`).join(', ');
      const given = typeof issue.input === 'string' ? `'${issue.input.slice(0, 64)}'` : kindOf(issue.input);
      return new RealtimeRefusal('invalid_value', `Invalid value: ${given}. Supported values are: ${known}.`, param);
    }
    case 'too_big':
      return bound(param, 'above_max_value', 'above maximum', '<=', issue.maximum, issue.input);
    case 'too_small':
      return bound(param, 'below_min_value', 'below minimum', '>=', issue.minimum, issue.input);
    default:
      return new RealtimeRefusal('invalid_value', `Invalid value for '${param}': ${issue.message}.`, param);
  }
}

function bound(
  param: string,
  fault: string,
  words: string,
  sign: string,
  limit: number | bigint,
  given: unknown,
): RealtimeRefusal {
  const kind = Number.isInteger(given) ? 'integer' : 'decimal';
  const got = typeof given === 'number' ? String(given) : kindOf(given);
  const message = `Invalid '${param}': ${kind} ${words} value. Expected a value ${sign} ${limit}, but got ${got} instead.`;
  return new RealtimeRefusal(`${kind}_${fault}`, message, param);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (Number.isInteger(value)) return 'an integer';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
