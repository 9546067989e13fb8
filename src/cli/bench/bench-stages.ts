/** Finds the stages: files under `bench/dsp/` that export `stage`. The build puts them beside the compiled host. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TalkspurtError } from '../../core/errors.ts';
import type { DspModule } from '../../dsp/dsp-module.ts';
import { contextOf } from './bench-context.ts';
import type { BenchContext, BenchStage } from './bench-row.ts';

/** From `src/cli/bench/` and from `build/lib/cli/bench/` the stages lie the same way. */
export const STAGES_FOLDER: string = fileURLToPath(new URL('../../../bench/dsp/', import.meta.url));

/** Letters and figures alone: "G.711" is found by `g711`. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');

/**
 * All stages, in the order of the table; only those whose name contains one of `parts`, when there are any. `unknown` hears each
 * part that is in no name. @throws ERR_TALKSPURT_INTERNAL where the package was built without them.
 */
export async function findStages(
  folder: string,
  parts: readonly string[],
  unknown: (part: string) => void = () => undefined,
): Promise<BenchStage[]> {
  if (!existsSync(folder)) throw new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'this build holds no benches');
  const files = readdirSync(folder).filter((name) => /\.(ts|js)$/.test(name) && !name.endsWith('.d.ts'));
  const stages: BenchStage[] = [];
  for (const name of files) {
    const { stage } = (await import(pathToFileURL(join(folder, name)).href)) as { stage?: BenchStage };
    if (stage !== undefined) stages.push(stage);
  }
  const has = ({ name }: BenchStage, part: string): boolean => plain(part) !== '' && plain(name).includes(plain(part));
  for (const part of parts) if (!stages.some((stage) => has(stage, part))) unknown(part);
  return stages
    .filter((stage) => parts.length === 0 || parts.some((part) => has(stage, part)))
    .sort((a, b) => a.order - b.order);
}

/** What the rows are made with; `skip` hears a line for each package that is not installed. */
export function benchContext(module: DspModule, skip: (line: string) => void): BenchContext {
  const missing = new Set<string>();
  return contextOf(module, async <T>(name: string) => {
    try {
      return (await import(name)) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
      if (!missing.has(name)) skip(`npm ${name}: not installed`);
      missing.add(name);
      return null;
    }
  });
}

/** The version of an installed package, undefined where it does not say. */
export function packageVersion(name: string): string | undefined {
  // `exports` may hide the manifest: it is looked for where the package's own code lies.
  const [packageName = ''] = /^(@[^/]+\/)?[^/]+/.exec(name) ?? [];
  try {
    for (let folder = dirname(fileURLToPath(import.meta.resolve(name))); ; folder = dirname(folder)) {
      const manifest = join(folder, 'package.json');
      if (existsSync(manifest)) {
        const { name: found, version } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, string>;
        if (found === packageName) return version;
      }
      if (folder === dirname(folder)) return undefined;
    }
  } catch {
    return undefined;
  }
}
