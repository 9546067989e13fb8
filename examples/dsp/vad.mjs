// Voice activity: noise is none.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const vad = dsp.vad({ kind: 'neural', aggressiveness: 2 });
let spoken = 0;
for (let frame = 0; frame < 100; frame += 1) {
  const noise = Int16Array.from({ length: 160 }, () => Math.random() * 200 - 100);
  if (vad.process(noise) > 0.5) spoken += 1;
}
console.log(`speech in ${spoken} of 100 frames`);
vad.close();
