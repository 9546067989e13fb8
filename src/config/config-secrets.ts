/** The secrets of a configuration: each from its variable, its file, or (with a warning) the configuration itself. */
import { dirname, resolve } from 'node:path';
import { asTalkspurtError } from '../core/errors.ts';
import { resolveSecret } from '../core/secret.ts';
import type { Environment } from './config-environment.ts';
import { variableName } from './config-environment.ts';
import type { ConfigIssue } from './config-issue.ts';
import type { ConfigPath } from './schema-walk.ts';

/** Where one secret may be. */
export interface SecretPlace {
  /** Path of the mapping that has the key. */
  readonly path: ConfigPath;
  /** The same in names, for the variable. */
  readonly words: readonly string[];
  readonly key: 'password' | 'apiKey' | 'readToken' | 'controlToken';
  /** What the configuration says. */
  readonly plain: string | undefined;
  readonly file: string | undefined;
  /** Variable that is asked last, such as `OPENAI_API_KEY`. */
  readonly lastVariable?: string;
  /** There need not be one. */
  readonly optional?: boolean;
}

/** Reads secrets from wherever they may stand, and notes what is missing or better kept elsewhere. */
export class ConfigSecrets {
  readonly issues: ConfigIssue[] = [];
  readonly warnings: string[] = [];
  readonly #env: Environment;
  readonly #folder: string;

  /** `file` is the configuration's own path: paths in it are relative to its folder. Null: to the working folder. */
  constructor(env: Environment, file: string | null) {
    this.#env = env;
    this.#folder = file === null ? process.cwd() : dirname(resolve(file));
  }

  /** The secret, or empty text with an issue noted. Order: variable, file, configuration, last variable. */
  read(place: SecretPlace): string {
    const variable = variableName([...place.words, place.key]);
    const path = [...place.path, place.key];
    if (place.plain !== undefined && place.file !== undefined) {
      this.issues.push({ path, text: `and ${place.key}File are both given: keep ${place.key}File` });
      return '';
    }
    try {
      if (isSet(this.#env[variable])) return resolveSecret({ env: this.#env, name: variable });
      if (place.file !== undefined) {
        return resolveSecret({ env: {}, name: variable, file: this.#fileOf(place.file, variable) });
      }
      if (place.plain !== undefined) {
        this.warnings.push(
          `${place.words.join('.')}.${place.key} stands readable in the configuration: give ${place.key}File or ${variable}`,
        );
        return resolveSecret({ env: { [variable]: place.plain }, name: variable });
      }
      const last = place.lastVariable;
      if (last !== undefined && (isSet(this.#env[last]) || isSet(this.#env[`${last}_FILE`]))) {
        return resolveSecret({ env: this.#env, name: last });
      }
    } catch (error) {
      this.issues.push({ path, text: `cannot be read: ${asTalkspurtError(error).message}`, secret: true });
      return '';
    }
    if (place.optional !== true) {
      const others = place.lastVariable === undefined ? '' : ` or ${place.lastVariable}`;
      this.issues.push({ path, text: `is missing: set ${variable}${others}, or give ${place.key}File`, secret: true });
    }
    return '';
  }

  /** A path from the environment is relative to where the process was started. */
  #fileOf(file: string, variable: string): string {
    return this.#env[`${variable}_FILE`] === file ? resolve(file) : resolve(this.#folder, file);
  }
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value.trim() !== '';
}
