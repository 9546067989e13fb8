// ITU-T G.722: wideband speech in as many bits as G.711 takes for a narrow band.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const tone = dsp.toneGenerator({ firstHz: 5000, sampleRateHz: 16000 });
const g722 = dsp.g722();
const codes = g722.encode(tone.process(new Int16Array(320)));
console.log(`20 ms at 16 kHz are ${codes.length} bytes, and ${g722.decode(codes).length} samples again`);
g722.close();
tone.close();
