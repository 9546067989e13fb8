/** Source texts as the tidy test reads them: which files there are, what in them is code, and what they import. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the project. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Files below `folder` (relative to the top, `/` between parts) that end in one of `endings`; none if it is not there. */
export function filesUnder(folder: string, ...endings: string[]): string[] {
  const full = join(ROOT, folder);
  if (statSync(full, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(full, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && (endings.length === 0 || endings.some((ending) => entry.name.endsWith(ending))),
    )
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** The text of a file, named from the top. */
export function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** A token that hides code in it: comments, strings, templates, and regular expressions where one may begin. */
const OPAQUE =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`|(?<=[(,=:[!&|?{;\n]\s*|return\s+|=>\s*)\/(?![/*])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g;

/**
 * `text` with comments blank and what strings and regular expressions hold taken out; lines stay where they are. The
 * expressions inside a template stay code.
 */
export function codeOf(text: string): string {
  return text.replaceAll(OPAQUE, (token) => {
    if (token.startsWith('`')) {
      const inner = [...token.matchAll(/\$\{([^{}]*)\}/g)].map(([, code]) => codeOf(code ?? '')).join(' ');
      return `\`${inner.replaceAll('\n', ' ')}${blank(token)}\``;
    }
    if (token.startsWith("'") || token.startsWith('"')) return `''`;
    if (token.startsWith('//') || token.startsWith('/*')) return blank(token);
    return '/x/';
  });
}

function blank(token: string): string {
  return token.replaceAll(/[^\n]/g, '');
}

/** What a module imports or passes on, as written. */
export function importsOf(text: string): string[] {
  const statement = /^(?:import|export)\s(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;
  return [...text.matchAll(statement)].map(([, from, dynamic]) => from ?? dynamic ?? '');
}

/** The files of ours that `file` imports, named from the top. */
export function ownImportsOf(file: string): string[] {
  return importsOf(textOf(file))
    .filter((name) => name.startsWith('.'))
    .map((name) =>
      normalize(join(dirname(file), name))
        .split(sep)
        .join('/'),
    );
}

/** One line of a file that breaks a rule, as `file:line`, for each match of `pattern` in `text`. */
export function places(file: string, text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(({ index, 0: found }) => {
    return `${file}:${text.slice(0, index).split('\n').length} ${found.trim().split('\n')[0] ?? ''}`;
  });
}
