// An echo 120 ms away, 10 dB down: found by itself, and taken out.
import { DspStages } from 'talkspurt/dsp';

const dsp = await DspStages.load();
const canceller = dsp.echoCanceller({ mode: 'on' });
let noise = 1;
const said = Int16Array.from({ length: 32000 }, () => (noise = (Math.imul(noise, 1664525) + 1013904223) | 0) >> 18);
const echo = said.map((_, n) => (said[n - 960] ?? 0) * 0.3);
for (let at = 0; at < said.length; at += 160) {
  canceller.process(echo.subarray(at, at + 160));
  canceller.reference(said.subarray(at, at + 160));
}
console.log(`delay found: ${canceller.delayMs > 0}, more than 20 dB taken out: ${canceller.erleDb > 20}`);
canceller.close();
