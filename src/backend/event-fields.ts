/** Reads the fields of a peer's JSON event, each checked when it is used: a wrong one is a `MalformedField`, never a crash. */
import { LIMITS } from '../limits.ts';

/** A JSON object, before anything is known of its fields. */
export type Json = Readonly<Record<string, unknown>>;

/** The peer sent an event whose field `field` is missing or of the wrong kind. Caught where events are decoded. */
export class MalformedField extends Error {
  readonly field: string;

  constructor(field: string) {
    super(`malformed field ${field}`);
    this.field = field;
  }
}

/** Whether `value` is a JSON object. */
export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The fields of one object. `Shape` is the vendor's own declaration of it, so that a field name with a slip in it does
 * not compile; what is really there is another matter, which is what this class is for.
 */
export class EventFields<Shape> {
  readonly #json: Json;
  readonly #path: string;

  /** `path` is where the object stands in its event, ending in a dot; empty for the event itself. */
  constructor(json: Json, path = '') {
    this.#json = json;
    this.#path = path;
  }

  /** Whether it is there at all; null is not. */
  has(name: keyof Shape & string): boolean {
    return this.#json[name] !== undefined && this.#json[name] !== null;
  }

  /** A text of any length. @throws MalformedField */
  text(name: keyof Shape & string): string {
    const value = this.#json[name];
    if (typeof value !== 'string') throw new MalformedField(this.#path + name);
    return value;
  }

  /** A text, or undefined for anything else. */
  optionalText(name: keyof Shape & string): string | undefined {
    const value = this.#json[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** An identifier: a text that is not empty and no longer than `LIMITS.backendIdCharacters`. @throws MalformedField */
  id(name: keyof Shape & string): string {
    const value = this.text(name);
    if (value === '' || value.length > LIMITS.backendIdCharacters) throw new MalformedField(this.#path + name);
    return value;
  }

  /** An identifier, or undefined where there is none. @throws MalformedField for one that is too long */
  optionalId(name: keyof Shape & string): string | undefined {
    return typeof this.#json[name] === 'string' && this.#json[name] !== '' ? this.id(name) : undefined;
  }

  /** A finite number that is not negative, or undefined for anything else. */
  optionalCount(name: keyof Shape & string): number | undefined {
    const value = this.#json[name];
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
  }

  /** True or false, or undefined for anything else. */
  optionalFlag(name: keyof Shape & string): boolean | undefined {
    const value = this.#json[name];
    return typeof value === 'boolean' ? value : undefined;
  }

  /** An object inside. @throws MalformedField */
  object<Key extends keyof Shape & string, Inner = NonNullable<Shape[Key]>>(name: Key): EventFields<Inner> {
    const value = this.#json[name];
    if (!isJson(value)) throw new MalformedField(this.#path + name);
    return new EventFields<Inner>(value, `${this.#path}${name}.`);
  }

  /** An object inside; one without any field where there is none. */
  optionalObject<Key extends keyof Shape & string, Inner = NonNullable<Shape[Key]>>(name: Key): EventFields<Inner> {
    const value = this.#json[name];
    return new EventFields<Inner>(isJson(value) ? value : {}, `${this.#path}${name}.`);
  }

  /** The objects of an array, at most `most` of them. @throws MalformedField when it is no array of objects */
  objects<Inner>(name: keyof Shape & string, most: number): EventFields<Inner>[] {
    const value = this.#json[name];
    if (!Array.isArray(value)) throw new MalformedField(this.#path + name);
    return value.slice(0, most).map((entry: unknown, index) => {
      const path = `${this.#path}${name}[${index}]`;
      if (!isJson(entry)) throw new MalformedField(path);
      return new EventFields<Inner>(entry, `${path}.`);
    });
  }
}
