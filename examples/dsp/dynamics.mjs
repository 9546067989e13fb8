// Gain, compressor, gain control, limiter: what brings a voice to a level.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const loud = Int16Array.from({ length: 16000 }, (_, n) => 30000 * Math.sin(n / 3));
const loudest = (pcm) => pcm.subarray(8000).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
const gain = dsp.gain({ gain: 0.5 });
const compressor = dsp.compressor({ thresholdDb: -20 });
const agc = dsp.agc({ targetDbov: -12 });
const limiter = dsp.limiter({ gain: 4 });
console.log('gain', loudest(gain.process(loud)), 'compressor turns down:', loudest(compressor.process(loud)) < 20000);
console.log(
  'gain control turns down:',
  loudest(agc.process(loud, 1)) < 30000,
  'ceiling',
  loudest(limiter.process(loud)),
);
for (const stage of [gain, compressor, agc, limiter]) stage.close();
