/** Runs a command of the command line inside the test's own process. */
import yargs from 'yargs';
import type { CommandModule } from 'yargs';

/** What `talkspurt WORDS…` writes to standard output when `command` is the one that the first word names. @throws As the command line does. */
export async function runCommand<T>(command: CommandModule<object, T>, words: readonly string[]): Promise<string> {
  const { write } = process.stdout;
  let output = '';
  process.stdout.write = (text: string | Uint8Array): boolean => {
    output += String(text);
    return true;
  };
  try {
    await yargs([...words])
      .command(command)
      .strict()
      .exitProcess(false)
      .fail((message, error) => {
        throw error ?? new Error(message);
      })
      .parseAsync();
  } finally {
    process.stdout.write = write;
  }
  return output;
}
