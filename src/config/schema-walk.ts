/** The configuration's schema as JSON Schema, and what it allows at a path of a document. */
import { z } from 'zod';
import { PATTERN_WORDS } from './config-fields.ts';
import { configSchema } from './config-schema.ts';

/** Keys and indices from the top of a document to a value. */
export type ConfigPath = readonly (string | number)[];

/** The part of JSON Schema that the configuration's own uses. */
export interface SchemaNode {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaNode;
  readonly propertyNames?: SchemaNode;
  readonly items?: SchemaNode;
  readonly oneOf?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}

/** What a file may hold, defaults left out. */
export const CONFIG_JSON_SCHEMA = z.toJSONSchema(configSchema, { io: 'input' }) as SchemaNode;

/** What the schema says of `path` in `document`, which chooses among kinds; null where nothing may stand. */
export function schemaAt(path: ConfigPath, document: unknown): SchemaNode | null {
  let node: SchemaNode | null = CONFIG_JSON_SCHEMA;
  let value = document;
  for (const step of path) {
    if (node === null) return null;
    node = childOf(branchOf(node, value), step);
    value = isRecord(value) || Array.isArray(value) ? (value as Record<string | number, unknown>)[step] : undefined;
  }
  return node === null ? null : branchOf(node, value);
}

/** Of several shapes, the one that `value` has: by its `kind` or `type`, or because it is a mapping at all. */
export function branchOf(node: SchemaNode, value: unknown): SchemaNode {
  if (!isRecord(value)) return node;
  const mapping = node.anyOf?.find((branch) => branch.properties !== undefined);
  if (mapping !== undefined) return mapping;
  if (node.oneOf === undefined) return node;
  const fits = node.oneOf.find((branch) =>
    Object.entries(branch.properties ?? {}).some(
      ([key, property]) => property.const !== undefined && value[key] === property.const,
    ),
  );
  return fits ?? node;
}

function childOf(node: SchemaNode, step: string | number): SchemaNode | null {
  if (typeof step === 'number') return node.items ?? null;
  const own = node.properties?.[step];
  if (own !== undefined) return own;
  if (typeof node.additionalProperties === 'object') return node.additionalProperties;
  const values = (node.oneOf ?? []).flatMap((branch) => branch.properties?.[step]?.const ?? []);
  return values.length > 0 ? { enum: values } : null;
}

/** What may stand at `node`, in words that go on from "must be". */
export function expectation(node: SchemaNode): string {
  const values = allowedValues(node);
  if (values !== null) return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
  const alternatives = node.anyOf ?? node.oneOf;
  if (alternatives !== undefined) return [...new Set(alternatives.map(expectation))].join(', or ');
  switch (node.type) {
    case 'integer':
    case 'number':
      return `a ${node.type === 'integer' ? 'whole ' : ''}number${between(node.minimum, node.maximum)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      if (node.pattern !== undefined) return PATTERN_WORDS.get(node.pattern) ?? `text like ${node.pattern}`;
      return `text${between(node.minLength ?? 0, node.maxLength)}${node.maxLength === undefined ? '' : ' characters'}`;
    case 'array':
      return `a list${node.maxItems === undefined ? '' : ` of at most ${node.maxItems}`}`;
    default:
      return 'a mapping of keys to values';
  }
}

/** The values to choose from; null where there is no such list. */
export function allowedValues(node: SchemaNode): readonly unknown[] | null {
  if (node.enum !== undefined) return node.enum;
  if (node.const !== undefined) return [node.const];
  const parts = node.anyOf?.map(allowedValues);
  return parts !== undefined && parts.every((part) => part !== null) ? parts.flat() : null;
}

/** The keys that a mapping may have. */
export function allowedKeys(node: SchemaNode): string[] {
  return Object.keys(node.properties ?? {});
}

/** Whether `value` is a mapping. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function between(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER)
    return ` of ${minimum} to ${maximum}`;
  return minimum === undefined || minimum <= 0 ? '' : ` of at least ${minimum}`;
}
