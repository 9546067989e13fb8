#!/usr/bin/env node
/** The `talkspurt` command: reads the arguments, runs one sub-command, turns its outcome into an exit status. */
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { asteriskCommand } from './cli/asterisk.ts';
import { benchCommand } from './cli/bench.ts';
import { checkCommand } from './cli/check.ts';
import { ctlCommand } from './cli/ctl.ts';
import { demoCommand } from './cli/demo.ts';
import { doctorCommand } from './cli/doctor.ts';
import { freeswitchCommand } from './cli/freeswitch.ts';
import { serveCommand } from './cli/serve.ts';
import { troubleshootCommand } from './cli/troubleshoot.ts';
import { EXIT } from './cli/exit-status.ts';
import { TalkspurtError } from './core/errors.ts';
import { printableLines } from './core/printable.ts';
import { VERSION } from './version.ts';

/** A command line that cannot be understood. */
class UsageError extends Error {}

/**
 * A reader of what we print that has gone (`| head`) has had enough: what was begun, a call of the doctor's say, goes to its end and
 * keeps its status. A disk that takes nothing is a failure, whatever was found.
 */
function surviveOutput(): void {
  let told = false;
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (told || code === 'EPIPE') return;
    told = true;
    process.stderr.write(`talkspurt: standard output cannot be written (${code})\n`);
    process.once('exit', () => (process.exitCode ||= EXIT.failed));
  });
}

async function main(): Promise<void> {
  const parser = yargs(hideBin(process.argv));
  await parser
    .scriptName('talkspurt')
    .usage('$0 <command>\n\nGives any call on an unmodified FreeSWITCH or Asterisk an AI voice.')
    .command(demoCommand)
    .command(serveCommand)
    .command(checkCommand)
    .command(doctorCommand)
    .command(troubleshootCommand)
    .command(ctlCommand)
    .command(freeswitchCommand)
    .command(asteriskCommand)
    .command(benchCommand)
    .demandCommand(1, 'Name a command; see below.')
    .strict()
    .version(VERSION)
    .alias('h', 'help')
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    // Without a throw here yargs would go on and run the command all the same.
    .fail((message, error) => {
      // A check of arguments throws a plain error, and its text is the message too.
      throw error === undefined || error.message === message ? new UsageError(message) : error;
    })
    .parseAsync();
}

function complain(text: string): void {
  process.stderr.write(printableLines(`talkspurt: ${text}\n`));
}

surviveOutput();
try {
  await main();
} catch (error) {
  if (error instanceof UsageError) {
    complain(`${error.message} Try: talkspurt --help`);
    process.exitCode = EXIT.usage;
  } else if (error instanceof TalkspurtError) {
    complain(`${error.message} (${error.code})`);
    process.exitCode =
      error.code.startsWith('ERR_TALKSPURT_CONFIG') || error.code === 'ERR_TALKSPURT_SECRET_MISSING'
        ? EXIT.usage
        : EXIT.failed;
  } else {
    complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exitCode = EXIT.failed;
  }
}
