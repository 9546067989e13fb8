import {
  CODEC_L16,
  CODEC_PCMA,
  CODEC_PCMU,
  SUSPECT_ALAW,
  SUSPECT_CLIPPING,
  SUSPECT_CONSTANT,
  SUSPECT_DC,
  SUSPECT_LINEAR,
  SUSPECT_SILENCE,
  SUSPECT_STEREO,
  SUSPECT_SWAPPED,
  SUSPECT_ULAW,
} from './layout';
import { decodeAlaw, decodeUlaw } from './g711';
import { measure, MEASURED_DIFFERENCE, MEASURED_EVEN, MEASURED_ODD } from './signal-measure';

/**
 * What does it do? Notices audio that is not what it says it is: silence, DC, clipping, one frame over and over, two channels
 *   taken for one, the wrong byte order, the wrong codec.
 * How does it work? Four sums of each frame: Σx, Σx², and Σ(x[n+1] − x[n])² for even and odd n. A voice is smooth: its
 *   differences are smaller than itself. Bytes that are read in a wrong way are rough and loud, and smooth or quiet when they are
 *   read in the right one; so a frame that is rough is read in the other ways as well, and what half a second of them says
 *   counts.
 * How do I use it? `start(codec, rateHz)`, then `hear` on each frame that came; `suspects` has a bit for each suspicion that the
 *   last half second gave, and is told once for each.
 * Not for: bad lines. Noise, echo, loss and a poor microphone are what they say they are.
 */
/** −36 dBov as a mean of squares; where nothing is rough enough to be asked about. */
const ROUGH: f32 = 0.5;
const AUDIBLE: f32 = 10000.0;
const LOUD: f32 = 4000000.0;
/** How much smoother, or quieter, another reading has to be. */
const SMOOTHER: f32 = 0.6;
const QUIETER: f32 = 0.01;
/** Mean of half a second, and share of samples at the end of the scale. */
const DC_MEAN: f32 = 650.0;
/** Share of it that every frame of them has to have. */
const DC_EACH: f64 = 0.15;
const CLIPPED_SHARE: f32 = 0.02;
const CLIP_LEVEL: i16 = 32000;
/** Identical frames, ms; silence from the beginning, ms. */
const CONSTANT_MS: i32 = 500;
const SILENCE_MS: i32 = 1000;
/** What A-law calls zero is 8. */
const NOTHING: f32 = 64.0;
/** Rest of a prediction from two samples: below it a frame is a tone, and tones repeat. */
const TONAL: f32 = 0.004;
/** …and how much more of it may be left at the frame's end than anywhere within. */
const SEAM: f64 = 2.0;
const STEREO_SHARE: f32 = 0.02;
const READINGS: i32 = 3;

@unmanaged
export class LieDetector {
  active: bool;
  /** Bits 1 << SUSPECT_ of what stands. */
  suspects: i32;
  /** Of the last frame: Σx² and Σ(x[n+1] − x[n])². */
  frameEnergy: f32;
  frameDifference: f32;
  private codec: i32;
  private rateHz: i32;
  /** Sums of this half second. */
  private samples: i32;
  private clipped: i32;
  private sum: f64;
  /** Of its first half. */
  private firstSum: f64;
  /** Least and greatest mean of a frame. */
  private leastMean: f64;
  private mostMean: f64;
  private energy: f64;
  private even: f64;
  private odd: f64;
  private evenEnergy: f64;
  /** The same of the frames that were read in other ways, and of these ways. */
  private asked: i32;
  private frames: i32;
  private askedEnergy: f64;
  private askedDifference: f64;
  private energy0: f64;
  private energy1: f64;
  private energy2: f64;
  private difference0: f64;
  private difference1: f64;
  private difference2: f64;
  /** The last frame's sums, and for how long it has been the same; whether anything was ever heard. */
  private lastSum: f32;
  private lastEnergy: f32;
  private lastOdd: f32;
  private sameMs: i32;
  private silentMs: i32;
  private sounded: bool;

  start(codec: i32, rateHz: i32): void {
    this.active = true;
    this.suspects = 0;
    this.codec = codec;
    this.rateHz = rateHz;
    this.lastSum = 0.0;
    this.lastEnergy = -1.0;
    this.lastOdd = 0.0;
    this.sameMs = 0;
    this.silentMs = 0;
    this.sounded = false;
    this.clear();
  }

