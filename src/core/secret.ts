/** Secrets: from the environment, or from a file that the environment or the configuration names. */
import { readFileSync } from 'node:fs';
import { TalkspurtError } from './errors.ts';

/** Longer than any key or token in use; what is longer is the wrong file. */
const SECRET_BYTES = 16 * 1024;

/** Where a secret may be. */
export interface SecretSource {
  /** Usually `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The variable that holds it, such as `OPENAI_API_KEY`; `<name>_FILE` may hold a path instead. */
  readonly name: string;
  /** A path from the configuration: read before the environment is asked. */
  readonly file?: string | undefined;
}

/**
 * The secret, without white space around it. Order: `file`, the variable `name`, the file that `<name>_FILE` names.
 * Reads synchronously: for start-up, not for a call.
 * @throws ERR_TALKSPURT_SECRET_MISSING: names the variable, the path and the fix; never the secret.
 */
export function resolveSecret(source: SecretSource): string {
  const { env, name, file } = source;
  if (file !== undefined && file !== '') return fromFile(file, name, 'the configured file');
  const value = env[name]?.trim();
  if (value !== undefined && value !== '') return checked(value, name, `variable ${name}`);
  const path = env[`${name}_FILE`];
  if (path !== undefined && path !== '') return fromFile(path, name, `variable ${name}_FILE`);
  throw new TalkspurtError(
    'ERR_TALKSPURT_SECRET_MISSING',
    `no secret: set ${name}, or set ${name}_FILE to the path of a file that holds it`,
    { details: { name } },
  );
}

function fromFile(path: string, name: string, from: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw missing(`cannot read the secret file ${path} (${from}): ${errnoOf(error)}`, name, path, error);
  }
  const value = text.trim();
  if (value === '') throw missing(`the secret file ${path} (${from}) is empty: write the secret into it`, name, path);
  return checked(value, name, `file ${path}`);
}

/** A line break or control character would end a header early, and always means that the wrong thing was given. */
function checked(value: string, name: string, where: string): string {
  if (value.length > SECRET_BYTES || /[^\x20-\x7e]/.test(value)) {
    throw missing(`the secret in ${where} is not one line of printable ASCII: check its content`, name);
  }
  return value;
}

function missing(message: string, name: string, path?: string, cause?: unknown): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_SECRET_MISSING', message, { cause, details: { name, path } });
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
