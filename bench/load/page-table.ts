/** Figures of a bench, between two comments of a page. */
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

/** Writes `rows` into the page at `path`, between `<!-- begin NAME -->` and `<!-- end NAME -->`, which are there. `head`: its columns. */
export async function writeTable(
  path: string,
  name: string,
  rows: readonly (readonly string[])[],
  head: readonly string[] = ['', ''],
): Promise<void> {
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} has no place for '${name}'`);
  const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const page = `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`;
  writeFileSync(path, await format(page, { ...(await resolveConfig(path)), filepath: path }));
}
