/**
 * A process that has calls, to be killed: `stasis-victim.ts HTTP-PORT [MS]`. Says `up` once its link is. With a time it waits for a
 * line before it connects, and kills itself that long after the first call has come in: 0 is before anything was done about it.
 */
import { once } from 'node:events';
import { startHost } from './stasis-rig.ts';

const [port, killAfterMs] = process.argv.slice(2).map(Number);
const asterisk = { httpPort: port ?? 0 };
if (killAfterMs === undefined) {
  await startHost(asterisk);
} else {
  await once(process.stdin, 'data');
  const end = (): boolean => process.kill(process.pid, 'SIGKILL');
  await startHost(asterisk, {
    onEvent: ({ type, channel }) => {
      const { id = '' } = (channel ?? {}) as { id?: string };
      if (type !== 'StasisStart' || id.startsWith('talkspurt-')) return;
      if (killAfterMs === 0) end();
      else setTimeout(end, killAfterMs);
    },
  });
}
process.stdout.write('up\n');
