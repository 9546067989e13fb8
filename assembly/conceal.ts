import { ComfortNoise } from './comfort-noise';
import { CONCEAL_HISTORY } from './layout';
import { sumOfSquares } from './level';
import { NoiseModel } from './noise-model';

/**
 * What does it do? Fills frames that never came (PLC).
 * How does it work? The last pitch period is found by normalised cross-correlation of 20 ms over 5 … 15 ms and repeated, its
 *   last quarter overlapped with the period before. It fades in a straight line from 10 ms to 60 ms, while noise at the line's
 *   own floor comes up. The first frame after a loss is blended in over 4 ms. The idea is that of ITU-T G.711 Appendix I,
 *   without its 3.75 ms of delay and its growing pitch segments. Where the far end has said what its silence sounds like
 *   (RFC 3389), that noise takes the speech's place within 10 ms.
 * How do I use it? `accept(pcm, samples)` for every frame that came, `fill(pcm, samples)` for every one that did not.
 * Not for: music.
 *
 *   history  ┌────────── 35 ms ──────────┐
 *            │       search     │ period ││ period │ period │ …  the frame to be filled
 *            └───────────────────────────┘
 */
const HISTORY_AT_8K: i32 = 280;
const TEMPLATE_AT_8K: i32 = 160;
const LAG_MIN_AT_8K: i32 = 40;
const LAG_MAX_AT_8K: i32 = 120;
const HOLD_AT_8K: i32 = 80;
const GONE_AT_8K: i32 = 480;
const BLEND_AT_8K: i32 = 32;
/** −50 dBov: noise is never made louder than this. */
const NOISE_RMS_MAX: f32 = 104.0;
/** How far above the floor of the line a pause may be (8 dB), and what is a pause on any line (−72 dBov). */
const PAUSE: f32 = 2.5;
const PAUSE_RMS: f32 = 8.0;

@unmanaged
export class Concealment {
  /** Samples of the leg for one at 8 kHz. */
  private factor: i32;
  private lag: i32;
  /** From where the repeated period would begin to where the line broke off. */
  private step: f32;
  /** Samples made up since the last real one. */
  private lost: i32;
  /** RMS of the quietest recent frames; negative before the first. */
  private floorRms: f32;
  private noise: ComfortNoise;
  private model: NoiseModel;
  /** The far end has described its silence; frames of speech that are still to come before it. */
  private described: bool;
  private framesBefore: i32;
  /** Samples of that silence so far. */
  private silent: i32;

  /** Forgets the line. `noise` is the generator it draws from, `model` the far end's silence. */
  start(sampleRateHz: i32, noise: ComfortNoise, model: NoiseModel): void {
    this.factor = sampleRateHz / 8000;
    this.lag = LAG_MAX_AT_8K * this.factor;
    this.step = 0.0;
    this.lost = 0;
    this.floorRms = -1.0;
    this.noise = noise;
    noise.start(0x9e3779b9);
    this.model = model;
    model.start();
    this.described = false;
    this.silent = 0;
    memory.fill(CONCEAL_HISTORY, 0, (<usize>(HISTORY_AT_8K * this.factor)) << 1);
  }

  /** Takes a real frame; returns whether its beginning was blended with what was made up before it. */
  accept(pcm: usize, samples: i32): bool {
    const blended = this.lost > 0;
    if (blended) this.blend(pcm, min(samples, BLEND_AT_8K * this.factor));
    this.lost = 0;
    if (this.framesBefore > 0) this.framesBefore -= 1;
    else this.described = false;
    this.silent = 0;
    this.remember(pcm, samples);
    this.learnFloor(pcm, samples);
    return blended;
  }

  /** The payload at CN_IN describes the silence behind `framesBefore` frames that have not been heard yet. */
  describeSilence(bytes: i32, framesBefore: i32): void {
    this.model.set(bytes, this.factor == 1);
    this.described = true;
    this.framesBefore = framesBefore;
  }

  /** Makes a frame up. */
  fill(pcm: usize, samples: i32): void {
    if (this.lost == 0) {
      this.lag = this.findLag();
      const last = CONCEAL_HISTORY + ((<usize>(HISTORY_AT_8K * this.factor - 1)) << 1);
      this.step = <f32>load<i16>(last) - <f32>load<i16>(last - ((<usize>this.lag) << 1));
    }
    for (let i = 0; i < samples; i++) store<i16>(pcm + ((<usize>i) << 1), this.next());
    if (this.framesBefore > 0) this.framesBefore -= 1;
  }

  /** Whether so many samples are no louder than the line itself: nobody speaks. */
  pausing(pcm: usize, samples: i32): bool {
    const rms = <f32>sqrt(<f64>sumOfSquares(pcm, samples) / <f64>samples);
    return rms <= max<f32>(0.0, this.floorRms) * PAUSE + PAUSE_RMS;
  }

  private next(): i16 {
    const hold = HOLD_AT_8K * this.factor;
    const gone = GONE_AT_8K * this.factor;
    const gain: f32 = this.lost < hold ? 1.0 : <f32>(gone - this.lost) / <f32>(gone - hold);
    const repeated = this.period(this.lost) * gain;
    if (this.lost < gone) this.lost += 1;
    if (this.described && this.framesBefore == 0) return this.silence(repeated, hold);
    const amplitude = min(NOISE_RMS_MAX, max<f32>(0.0, this.floorRms)) * 1.7320508;
    return <i16>max<f32>(-32768.0, min<f32>(32767.0, nearest(repeated + this.noise.next(amplitude * (1.0 - gain)))));
  }

  /** What the far end said its silence is, coming up over `rise` samples while `voice` goes. */
  private silence(voice: f32, rise: i32): i16 {
    const share: f32 = <f32>this.silent / <f32>rise;
    if (this.silent < rise) this.silent += 1;
    const mixed = voice * (1.0 - share) + this.model.next(this.noise) * share;
    return <i16>max<f32>(-32768.0, min<f32>(32767.0, nearest(mixed)));
  }

  /** The last period, over and over: its last quarter goes over into the one before, so that no step is at the seam. */
  private period(at: i32): f32 {
    const lag = this.lag;
    const quarter = lag >> 2;
    const phase = at % lag;
    const from = CONCEAL_HISTORY + ((<usize>(HISTORY_AT_8K * this.factor - lag + phase)) << 1);
    const now = <f32>load<i16>(from);
    const before = <f32>load<i16>(from - ((<usize>lag) << 1));
    const into = phase - (lag - quarter);
    if (into >= 0) return now + ((before - now) * <f32>(into + 1)) / <f32>(quarter + 1);
    // The first seam is behind what was heard already: the step there is taken back little by little.
    return at < quarter ? now + (this.step * <f32>(quarter - at)) / <f32>(quarter + 1) : now;
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
