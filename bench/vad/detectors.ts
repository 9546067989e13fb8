/** What is measured: 16-bit samples at 8 kHz in, one score for each 10 ms out. */
import fvad from '@echogarden/fvad-wasm';
import type { CoreExports } from '../../src/dsp/dsp-module.ts';
import { DspModule } from '../../src/dsp/dsp-module.ts';
import { HOP } from './mix.ts';

/** A voice activity detector behind one face. */
export interface Detector {
  readonly name: string;
  /** What it takes at a time: a score is known at the end of it only. */
  readonly frameMs: number;
  /** Whether its scores of a set are kept for the next time. */
  readonly kept?: boolean;
  /** Scores a whole line from a fresh start. */
  score(pcm: Int16Array): Promise<Float32Array>;
}

type Stage = Pick<CoreExports, 'memory' | 'SCRATCH_PCM'>;

function hops(core: Stage, pcm: Int16Array, hop: (source: number) => number): Float32Array {
  const source = core.SCRATCH_PCM.value;
  const samples = new Int16Array(core.memory.buffer, source, HOP);
  const scores = new Float32Array(Math.floor(pcm.length / HOP));
  for (let at = 0; at < scores.length; at += 1) {
    samples.set(pcm.subarray(at * HOP, at * HOP + HOP));
    scores[at] = hop(source);
  }
  return scores;
}

/** Ours: both modes of the shipped binary. */
export async function ownDetectors(): Promise<Detector[]> {
  const module = await DspModule.load();
  const [neural, statistical] = [module.instantiate(), module.instantiate()];
  return [
    {
      name: 'neural',
      frameMs: 10,
      score: async (pcm) => {
        neural.neuralStart(2);
        return hops(neural, pcm, (source) => neural.neuralHop(source));
      },
    },
    {
      // As a call asks it: the greater of the two hops of a packet is the answer for all of it.
      name: 'neural, packets of 20 ms',
      frameMs: 20,
      score: async (pcm) => {
        neural.neuralStart(2);
        const scores = hops(neural, pcm, (source) => neural.neuralHop(source));
        for (let at = 0; at < scores.length; at += 2) scores.fill(Math.max(...scores.subarray(at, at + 2)), at, at + 2);
        return scores;
      },
    },
    {
      name: 'statistical',
      frameMs: 10,
      score: async (pcm) => {
        statistical.voiceStart(2);
        return hops(statistical, pcm, (source) => statistical.voiceHop(source));
      },
    },
  ];
}

/** WebRTC's detector: 20 ms frames each 10 ms would need two instances, so 10 ms; the sum of the votes of its four modes. */
export async function webrtcDetector(): Promise<Detector> {
  const peer = await fvad();
  const handles = [0, 1, 2, 3].map(() => peer._fvad_new());
  const buffer = peer._malloc(2 * HOP);
  return {
    name: 'WebRTC (fvad), votes of 4 modes',
    frameMs: 10,
    score: async (pcm) => {
      handles.forEach((handle, mode) => {
        peer._fvad_reset(handle);
        peer._fvad_set_sample_rate(handle, 8000);
        peer._fvad_set_mode(handle, mode);
      });
      return Float32Array.from({ length: Math.floor(pcm.length / HOP) }, (_, hop) => {
        peer.HEAP16.set(pcm.subarray(hop * HOP, hop * HOP + HOP), buffer >> 1);
        return handles.reduce((votes, handle) => votes + Math.max(0, peer._fvad_process(handle, buffer, HOP)), 0);
      });
    },
  };
}
