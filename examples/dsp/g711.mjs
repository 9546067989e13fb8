// ITU-T G.711: samples to codes and back.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const g711 = dsp.g711({ law: 'alaw' });
const codes = g711.encode(Int16Array.of(0, 1000, -1000, 32767));
console.log('codes', codes.join(' '), 'samples', g711.decode(codes).join(' '));
g711.close();
