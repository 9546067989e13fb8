import { ComfortNoise } from './comfort-noise';
import { CONCEAL_HISTORY } from './layout';
import { sumOfSquares } from './level';

/**
 * What does it do? Fills frames that never came (PLC).
 * How does it work? The last pitch period is found by normalised cross-correlation over 5 … 15 ms and repeated. It fades
 *   in a straight line from 10 ms to 60 ms, while noise at the line's own floor comes up. The first frame after a loss
 *   is blended in over 4 ms. The idea is that of ITU-T G.711 Appendix I, without its growing pitch segments.
 * How do I use it? `accept(pcm, samples)` for every frame that came, `fill(pcm, samples)` for every one that did not.
 * Not for: music.
 *
 *   history  ┌────────── 25 ms ──────────┐
 *            │       search     │ period ││ period │ period │ …  the frame to be filled
 *            └───────────────────────────┘
 */
const HISTORY_AT_8K: i32 = 200;
const TEMPLATE_AT_8K: i32 = 80;
const LAG_MIN_AT_8K: i32 = 40;
const LAG_MAX_AT_8K: i32 = 120;
const HOLD_AT_8K: i32 = 80;
const GONE_AT_8K: i32 = 480;
const BLEND_AT_8K: i32 = 32;
/** −50 dBov: noise is never made louder than this. */
const NOISE_RMS_MAX: f32 = 104.0;

@unmanaged
export class Concealment {
  /** Samples of the leg for one at 8 kHz. */
  private factor: i32;
  private lag: i32;
  /** Samples made up since the last real one. */
  private lost: i32;
  /** RMS of the quietest recent frames; negative before the first. */
  private floorRms: f32;
  private noise: ComfortNoise;

  /** Forgets the line. `noise` is the generator it draws from. */
  start(sampleRateHz: i32, noise: ComfortNoise): void {
    this.factor = sampleRateHz / 8000;
    this.lag = LAG_MAX_AT_8K * this.factor;
    this.lost = 0;
    this.floorRms = -1.0;
    this.noise = noise;
    noise.start(0x9e3779b9);
    memory.fill(CONCEAL_HISTORY, 0, (<usize>(HISTORY_AT_8K * this.factor)) << 1);
  }

  /** Takes a real frame; returns whether its beginning was blended with what was made up before it. */
  accept(pcm: usize, samples: i32): bool {
    const blended = this.lost > 0;
    if (blended) this.blend(pcm, min(samples, BLEND_AT_8K * this.factor));
    this.lost = 0;
    this.remember(pcm, samples);
    this.learnFloor(pcm, samples);
    return blended;
  }

  /** Makes a frame up. */
  fill(pcm: usize, samples: i32): void {
    if (this.lost == 0) this.lag = this.findLag();
    for (let i = 0; i < samples; i++) store<i16>(pcm + ((<usize>i) << 1), this.next());
  }

  private next(): i16 {
    const at = HISTORY_AT_8K * this.factor - this.lag + (this.lost % this.lag);
    const hold = HOLD_AT_8K * this.factor;
    const gone = GONE_AT_8K * this.factor;
    const gain: f32 = this.lost < hold ? 1.0 : <f32>(gone - this.lost) / <f32>(gone - hold);
    if (this.lost < gone) this.lost += 1;
    const repeated = <f32>load<i16>(CONCEAL_HISTORY + ((<usize>at) << 1)) * gain;
    const amplitude = min(NOISE_RMS_MAX, max<f32>(0.0, this.floorRms)) * 1.7320508;
    return <i16>nearest(repeated + this.noise.next(amplitude * (1.0 - gain)));
  }

  private blend(pcm: usize, samples: i32): void {
    for (let i = 0; i < samples; i++) {
      const at = pcm + ((<usize>i) << 1);
      const share = <f32>(i + 1) / <f32>(samples + 1);
      store<i16>(at, <i16>nearest(<f32>load<i16>(at) * share + <f32>this.next() * (1.0 - share)));
    }
  }

  private remember(pcm: usize, samples: i32): void {
    const size = HISTORY_AT_8K * this.factor;
    const taken = min(samples, size);
    const kept = (<usize>(size - taken)) << 1;
    memory.copy(CONCEAL_HISTORY, CONCEAL_HISTORY + ((<usize>taken) << 1), kept);
    memory.copy(CONCEAL_HISTORY + kept, pcm + ((<usize>(samples - taken)) << 1), (<usize>taken) << 1);
  }

  /** Down at once, up by 1 % a frame. */
  private learnFloor(pcm: usize, samples: i32): void {
    const rms = <f32>sqrt(<f64>sumOfSquares(pcm, samples) / <f64>samples);
    const risen = this.floorRms * 1.01 + 0.01;
    this.floorRms = this.floorRms < 0.0 ? rms : min(rms, risen);
  }

  /** The lag, in samples of the leg, at which the last 10 ms resemble the past most. */
  private findLag(): i32 {
    const stride = (<usize>this.factor) << 1;
    const template = CONCEAL_HISTORY + <usize>(HISTORY_AT_8K - TEMPLATE_AT_8K) * stride;
    let best = LAG_MAX_AT_8K;
    let bestScore: f32 = 0.0;
    for (let lag = LAG_MIN_AT_8K; lag <= LAG_MAX_AT_8K; lag++) {
      let product: f32 = 0.0;
      let energy: f32 = 1.0;
      let now = template;
      let then = template - <usize>lag * stride;
      for (let i = 0; i < TEMPLATE_AT_8K; i++) {
        const past = <f32>load<i16>(then);
        product += <f32>load<i16>(now) * past;
        energy += past * past;
        now += stride;
        then += stride;
      }
      const score: f32 = product > 0.0 ? (product * product) / energy : 0.0;
      if (score > bestScore) {
        bestScore = score;
        best = lag;
      }
    }
    return best * this.factor;
  }
}
