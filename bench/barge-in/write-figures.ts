/**
 * Puts the figures of a full run into docs/barge-in.md:
 *
 *   npm run bench -- barge-in --json --output barge-in.json
 *   node --import tsx bench/barge-in/write-figures.ts barge-in.json
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import type { BargeInReport } from '../barge-in.ts';
import { systemTables } from './report.ts';

const [source] = process.argv.slice(2);
if (source === undefined) throw new Error('name the report of a full run: what --json --output wrote');
const report = JSON.parse(readFileSync(source, 'utf8')) as BargeInReport;
if (report.amount === 'small' || report.cast !== 'held out') throw new Error('only a run on held-out people is shown');

const document = fileURLToPath(new URL('../../docs/barge-in.md', import.meta.url));
const page = readFileSync(document, 'utf8');
const [begin, end] = ['<!-- figures -->', '<!-- /figures -->'];
const [from, to] = [page.indexOf(begin), page.indexOf(end)];
if (from < 0 || to < from) throw new Error('docs/barge-in.md has no place for the figures');
const next = `${page.slice(0, from + begin.length)}\n\n${systemTables(report, true)}\n${page.slice(to)}`;
writeFileSync(document, await format(next, { ...(await resolveConfig(document)), filepath: document }));
