// A stream from 24 to 8 kHz, in frames of 20 ms, into memory that is used again and again.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const resampler = dsp.resampler({ fromHz: 24000, toHz: 8000, filters: 'strict' });
const frame = new Int16Array(480);
const room = new Int16Array(resampler.mostSamples(frame.length));
let made = 0;
for (let n = 0; n < 50; n += 1) made += resampler.process(frame, room).length;
console.log(`one second is ${made} samples, ${resampler.delaySamples / 8} ms later`);
resampler.close();