  /** One frame: its bytes as they came, and the samples that they are taken for. `scratch` has room for as many bytes again. */
  hear(bytes: usize, pcm: usize, samples: i32, sums: usize, scratch: usize): void {
    const clipped = measure(pcm, samples, sums, CLIP_LEVEL);
    const sum = load<f32>(sums);
    const energy = load<f32>(sums, 4);
    const even = load<f32>(sums, MEASURED_EVEN);
    const odd = load<f32>(sums, MEASURED_ODD);
    this.repeats(pcm, samples, sum, energy, odd);
    this.samples += samples;
    this.frames += 1;
    this.clipped += clipped;
    this.sum += sum;
    this.leastMean = min(this.leastMean, <f64>sum / <f64>samples);
    this.mostMean = max(this.mostMean, <f64>sum / <f64>samples);
    if (this.samples <= this.rateHz >> 2) this.firstSum = this.sum;
    this.energy += energy;
    this.even += even;
    this.odd += odd;
    this.evenEnergy += load<f32>(sums, 16);
    const difference = even + odd;
    this.frameEnergy = energy;
    this.frameDifference = difference;
    const count = <f32>samples;
    if (energy > AUDIBLE * count && (difference > energy * ROUGH || abs(sum) > count * DC_MEAN)) {
      this.ask(bytes, samples, energy, difference, sums, scratch);
    }
    if (this.samples >= this.rateHz >> 1) this.judge();
  }

  /** One and the same frame, or nothing at all, again and again. */
  private repeats(pcm: usize, samples: i32, sum: f32, energy: f32, odd: f32): void {
    const ms = samples / (this.rateHz / 1000);
    const same = sum == this.lastSum && energy == this.lastEnergy && odd == this.lastOdd;
    this.lastSum = sum;
    this.lastEnergy = energy;
    this.lastOdd = odd;
    if (energy > NOTHING * <f32>samples) {
      this.sounded = true;
      this.suspects &= ~(1 << SUSPECT_SILENCE);
    } else if (!this.sounded) {
      this.silentMs += ms;
      if (this.silentMs >= SILENCE_MS) this.suspects |= 1 << SUSPECT_SILENCE;
    }
    if (!same) {
      this.sameMs = 0;
      this.suspects &= ~(1 << SUSPECT_CONSTANT);
      return;
    }
    const before = this.sameMs;
    this.sameMs = min(before + ms, CONSTANT_MS);
    if (before < CONSTANT_MS && this.sameMs == CONSTANT_MS && energy > NOTHING * <f32>samples && !tonal(pcm, samples)) {
      this.suspects |= 1 << SUSPECT_CONSTANT;
    }
  }

  /** What would it be, read in another way? */
  private ask(bytes: usize, samples: i32, energy: f32, difference: f32, sums: usize, scratch: usize): void {
    this.asked += 1;
    this.askedEnergy += energy;
    this.askedDifference += difference;
    for (let reading = 0; reading < READINGS; reading++) {
      const count = this.read(reading, bytes, samples, scratch);
      if (count == 0) continue;
      measure(scratch, count, sums, CLIP_LEVEL);
      // Per sample of our own reading, so that readings of other lengths compare.
      const scale = <f64>samples / <f64>count;
      const e = <f64>load<f32>(sums, 4) * scale;
      const d = <f64>load<f32>(sums, MEASURED_DIFFERENCE) * scale;
      if (reading == 0) {
        this.energy0 += e;
        this.difference0 += d;
      } else if (reading == 1) {
        this.energy1 += e;
        this.difference1 += d;
      } else {
        this.energy2 += e;
        this.difference2 += d;
      }
    }
  }

  /** Reading 0: L16, in the other order where it is L16 already; 1 and 2: µ-law and A-law. Returns the samples, 0: no other. */
  private read(reading: i32, bytes: usize, samples: i32, scratch: usize): i32 {
    const linear = this.codec == CODEC_L16;
    if (reading == 0) {
      if (!linear) {
        memory.copy(scratch, bytes, <usize>(samples & ~1));
        return samples >> 1;
      }
      swapBytes(scratch, bytes, samples);
      return samples;
    }
    // Of L16 there are twice as many codes; the first half of them will do.
    if (reading == 1 && this.codec != CODEC_PCMU) decodeUlaw(scratch, bytes, samples);
    else if (reading == 2 && this.codec != CODEC_PCMA) decodeAlaw(scratch, bytes, samples);
    else return 0;
    return samples;
  }

