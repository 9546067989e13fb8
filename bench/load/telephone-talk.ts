/**
 * What the telephones of a bench say: one conversation of G.711 µ-law frames, made at run time. The caller speaks for two fifths
 * of it, as people do who talk to somebody: a sentence, a pause, a sentence, then the other's turn. No two frames are alike,
 * so each is known again when it is echoed, whatever was lost before it.
 */
import { MU_LAW } from '../../src/simulator/g711-table.ts';
import { resampleSinc } from '../../src/simulator/sinc-resample.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';

const FRAME_SAMPLES = 160;
/** Length of the conversation in frames of 20 ms: 15 s, then it begins again. */
export const TALK_FRAMES = 750;
const SENTENCES = [
  'Good morning, I would like to change the date of my appointment, please.',
  'Thursday afternoon would be fine with me.',
];
/** Where each sentence begins, frames. */
const BEGIN = [0, 170];
/** The line's own noise: codes of −1 to +1 steps around zero. */
const NOISE = [0xff, 0x7f, 0xfe, 0x7e];

/** `TALK_FRAMES` frames of 160 bytes, the same at every run. */
export async function telephoneTalk(): Promise<Buffer[]> {
  const synthesizer = new SpeechSynthesizer();
  const said = new Int16Array(TALK_FRAMES * FRAME_SAMPLES);
  for (const [n, sentence] of SENTENCES.entries()) {
    const { samples, sampleRateHz } = await synthesizer.synthesize(sentence, 'rms');
    const narrow = resampleSinc(samples, sampleRateHz, 8000);
    const room = ((BEGIN[n + 1] ?? TALK_FRAMES) - BEGIN[n]!) * FRAME_SAMPLES;
    said.set(narrow.subarray(0, room), BEGIN[n]! * FRAME_SAMPLES);
  }
  await synthesizer.close();
  return Array.from({ length: TALK_FRAMES }, (_, n) => frameOf(said, n));
}

/** Frame `n` on a line with noise; its number stands in the pattern of the noise's least bits, which nobody hears. */
function frameOf(said: Int16Array, n: number): Buffer {
  const frame = Buffer.alloc(FRAME_SAMPLES);
  let random = n + 1;
  for (let i = 0; i < FRAME_SAMPLES; i += 1) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    const sample = said[n * FRAME_SAMPLES + i]!;
    frame[i] = Math.abs(sample) < 8 ? NOISE[random >>> 30]! : MU_LAW.encode[sample + 32_768]!;
  }
  return frame;
}
