/** `talkspurt serve`: attaches to the switches of a configuration and stays. */
import type { Argv, CommandModule } from 'yargs';
import { loadConfig } from '../config.ts';
import { SystemClock } from '../core/clock.ts';
import type { Config } from '../config.ts';
import { startRuntime } from '../gateway-from-config.ts';
import type { Runtime } from '../gateway-from-config.ts';
import { checkedNumber, checkedOnce } from './argument-checks.ts';
import { keepHeapCompact } from './compact-heap.ts';

interface ServeArguments {
  readonly config?: string | undefined;
  readonly 'drain-seconds'?: number | undefined;
}

/** The `serve` sub-command. */
export const serveCommand: CommandModule<object, ServeArguments> = {
  command: 'serve',
  describe: 'attach to the configured switches and answer commands until stopped',
  builder: (yargs: Argv) =>
    yargs
      .option('config', { alias: 'c', type: 'string', describe: 'configuration file (default: talkspurt.yaml)' })
      .option('drain-seconds', {
        type: 'number',
        describe: 'how long a SIGTERM waits for calls to end (default: drainSeconds of the configuration)',
      })
      .check((given) => checkedOnce(given, 'config') && checkedNumber(given, 'drain-seconds', 0, 86_400)),
  handler: async ({ config: path, 'drain-seconds': drainSeconds }) => {
    const read = (): Config => loadConfig({ path, env: process.env });
    const config = read();
    // Who has moved the log file away says so; while we start, too, when nobody listened it would be our end.
    let reopen = (): void => void (reopenLater = true);
    let reopenLater = false;
    process.on('SIGHUP', () => reopen());
    keepHeapCompact();
    const runtime = await startRuntime(config, { reload: read });
    reopen = () => runtime.log.reopen();
    if (reopenLater) reopen();
    const { frontDoorPort, statusPort, sipPort, outboundSocketPort } = runtime;
    runtime.log.note('info', 'serving', { frontDoorPort, statusPort, sipPort, outboundSocketPort });
    await untilStopped(runtime, config.leaveSeconds, drainSeconds ?? config.drainSeconds);
  },
};

/** The first signal waits for calls to end, then ends them politely; a second one ends them at once. */
async function untilStopped(runtime: Runtime, leaveSeconds: number, drainSeconds: number): Promise<void> {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const asked = (): Promise<void> =>
    new Promise((resolve) => {
      for (const signal of signals) process.once(signal, () => resolve());
    });
  await asked();
  const again = asked();
  runtime.leave();
  const left = new Promise<void>((resolve) => {
    new SystemClock().after(leaveSeconds * 1000, resolve);
  });
  const { gateway } = runtime;
  const soonEnough = async (work: Promise<unknown>): Promise<boolean> =>
    await Promise.race([work.then(() => true), again.then(() => false)]);
  if ((await soonEnough(left)) && (await soonEnough(gateway.drained(drainSeconds * 1000)))) {
    await soonEnough(gateway.sendOff());
  }
  await runtime.close();
  process.exit();
}
