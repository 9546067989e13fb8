/** `talkspurt freeswitch …`: what goes into a FreeSWITCH. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { TalkspurtError } from '../core/errors.ts';
import { DEFAULT_SNIPPET_OPTIONS, freeswitchSnippets } from '../switch/freeswitch/freeswitch-snippets.ts';
import type { Snippet } from '../switch/freeswitch/freeswitch-snippets.ts';

interface SnippetArguments {
  readonly out?: string | undefined;
  readonly profile: string;
  readonly socket: string;
  readonly force: boolean;
}

const snippetsCommand: CommandModule<object, SnippetArguments> = {
  command: 'snippets',
  describe: "the command uuid_audio_stream for FreeSWITCH's own fs_cli and dialplan: Lua, alias, XML",
  builder: (yargs: Argv) =>
    yargs
      .option('out', { type: 'string', describe: 'folder to write the files to (default: print them)' })
      .option('profile', {
        type: 'string',
        default: DEFAULT_SNIPPET_OPTIONS.profile,
        describe: 'profile that the examples start',
      })
      .option('socket', {
        type: 'string',
        default: DEFAULT_SNIPPET_OPTIONS.socket,
        describe: 'where the outbound socket of talkspurt listens',
      })
      .option('force', { type: 'boolean', default: false, describe: 'replace files that are different' }),
  handler: async ({ out, profile, socket, force }) => {
    const snippets = freeswitchSnippets({ profile, socket });
    if (out === undefined) {
      process.stdout.write(printedSnippets(snippets));
      return;
    }
    for (const path of await writeSnippets(snippets, out, force)) process.stdout.write(`${path}\n`);
  },
};

/** The `freeswitch` sub-command. */
export const freeswitchCommand: CommandModule = {
  command: 'freeswitch <command>',
  describe: 'what goes into a FreeSWITCH',
  builder: (yargs: Argv) => yargs.command(snippetsCommand).demandCommand(1, 'Name what of it; see below.'),
  handler: () => undefined,
};

/** All files in one text, each under its name. */
export function printedSnippets(snippets: readonly Snippet[]): string {
  return snippets.map(({ file, text }) => `===== ${file}\n${text}`).join('\n');
}

/**
 * Writes the files; resolves to their paths. All of them or, where one is there already and different, none.
 * @throws ERR_TALKSPURT_CONFIG_INVALID for such a file, ERR_TALKSPURT_CONFIG_UNREADABLE for a folder that cannot be written
 */
export async function writeSnippets(snippets: readonly Snippet[], folder: string, force: boolean): Promise<string[]> {
  const files = snippets.map(({ file, text }) => ({ path: join(folder, file), text }));
  try {
    await mkdir(folder, { recursive: true });
    for (const { path, text } of files) {
      const present = force ? null : await textOf(path);
      if (present !== null && present !== text) {
        const message = `${path} is there already, and different: use --force to replace it`;
        throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
      }
    }
    for (const { path, text } of files) await writeFile(path, text);
  } catch (cause) {
    if (cause instanceof TalkspurtError) throw cause;
    const why = (cause as NodeJS.ErrnoException).code ?? 'it failed';
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_UNREADABLE', `cannot write to ${folder}: ${why}`, { cause });
  }
  return files.map(({ path }) => path);
}

/** Null: there is no such file. */
async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
