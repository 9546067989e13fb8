/**
 * Environment variables that stand above the file. A variable is named after its key: `TALKSPURT_` and the path in
 * capitals, `__` between its steps and `_` between the words of one, such as `TALKSPURT_LOG__LEVEL` or
 * `TALKSPURT_PROFILES__SALES__BARGE_IN`. Parts with a name (switches, backends, profiles) have to be in the file; their keys
 * may then come from here.
 */
import { didYouMean, isSecret } from './config-issue.ts';
import { branchOf, isRecord } from './schema-walk.ts';
import type { ConfigPath, SchemaNode } from './schema-walk.ts';

/** What the process is started with. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A key that a variable may set. */
export interface Variable {
  readonly name: string;
  readonly path: ConfigPath;
  readonly node: SchemaNode;
}

const PREFIX = 'TALKSPURT_';
/** Names the file itself. */
export const CONFIG_VARIABLE = 'TALKSPURT_CONFIG';

/** Every variable that `document` (of shape `schema`) can be changed by. */
export function variablesOf(schema: SchemaNode, document: unknown): Variable[] {
  const found: Variable[] = [];
  walk(schema, document, [], [], found);
  return found;
}

/** `document` with the variables of `env` in it; names those that fit no key. */
export function applyEnvironment(
  schema: SchemaNode,
  document: unknown,
  env: Environment,
): { document: unknown; applied: Variable[]; unknown: { name: string; meant: string | null }[] } {
  const variables = variablesOf(schema, document);
  const byName = new Map(variables.map((variable) => [variable.name, variable]));
  const changed: unknown = structuredClone(document);
  const applied: Variable[] = [];
  const unknown: { name: string; meant: string | null }[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || text === undefined || text === '' || name === CONFIG_VARIABLE) continue;
    const variable = byName.get(name);
    if (variable === undefined) {
      unknown.push({ name, meant: didYouMean(name, [...byName.keys()]) });
    } else if (!isSecret(variable.path)) {
      // Secrets stay out of the document; `config-secrets.ts` reads their variables.
      put(changed, variable.path, valueOf(text, variable.node));
      applied.push(variable);
    }
  }
  return { document: changed, applied, unknown };
}

/** The variable of the key that `words` lead to; a list's entry goes by its name. */
export function variableName(words: readonly string[]): string {
  const snake = words.map((word) => word.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll(/[^A-Za-z0-9]/g, '_'));
  return PREFIX + snake.join('__').toUpperCase();
}

function walk(schema: SchemaNode, value: unknown, path: ConfigPath, words: readonly string[], found: Variable[]): void {
  if (schema.anyOf?.some((branch) => branch.properties !== undefined) === true) {
    // "false or a mapping": the one word, and the keys of the mapping.
    found.push({ name: variableName(words), path, node: { type: 'boolean' } });
  }
  const node = branchOf(schema, isRecord(value) ? value : {});
  if (node.properties !== undefined) {
    for (const [key, child] of Object.entries(node.properties)) {
      // What a part is and how it is called belongs to the file.
      if (child.const !== undefined || key === 'name') continue;
      walk(child, isRecord(value) ? value[key] : undefined, [...path, key], [...words, key], found);
    }
  } else if (isMapping(node)) {
    for (const [key, child] of Object.entries(isRecord(value) ? value : {})) {
      if (typeof node.additionalProperties === 'object' && node.additionalProperties.type !== 'string') {
        walk(node.additionalProperties, child, [...path, key], [...words, key], found);
      }
    }
  } else if (node.type === 'array' && node.items?.type !== 'string') {
    for (const [index, child] of (Array.isArray(value) ? value : []).entries()) {
      if (node.items === undefined || !isRecord(child) || typeof child['name'] !== 'string') continue;
      walk(node.items, child, [...path, index], [...words, child['name']], found);
    }
  } else if (node.oneOf === undefined && words.length > 0) {
    found.push({ name: variableName(words), path, node });
  }
}

function isMapping(node: SchemaNode): boolean {
  return node.type === 'object' && typeof node.additionalProperties === 'object';
}

/** Text to the kind of value the key takes; what does not fit is left as text, and the schema complains of it. */
function valueOf(text: string, node: SchemaNode): unknown {
  if (node.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  const number = Number(text);
  const numeric = text.trim() !== '' && Number.isFinite(number);
  if (node.type === 'number' || node.type === 'integer') return numeric ? number : text;
  if (node.anyOf !== undefined) return numeric ? number : text;
  if (node.type === 'array') return text.split(',').map((part) => part.trim());
  return text;
}

function put(document: unknown, path: ConfigPath, value: unknown): void {
  let place = document as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) {
    if (!isRecord(place[step]) && !Array.isArray(place[step])) place[step] = {};
    place = place[step] as Record<string | number, unknown>;
  }
  place[path.at(-1) ?? ''] = value;
}
