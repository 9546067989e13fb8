/** A process that taps calls, to be killed: `tap-victim.ts HTTP-PORT CHANNEL…`. Says `up` once it hears all of them. */
import { startTaps } from './tap-rig.ts';

const [port, ...channels] = process.argv.slice(2);
const taps = await startTaps({ httpPort: Number(port) });
for (const id of channels) {
  const { leg } = await taps.tap(id, { request: { mix: 'stereo', sampleRateHz: null } });
  await leg.openMedia(new AbortController().signal);
}
process.stdout.write('up\n');
