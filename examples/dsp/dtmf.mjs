// Keys in the audio: sent (ITU-T Q.23) and heard (Q.24).
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const generator = dsp.dtmfGenerator({ toneMs: 80, gapMs: 80 });
const detector = dsp.dtmfDetector();
generator.dial('1234#');
const frame = new Int16Array(160);
let heard = '';
while (generator.samplesLeft > 0) {
  for (const { digit } of detector.process(generator.process(frame))) heard += digit;
}
for (const { digit } of detector.process(new Int16Array(800))) heard += digit;
console.log('heard', heard);
generator.close();
detector.close();
