/** The signal chain's stages on their own: arrays in, arrays out. Runs in Node and in browsers. */
import { loadDsp } from 'talkspurt/dsp';

const dsp = await loadDsp();
console.log(dsp.describe());

// A second of the dial tone of Europe, as a telephone hears it: 24 kHz → 8 kHz → µ-law and back.
const tone = dsp.tone({ firstHz: 425, levelDbov: -20, durationMs: 1000, sampleRateHz: 24000 });
const narrow = dsp.resample(tone, 24000, 8000);
const codes = dsp.encodeUlaw(narrow);
const heard = dsp.decodeUlaw(codes);
console.log(`${tone.length} samples → ${narrow.length} samples → ${codes.length} bytes of µ-law`);
console.log(`level ${dsp.levelDbov(tone).toFixed(1)} dBov before, ${dsp.levelDbov(heard).toFixed(1)} dBov after`);

// One probability of speech for each 10 ms: silence is none.
const probabilities = dsp.speechProbability(new Int16Array(8000));
console.log(`speech in ${probabilities.filter((probability) => probability > 0.5).length} of ${probabilities.length}`);
