/** A process that has calls, to be killed: `stasis-victim.ts HTTP-PORT`. Says `up` once its link is. */
import { startHost } from './stasis-rig.ts';

const asterisk = { httpPort: Number(process.argv[2]) };
await startHost(asterisk);
process.stdout.write('up\n');
