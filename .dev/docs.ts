// Writes what the documentation takes from the sources: JSON schemas, and the tables between the marks in docs/*.md.
// `npm run docs` writes; test/docs.test.ts holds the files to it.
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { keptResults } from '../bench/results.ts';
import { CALLS_HEAD, callsRows, callsSentence } from './calls-per-core.ts';
import { DASHBOARDS } from './dashboards.ts';
import { grafanaJson } from './grafana-json.ts';
import { CALL_VARIABLES } from '../src/call-variables.ts';
import { doctorReportSchema } from '../src/cli/doctor/finding.ts';
import { diagnosisSchema } from '../src/cli/troubleshoot/diagnosis.ts';
import { SYMPTOMS } from '../src/cli/troubleshoot/symptoms.ts';
import { variableName } from '../src/config/config-environment.ts';
import { isSecret } from '../src/config/config-issue.ts';
import { CONFIG_JSON_SCHEMA, expectation } from '../src/config/schema-walk.ts';
import type { SchemaNode } from '../src/config/schema-walk.ts';
import { callRecordSchema } from '../src/observe/call-record-schema.ts';
import { EVENT_LINES } from '../src/observe/event-line.ts';
import { globalHealthSchema, sessionHealthSchema } from '../src/observe/health-schema.ts';
import { doctorExample, troubleshootExample, troubleshootPicture } from './examples.ts';
import { MetricsSink } from '../src/observe/metrics-sink.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Every generated file with its content; the prose around the marks is read from the file itself. */
export async function generatedDocs(): Promise<Map<string, string>> {
  const session = z.toJSONSchema(sessionHealthSchema) as SchemaNode;
  const global = z.toJSONSchema(globalHealthSchema) as SchemaNode;
  const record = z.toJSONSchema(callRecordSchema) as SchemaNode;
  const calls = keptResults().get('calls-per-core');
  if (calls === undefined) throw new Error('bench/results has no run of calls-per-core');
  const files = new Map<string, string>([
    ['README.md', between('README.md', { calls: callsSentence(calls) })],
    ['docs/benches.md', between('docs/benches.md', { calls: table(CALLS_HEAD, callsRows(calls)) })],
    ['docs/schema/config.json', json(CONFIG_JSON_SCHEMA)],
    ['docs/schema/session-health.json', json(session)],
    ['docs/schema/global-health.json', json(global)],
    ['docs/schema/call-record.json', json(record)],
    ['docs/call-records.md', between('docs/call-records.md', { record: fieldTable(record) })],
    ['docs/schema/doctor.json', json(z.toJSONSchema(doctorReportSchema))],
    ['docs/schema/troubleshoot.json', json(z.toJSONSchema(diagnosisSchema))],
    ['docs/doctor.md', between('docs/doctor.md', { example: doctorExample() })],
    [
      'docs/troubleshooting.md',
      between('docs/troubleshooting.md', { example: troubleshootExample(), symptoms: symptomTable() }),
    ],
    ['docs/configuration.md', between('docs/configuration.md', { keys: keyTables() })],
    ['docs/health.md', between('docs/health.md', { session: fieldTable(session), global: fieldTable(global) })],
    ['docs/channel-variables.md', between('docs/channel-variables.md', { variables: variableTable() })],
    ['docs/metrics.md', between('docs/metrics.md', { metrics: metricTable() })],
    ['docs/logs.md', between('docs/logs.md', { lines: lineTable() })],
    ...DASHBOARDS.map((each): [string, string] => [`docs/dashboards/${each.uid}.json`, json(grafanaJson(each))]),
  ]);
  const options = await resolveConfig(join(root, 'docs/health.md'));
  for (const [path, content] of files)
    files.set(path, await format(content, { ...options, filepath: join(root, path) }));
  // What prettier has no words for.
  files.set('docs/images/troubleshoot.svg', troubleshootPicture());
  return files;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The file with each `<!-- begin NAME -->` … `<!-- end NAME -->` filled. */
function between(path: string, blocks: Readonly<Record<string, string>>): string {
  let text = readFileSync(join(root, path), 'utf8');
  for (const [name, block] of Object.entries(blocks)) {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${path} has no marks ${begin} … ${end}`);
    text = `${text.slice(0, from + begin.length)}\n\n${block}\n\n${text.slice(to)}`;
  }
  return text;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** One table for each part of the configuration that has keys of its own. */
function keyTables(): string {
  const parts: string[] = [];
  const part = (title: string, node: SchemaNode, words: readonly string[]): void => {
    const mapping = node.anyOf?.find((branch) => branch.properties !== undefined) ?? node;
    const nested: [string, SchemaNode, readonly string[]][] = [];
    const rows = Object.entries(mapping.properties ?? {}).map(([key, child]) => {
      const inner = [...words, key];
      const shapes = child.oneOf ?? child.items?.oneOf ?? [];
      const path = [...words.map((word) => word.replace(/^<.*>$/, 'NAME')), key];
      if (shapes.length > 0)
        for (const shape of shapes)
          nested.push([titleOf(inner, shape), shape, child.items ? [...inner, '<NAME>'] : inner]);
      else if (isMapping(child)) nested.push([`\`${inner.join('.')}\``, child, inner]);
      else if (typeof child.additionalProperties === 'object' && child.propertyNames?.pattern !== undefined) {
        const entries = child.additionalProperties.oneOf ?? [child.additionalProperties];
        for (const shape of entries) nested.push([titleOf([...inner, '<NAME>'], shape), shape, [...inner, '<NAME>']]);
      } else if (child.items?.properties !== undefined) nested.push([`\`${inner.join('.')}[]\``, child.items, inner]);
      const required = mapping.required?.includes(key) === true && child.default === undefined;
      const secret = isSecret(inner) ? ' *Secret.*' : '';
      return [
        `\`${key}\``,
        kindOf(child),
        required ? '**needed**' : defaultOf(child),
        `${child.description ?? ''}${secret}`,
        variableOf(child, path),
      ];
    });
    parts.push(
      `### ${title}\n\n${mapping.description === undefined ? '' : `${mapping.description}.\n\n`}${table(['key', 'value', 'default', 'meaning', 'variable'], rows)}`,
    );
    for (const [name, child, path] of nested) part(name, child, path);
  };
  part(
    'The file',
    { ...CONFIG_JSON_SCHEMA, description: 'A mapping with these parts, each of which may be left out' },
    [],
  );
  return parts.join('\n\n');
}

