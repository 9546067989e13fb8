// Audio that is not what it says it is: nothing but zeros.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const watch = dsp.audioWatch({ codec: 'l16', sampleRateHz: 24000 });
console.log('suspected', watch.process(new Uint8Array(48000 * 1.5)).join(' '));
watch.close();
