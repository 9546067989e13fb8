/** `talkspurt serve`: attaches to the switches of a configuration and stays. */
import type { Argv, CommandModule } from 'yargs';
import { loadConfig } from '../config.ts';
import { startRuntime } from '../gateway-from-config.ts';
import type { Runtime } from '../gateway-from-config.ts';

interface ServeArguments {
  readonly config?: string | undefined;
  readonly 'drain-seconds': number;
}

/** The `serve` sub-command. */
export const serveCommand: CommandModule<object, ServeArguments> = {
  command: 'serve',
  describe: 'attach to the configured switches and answer commands until stopped',
  builder: (yargs: Argv) =>
    yargs
      .option('config', { alias: 'c', type: 'string', describe: 'configuration file (default: talkspurt.yaml)' })
      .option('drain-seconds', { type: 'number', default: 30, describe: 'how long a SIGTERM waits for calls to end' }),
  handler: async ({ config, 'drain-seconds': drainSeconds }) => {
    const runtime = await startRuntime(loadConfig({ path: config, env: process.env }));
    const { frontDoorPort, statusPort } = runtime;
    runtime.log.note('info', 'serving', { frontDoorPort, statusPort });
    await untilStopped(runtime, drainSeconds);
  },
};

/** The first signal drains, a second one ends at once. */
async function untilStopped(runtime: Runtime, drainSeconds: number): Promise<void> {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const asked = (): Promise<void> =>
    new Promise((resolve) => {
      for (const signal of signals) process.once(signal, () => resolve());
    });
  await asked();
  const drained = runtime.gateway.drained(Math.max(0, drainSeconds) * 1000);
  await Promise.race([drained, asked()]);
  await runtime.close();
  process.exit();
}