  private judge(): void {
    const count = <f64>this.samples;
    const loud = this.energy > AUDIBLE * count;
    const reading = this.asked * 3 >= this.frames ? this.betterReading() : -1;
    this.set(SUSPECT_SWAPPED, reading == 0 && this.codec == CODEC_L16);
    this.set(SUSPECT_LINEAR, reading == 0 && this.codec != CODEC_L16);
    this.set(SUSPECT_ULAW, reading == 1);
    this.set(SUSPECT_ALAW, reading == 2);
    const known = reading >= 0;
    const least = min(this.even, this.odd);
    const most = max(this.even, this.odd);
    const oddEnergy = this.energy - this.evenEnergy;
    const twice = least < most * STEREO_SHARE && most < this.energy;
    const half = min(this.evenEnergy, oddEnergy) < max(this.evenEnergy, oddEnergy) * 0.001;
    this.set(SUSPECT_STEREO, !known && loud && (twice || half));
    const cut = <f64>this.clipped > CLIPPED_SHARE * count;
    this.set(SUSPECT_CLIPPING, !known && cut);
    // What is cut off is seldom cut off evenly.
    const steady = abs(this.sum - 2.0 * this.firstSum) < 0.25 * abs(this.sum);
    const mean = this.sum / count;
    const each = mean > 0.0 ? this.leastMean > DC_EACH * mean : this.mostMean < DC_EACH * mean;
    const aside = steady && each && abs(mean) > DC_MEAN;
    this.set(SUSPECT_DC, !known && !cut && aside);
    this.clear();
  }

  /** The reading that is much more like a voice than ours, or −1. */
  private betterReading(): i32 {
    const ours = this.askedDifference / this.askedEnergy;
    let best = -1;
    let smoothest = f64.MAX_VALUE;
    for (let reading = 0; reading < READINGS; reading++) {
      const e = reading == 0 ? this.energy0 : reading == 1 ? this.energy1 : this.energy2;
      const d = reading == 0 ? this.difference0 : reading == 1 ? this.difference1 : this.difference2;
      if (e == 0.0 && d == 0.0 && reading != 0 && this.codec == (reading == 1 ? CODEC_PCMU : CODEC_PCMA)) continue;
      const smooth = e == 0.0 ? 0.0 : d / e;
      const better = (smooth < ours * SMOOTHER && e < this.askedEnergy) || e < this.askedEnergy * QUIETER;
      if (better && smooth < smoothest) {
        smoothest = smooth;
        best = reading;
      }
    }
    return this.codec == CODEC_L16 && this.askedEnergy < <f64>(LOUD * <f32>this.samples) * 0.1 ? -1 : best;
  }

  private set(suspect: i32, stands: bool): void {
    if (stands) this.suspects |= 1 << suspect;
    else this.suspects &= ~(1 << suspect);
  }

  private clear(): void {
    this.samples = 0;
    this.clipped = 0;
    this.sum = 0.0;
    this.firstSum = 0.0;
    this.leastMean = f64.MAX_VALUE;
    this.mostMean = -f64.MAX_VALUE;
    this.energy = 0.0;
    this.even = 0.0;
    this.odd = 0.0;
    this.evenEnergy = 0.0;
    this.asked = 0;
    this.frames = 0;
    this.askedEnergy = 0.0;
    this.askedDifference = 0.0;
    this.energy0 = 0.0;
    this.energy1 = 0.0;
    this.energy2 = 0.0;
    this.difference0 = 0.0;
    this.difference1 = 0.0;
    this.difference2 = 0.0;
  }
}

/** Whether each sample follows from the two before: one tone, or two close together, also from the frame's end to its beginning. */
function tonal(pcm: usize, samples: i32): bool {
  let middle: f64 = 0.0;
  let product: f64 = 0.0;
  let outer: f64 = 0.0;
  for (let n = 1; n < samples - 1; n++) {
    const at = pcm + ((<usize>n) << 1);
    const v = <f64>load<i16>(at);
    const y = <f64>load<i16>(at - 2) + <f64>load<i16>(at + 2);
    middle += v * v;
    product += v * y;
    outer += y * y;
  }
  const turn = product / max(1.0, middle);
  if (outer - turn * product >= TONAL * middle * (2.0 + turn * turn)) return false;
  // A tone that repeats with the frame goes on over its end; a vowel that was cut anywhere has a seam there.
  let most: f64 = 0.0;
  for (let n = 1; n < samples - 1; n++) most = max(most, astray(pcm, n - 1, n, n + 1, turn));
  const last = samples - 1;
  const seam = max(astray(pcm, last - 1, last, 0, turn), astray(pcm, last, 0, 1, turn));
  return seam <= most * SEAM;
}

/** How far sample `n` is from what its neighbours say. */
function astray(pcm: usize, before: i32, n: i32, behind: i32, turn: f64): f64 {
  return abs(sampleAt(pcm, before) + sampleAt(pcm, behind) - turn * sampleAt(pcm, n));
}

function sampleAt(pcm: usize, n: i32): f64 {
  return <f64>load<i16>(pcm + ((<usize>n) << 1));
}

function swapBytes(target: usize, source: usize, samples: i32): void {
  const bytes = (<usize>samples) << 1;
  const whole = bytes & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    const v = v128.load(source + at);
    v128.store(target + at, v128.or(i16x8.shl(v, 8), i16x8.shr_u(v, 8)));
  }
  for (let at = whole; at < bytes; at += 2) {
    store<u16>(target + at, bswap<u16>(load<u16>(source + at)));
  }
}