function titleOf(words: readonly string[], shape: SchemaNode): string {
  const [key, property] = Object.entries(shape.properties ?? {}).find(([, each]) => each.const !== undefined) ?? [];
  const path = words.join('.');
  return key === undefined ? `\`${path}\`` : `\`${path}\` with \`${key}: ${String(property?.const)}\``;
}

function isMapping(node: SchemaNode): boolean {
  return node.properties !== undefined || node.anyOf?.some((branch) => branch.properties !== undefined) === true;
}

function kindOf(node: SchemaNode): string {
  if (node.items !== undefined && (node.items.properties !== undefined || node.items.oneOf !== undefined))
    return 'list, see below';
  if (isMapping(node) || node.oneOf !== undefined)
    return node.anyOf === undefined ? 'mapping, see below' : '`false`, or a mapping, see below';
  if (typeof node.additionalProperties === 'object')
    return node.propertyNames?.pattern === undefined ? 'mapping' : 'mapping of names, see below';
  return expectation(node);
}

function defaultOf(node: SchemaNode): string {
  const value = node.default;
  if (value === undefined) return '';
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
    ? ''
    : `\`${JSON.stringify(value)}\``;
}

function variableOf(node: SchemaNode, words: readonly string[]): string {
  if (node.const !== undefined || words.at(-1) === 'name') return '';
  if (words.includes('tools') || words.includes('turnDetection') || words.includes('extraHeaders')) return '';
  const leaf = node.properties === undefined && node.oneOf === undefined && node.items?.oneOf === undefined;
  if (
    !leaf ||
    typeof node.additionalProperties === 'object' ||
    (node.items !== undefined && node.items.type !== 'string')
  )
    return '';
  return `\`${variableName(words)}\``;
}

/** Every channel variable that is read. */
function variableTable(): string {
  const rows = Object.entries(CALL_VARIABLES).map(([name, rule]) => {
    const bounds =
      rule.kind === 'boolean'
        ? 'true or false'
        : rule.kind === 'text'
          ? 'text'
          : rule.only !== undefined
            ? rule.only.join(', ')
            : `${rule.minimum} to ${rule.maximum}${rule.step === undefined ? '' : ` in steps of ${rule.step}`}`;
    return [`\`${name}\``, bounds, rule.fallback === '' ? '' : `\`${rule.fallback}\``, rule.meaning];
  });
  return table(['variable', 'value', 'taken when out of bounds', 'meaning'], rows);
}

/** Dotted names of every field, in their order. */
function fieldTable(schema: SchemaNode): string {
  const rows: string[][] = [];
  const walk = (node: SchemaNode, prefix: string): void => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      const name = `${prefix}${key}`;
      const list = child.items?.properties === undefined ? null : child.items;
      const perhaps = child.anyOf?.find((branch) => branch.properties !== undefined);
      if (perhaps !== undefined) {
        rows.push([`\`${name}\``, 'object or null', child.description ?? perhaps.description ?? '']);
        walk(perhaps, `${name}.`);
        continue;
      }
      if (child.properties === undefined && list === null)
        rows.push([`\`${name}\``, typeOf(child), child.description ?? '']);
      else if (list !== null) walk(list, `${name}[].`);
      else walk(child, `${name}.`);
    }
  };
  walk(schema, '');
  return table(['field', 'type', 'meaning'], rows);
}

function typeOf(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(' ');
  if (node.anyOf !== undefined) return node.anyOf.map((branch) => branch.type ?? 'null').join(' or ');
  const type: unknown = node.type;
  if (Array.isArray(type)) return type.join(' or ');
  if (type === 'array') return `list of ${String(node.items?.type ?? 'values')}`;
  return typeof type === 'string' ? type : '';
}

/** What `talkspurt troubleshoot` looks for. */
function symptomTable(): string {
  return table(
    ['symptom', 'id', 'likely cause', 'how a record shows it', 'fix'],
    SYMPTOMS.map(({ symptom, id, cause, certainty, sign, fix }) => [
      symptom,
      `\`${id}\``,
      certainty === 'certain' ? cause : `${certainty}: ${cause}`,
      sign,
      fix,
    ]),
  );
}

function metricTable(): string {
  const metrics = new MetricsSink({ processMetrics: false }).describe();
  return table(
    ['metric', 'type', 'labels', 'meaning'],
    metrics.map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(' '),
      help,
    ]),
  );
}

/** Every event of the vocabulary with its line. */
function lineTable(): string {
  return table(
    ['event', 'component', 'operation', 'level', 'only counted when it repeats'],
    Object.entries(EVENT_LINES).map(([kind, { component, operation, level, repeats = false }]) => [
      `\`${kind}\``,
      `\`${component}\``,
      `\`${operation}\``,
      typeof level === 'string' ? level : `${level.well} or ${level.ill}`,
      repeats ? 'yes' : '',
    ]),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, content] of await generatedDocs()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}
