// Hum and hiss out of a caller's voice: high-pass, then noise suppression; and two streams as one.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const hum = Int16Array.from({ length: 16000 }, (_, n) => 3000 * Math.sin((2 * Math.PI * 50 * n) / 8000));
const hiss = hum.map(() => Math.random() * 400 - 200);
const mixer = dsp.mixer();
const highPass = dsp.highPass({ cutHz: 200 });
const suppressor = dsp.noiseSuppressor({ suppressionDb: 12 });
const rms = (pcm) => Math.sqrt(pcm.subarray(8000).reduce((sum, x) => sum + x * x, 0) / (pcm.length - 8000));
const before = mixer.process(hum, hiss);
const after = suppressor.process(highPass.process(before));
console.log('at least 30 dB quieter:', 20 * Math.log10(rms(before) / rms(after)) > 30);
for (const stage of [mixer, highPass, suppressor]) stage.close();
