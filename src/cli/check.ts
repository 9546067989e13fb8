/** `talkspurt check`: reads a configuration, says what `serve` would do with it, and on request asks the backends and the Asterisks. */
import type { Argv, CommandModule } from 'yargs';
import { probeDeepgram } from '../backend/deepgram-probe.ts';
import { probeGemini } from '../backend/gemini-probe.ts';
import { probeOpenAi } from '../backend/openai-probe.ts';
import { describeConfig, loadConfig } from '../config.ts';
import { TalkspurtError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { ariTarget } from '../gateway-asterisk.ts';
import { checkedOnce } from './argument-checks.ts';
import { EXIT } from './exit-status.ts';
import { probeAsterisk } from './probe-asterisk.ts';

interface CheckArguments {
  readonly config?: string | undefined;
  readonly online: boolean;
}

/** The `check` sub-command. */
export const checkCommand: CommandModule<object, CheckArguments> = {
  command: 'check',
  describe: 'check a configuration and say what it would do; status 2 when it is invalid',
  builder: (yargs: Argv) =>
    yargs
      .option('config', { alias: 'c', type: 'string', describe: 'configuration file (default: talkspurt.yaml)' })
      .option('online', {
        type: 'boolean',
        default: false,
        describe: 'ask each backend whether it knows the key and the model, and each Asterisk what it can do',
      })
      .check((given) => checkedOnce(given, 'config')),
  handler: async ({ config: path, online }) => {
    const config = loadConfig({ path, env: process.env });
    // Certificates are read by `serve` when it starts: where they cannot be, that is said here.
    for (const entry of config.switches) if (entry.kind === 'asterisk') await ariTarget(entry);
    for (const line of describeConfig(config)) print(line);
    if (!online) return;
    for (const [name, backend] of Object.entries(config.backends)) {
      if (backend.kind === 'websocket' || backend.kind === 'embedded') continue;
      await told(`backend ${name}`, async () => {
        if (backend.kind === 'openai') await probeOpenAi(backend);
        else if (backend.kind === 'gemini') await probeGemini(backend);
        else await probeDeepgram(backend);
        const found =
          backend.kind === 'deepgram' ? 'the key and the agent are accepted' : 'the key and the model are known';
        return [`backend ${name}: ${found}`];
      });
    }
    for (const entry of config.switches) {
      if (entry.kind === 'asterisk') await told(`switch ${entry.name}`, () => probeAsterisk(entry));
    }
  },
};

/** Prints what was found, or why not; then the exit status says so too. */
async function told(what: string, ask: () => Promise<string[]>): Promise<void> {
  try {
    for (const line of await ask()) print(line);
  } catch (error) {
    if (!(error instanceof TalkspurtError)) throw error;
    print(`${what}: ${error.message} (${error.code})`);
    process.exitCode = EXIT.failed;
  }
}

function print(line: string): void {
  process.stdout.write(`${printable(line)}\n`);
}
