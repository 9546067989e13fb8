// Packets that come out of order are heard in order; how much more waits than must is cut out of it at its own pitch.
import { DspStages, JitterBuffer } from 'talkspurt/dsp';

const jitter = new JitterBuffer({ frameBytes: 160, ptimeMs: 20, frameSamples: 160, capacityFrames: 64 });
for (const number of [0, 2, 1, 3]) jitter.push(new Uint8Array(160).fill(number), number, number * 160, 20 * number);
const order = [0, 1, 2, 3].map(() => jitter.pop()?.[0]);

const dsp = await DspStages.load();
const line = dsp.timeScale();
const tone = dsp.toneGenerator({ firstHz: 200 });
line.write(tone.process(new Int16Array(640)));
console.log('in order:', order.join(' '), '– shorter:', line.adjust(20, 160) < 640);
line.close();
tone.close();
