// A packet that did not come.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const concealer = dsp.concealer();
const tone = dsp.toneGenerator({ firstHz: 200, levelDbov: -12 });
const frame = new Int16Array(160);
for (let n = 0; n < 5; n += 1) concealer.process(tone.process(frame));
const made = concealer.conceal(new Int16Array(160));
console.log(
  'made up:',
  made.some((sample) => Math.abs(sample) > 8000),
);
concealer.close();
tone.close();
