/**
 * The JSON mapping of protocol buffers, as strict as Google's servers apply it: a field that is not declared is refused by its name
 * and place, both spellings of a declared one are taken (`mimeType`, `mime_type`), null counts as absent.
 */
import { GeminiRefusal } from './gemini-refusal.ts';

/** What a field holds. `struct` is any object, `any` any value at all; nobody looks into them. */
export type FieldType =
  | 'string'
  | 'int32'
  | 'int64'
  | 'float'
  | 'bool'
  | 'bytes'
  | 'struct'
  | 'any'
  | EnumType
  | MessageType
  | { readonly repeated: FieldType }
  | { readonly map: FieldType }
  /** Declared elsewhere: what holds itself. */
  | { readonly lazy: () => FieldType };

/** One of some words. */
export interface EnumType {
  readonly enumName: string;
  readonly values: readonly string[];
}

/** An object of declared fields; of those in `oneof` there is at most one. */
export interface MessageType {
  readonly fields: Readonly<Record<string, FieldType>>;
  readonly oneof?: { readonly name: string; readonly fields: readonly string[] };
}

/** What a checked value is to TypeScript. */
export type Checked<T> = T extends 'string' | 'bytes' | 'int64'
  ? string
  : T extends 'int32' | 'float'
    ? number
    : T extends 'bool'
      ? boolean
      : T extends 'struct'
        ? Readonly<Record<string, unknown>>
        : T extends { readonly repeated: infer Item }
          ? readonly Checked<Item>[]
          : T extends { readonly map: infer Value }
            ? Readonly<Record<string, Checked<Value>>>
            : T extends { readonly values: readonly (infer Value)[] }
              ? Value
              : T extends { readonly fields: infer Fields }
                ? { readonly [Name in keyof Fields]?: Checked<Fields[Name]> }
                : unknown;

/** The fields of a message, kept as they are written. */
export function message<const Fields extends Readonly<Record<string, FieldType>>>(
  fields: Fields,
): { readonly fields: Fields } {
  return { fields };
}

/** The words of an enumeration, without its `…UNSPECIFIED`, which counts as absent. */
export function enumOf<const Value extends string>(
  enumName: string,
  ...values: readonly Value[]
): { readonly enumName: string; readonly values: readonly Value[] } {
  return { enumName, values };
}

/** `value` with its fields in camelCase. @throws GeminiRefusal naming the first fault and its place */
export function checkFields<T extends FieldType>(type: T, value: unknown): Checked<T> {
  return check(type, value, '') as Checked<T>;
}

const PACKAGE = 'type.googleapis.com/google.ai.generativelanguage';
const WHOLE = /^-?\d{1,19}$/;

function check(type: FieldType, value: unknown, place: string): unknown {
  if (typeof type === 'string') return checkScalar(type, value, place);
  if ('lazy' in type) return check(type.lazy(), value, place);
  if ('repeated' in type) return checkList(type.repeated, value, place);
  if ('map' in type) {
    const entries = Object.entries(objectIn(value, place, 'TYPE_MAP'));
    return Object.fromEntries(entries.map(([key, each]) => [key, check(type.map, each, `${place}[${key}]`)]));
  }
  if ('values' in type) {
    if (typeof value === 'string' && type.values.includes(value)) return value;
    throw wrongValue(place, `${PACKAGE}.${type.enumName}`, value);
  }
  return checkMessage(type, value, place);
}

function checkMessage({ fields, oneof }: MessageType, value: unknown, place: string): Record<string, unknown> {
  const checked: Record<string, unknown> = {};
  for (const [given, each] of Object.entries(objectIn(value, place, 'TYPE_MESSAGE'))) {
    const name = given.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    const type = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (type === undefined || (given !== name && given !== snakeCase(name))) {
      throw misplaced(given, place, 'Cannot find field.');
    }
    if (each === null || (typeof type === 'object' && 'values' in type && isUnspecified(each))) continue;
    const isList = typeof type === 'object' && 'repeated' in type;
    if (Array.isArray(each) && !isList && type !== 'any') {
      throw misplaced(given, place, 'Proto field is not repeating, cannot start list.');
    }
    const other = oneof?.fields.includes(name) === true ? oneof.fields.find((field) => field in checked) : undefined;
    if (other !== undefined) {
      const at = place === '' ? '' : ` at '${place}'`;
      const fault = `oneof field '${oneof?.name}' is already set. Cannot set '${given}'`;
      throw GeminiRefusal.invalid(`Invalid value${at} (oneof), ${fault}`);
    }
    checked[name] = check(type, each, place === '' ? snakeCase(name) : `${place}.${snakeCase(name)}`);
  }
  return checked;
}

function checkList(type: FieldType, value: unknown, place: string): unknown[] {
  if (!Array.isArray(value)) throw wrongValue(place, 'TYPE_LIST', value);
  return value.map((each, index) => check(type, each, `${place}[${index}]`));
}

function checkScalar(type: Extract<FieldType, string>, value: unknown, place: string): unknown {
  switch (type) {
    case 'any':
      return value;
    case 'struct':
      return objectIn(value, place, 'TYPE_STRUCT');
    case 'string':
      if (typeof value === 'string') return value;
      throw wrongValue(place, 'TYPE_STRING', value);
    case 'bool':
      if (typeof value === 'boolean') return value;
      throw wrongValue(place, 'TYPE_BOOL', value);
    case 'float':
      if (typeof value === 'number') return value;
      throw wrongValue(place, 'TYPE_FLOAT', value);
    case 'int32':
      if (Number.isInteger(value) || (typeof value === 'string' && WHOLE.test(value))) return Number(value);
      throw wrongValue(place, 'TYPE_INT32', value);
    case 'int64':
      if (Number.isInteger(value) || (typeof value === 'string' && WHOLE.test(value))) return String(value);
      throw wrongValue(place, 'TYPE_INT64', value);
    case 'bytes':
      if (typeof value === 'string' && isBase64(value)) return value;
      if (typeof value !== 'string') throw wrongValue(place, 'TYPE_BYTES', value);
      throw GeminiRefusal.invalid(
        `Invalid value at '${place}' (TYPE_BYTES), Base64 decoding failed for ${excerpt(value)}`,
      );
  }
}

function isUnspecified(word: unknown): boolean {
  return typeof word === 'string' && /^([A-Z_]+_)?UNSPECIFIED$/.test(word);
}

/** Either alphabet, with its padding or without. */
function isBase64(text: string): boolean {
  const [, digits = '', padding = ''] = /^([A-Za-z0-9+/]*|[A-Za-z0-9_-]*)(={0,2})$/.exec(text) ?? [];
  if (digits.length + padding.length !== text.length || digits.length % 4 === 1) return false;
  return padding === '' || text.length % 4 === 0;
}

function objectIn(value: unknown, place: string, type: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrongValue(place, type, value);
}

function misplaced(name: string, place: string, fault: string): GeminiRefusal {
  const at = place === '' ? '' : ` at '${place}'`;
  return GeminiRefusal.invalid(`Invalid JSON payload received. Unknown name "${name.slice(0, 64)}"${at}: ${fault}`);
}

function wrongValue(place: string, type: string, value: unknown): GeminiRefusal {
  const at = place === '' ? '' : ` at '${place}'`;
  return GeminiRefusal.invalid(`Invalid value${at} (${type}), ${excerpt(value)}`);
}

function excerpt(value: unknown): string {
  return (JSON.stringify(value) ?? typeof value).slice(0, 40);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
