/** Tables of benches: on the terminal, and between their marks in a page of the documentation. */
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

/** Rows of cells, the head first. */
export type Table = readonly (readonly string[])[];

/** Prints one, in columns. */
export function showTable(title: string, rows: Table): void {
  console.log(title);
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  for (const row of rows) console.log(`  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`);
}

/** Writes each into the file `page`, in place of what stands between its marks. */
export async function publishTables(
  page: string,
  tables: readonly (readonly [name: string, rows: Table])[],
): Promise<void> {
  let text = readFileSync(page, 'utf8');
  for (const [name, rows] of tables) {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const lines = rows.map((row) => `| ${row.join(' | ')} |`);
    lines.splice(1, 0, `| ${(rows[0] ?? []).map(() => '---').join(' | ')} |`);
    text = `${text.slice(0, text.indexOf(begin) + begin.length)}\n\n${lines.join('\n')}\n\n${text.slice(text.indexOf(end))}`;
  }
  writeFileSync(page, await format(text, { ...(await resolveConfig(page)), filepath: page }));
}
