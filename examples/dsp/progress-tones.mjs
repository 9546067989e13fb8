// What a call that we dial may hear before anybody answers.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const tone = dsp.toneGenerator({ firstHz: 480, secondHz: 620, levelDbov: -25 });
const progress = dsp.progressTones();
const heard = [];
for (let halfSeconds = 0; halfSeconds < 12; halfSeconds += 1) {
  const audio = new Int16Array(4000);
  heard.push(...progress.process(halfSeconds % 2 === 0 ? tone.process(audio) : audio));
}
console.log('heard', heard.join(' '));
tone.close();
progress.close();
