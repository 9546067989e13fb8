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
import { log2 } from './fast-math';
import { isTones } from './repeated-tones';
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
/** Another reading has as many votes as it is octaves smoother, three at most… */
const SURE: f64 = 3.0;
/** …or, when it is 20 dB quieter (so many octaves of power), three and more. */
const QUIETER: f64 = 6.64;
const SUREST: f64 = 6.0;
/** So many, the mean of the frames, make it the better one, unless it is louder in all. */
const BETTER: f64 = 0.75;
/** Mean of half a second. */
const DC_MEAN: f32 = 650.0;
/** Share of it that every frame of them has to have. */
const DC_EACH: f64 = 0.15;
/** Samples at the end of the scale that are too many, of those of a second. */
const CLIPPED_SHARE: f64 = 0.003;
const CLIP_LEVEL: i16 = 32000;
/** Identical frames, ms; silence from the beginning, ms. */
const CONSTANT_MS: i32 = 500;
const SILENCE_MS: i32 = 1000;
/** What A-law calls zero is 8. */
const NOTHING: f32 = 64.0;
const STEREO_SHARE: f32 = 0.02;
const READINGS: i32 = 3;

@unmanaged
export class LieDetector {
  active: bool;
  /** Bits 1 << SUSPECT_ of what stands. */
  suspects: i32;
  private codec: i32;
  private rateHz: i32;
  /** Sums of this half second. */
  private samples: i32;
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
  /** What speaks for the other readings, and their energy. */
  private votes0: f64;
  private votes1: f64;
  private votes2: f64;
  private energy0: f64;
  private energy1: f64;
  private energy2: f64;
  /** The last frame's sums, and for how long it has been the same; whether anything was ever heard. */
  private lastSum: f32;
  private lastEnergy: f32;
  private lastOdd: f32;
  /** Samples at the end of the scale, of which half are forgotten in 1.4 s. */
  private clipped: f64;
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
    this.clipped = 0.0;
    this.sameMs = 0;
    this.silentMs = 0;
    this.sounded = false;
    this.clear();
  }

  /** One frame: its bytes as they came, and the samples that they are taken for. `scratch` has room for as many bytes again. */
  hear(bytes: usize, pcm: usize, samples: i32, sums: usize, scratch: usize): void {
    // Of an empty frame there is no mean.
    if (samples < 1) return;
    const clipped = measure(pcm, samples, sums, CLIP_LEVEL);
    const sum = load<f32>(sums);
    const energy = load<f32>(sums, 4);
    const even = load<f32>(sums, MEASURED_EVEN);
    const odd = load<f32>(sums, MEASURED_ODD);
    this.repeats(pcm, samples, sum, energy, odd);
    this.samples += samples;
    this.frames += 1;
    this.clipped += <f64>clipped - (this.clipped * 0.5 * <f64>samples) / <f64>this.rateHz;
    this.sum += sum;
    this.leastMean = min(this.leastMean, <f64>sum / <f64>samples);
    this.mostMean = max(this.mostMean, <f64>sum / <f64>samples);
    if (this.samples <= this.rateHz >> 2) this.firstSum = this.sum;
    this.energy += energy;
    this.even += even;
    this.odd += odd;
    this.evenEnergy += load<f32>(sums, 16);
    const difference = even + odd;
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
    if (
      before < CONSTANT_MS &&
      this.sameMs == CONSTANT_MS &&
      energy > NOTHING * <f32>samples &&
      !isTones(pcm, samples, this.rateHz)
    ) {
      this.suspects |= 1 << SUSPECT_CONSTANT;
    }
  }

  /** What would it be, read in another way? */
  private ask(bytes: usize, samples: i32, energy: f32, difference: f32, sums: usize, scratch: usize): void {
    this.asked += 1;
    this.askedEnergy += energy;
    for (let reading = 0; reading < READINGS; reading++) {
      const count = this.read(reading, bytes, samples, scratch);
      if (count == 0) continue;
      measure(scratch, count, sums, CLIP_LEVEL);
      // Per sample of our own reading, so that readings of other lengths compare.
      const scale = <f64>samples / <f64>count;
      const other = <f64>load<f32>(sums, 4) * scale;
      this.count(
        reading,
        other,
        votesFor(energy, difference, other, <f64>load<f32>(sums, MEASURED_DIFFERENCE) * scale),
      );
    }
  }

  private count(reading: i32, energy: f64, votes: f64): void {
    if (reading == 0) {
      this.energy0 += energy;
      this.votes0 += votes;
    } else if (reading == 1) {
      this.energy1 += energy;
      this.votes1 += votes;
    } else {
      this.energy2 += energy;
      this.votes2 += votes;
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
    // What is read in a wrong way is at the end of the scale all the time.
    if (known) this.clipped = 0.0;
    const cut = this.clipped > CLIPPED_SHARE * <f64>this.rateHz;
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
    if (this.codec == CODEC_L16 && this.askedEnergy < <f64>(LOUD * <f32>this.samples) * 0.1) return -1;
    let best = -1;
    let most = BETTER * <f64>this.asked;
    if (this.votes0 > most && this.energy0 < this.askedEnergy) {
      best = 0;
      most = this.votes0;
    }
    if (this.votes1 > most && this.energy1 < this.askedEnergy) {
      best = 1;
      most = this.votes1;
    }
    return this.votes2 > most && this.energy2 < this.askedEnergy ? 2 : best;
  }

  private set(suspect: i32, stands: bool): void {
    if (stands) this.suspects |= 1 << suspect;
    else this.suspects &= ~(1 << suspect);
  }

  private clear(): void {
    this.samples = 0;
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
    this.votes0 = 0.0;
    this.votes1 = 0.0;
    this.votes2 = 0.0;
    this.energy0 = 0.0;
    this.energy1 = 0.0;
    this.energy2 = 0.0;
  }
}

/** What one frame says for a reading that has `other` energy and differences: octaves, less than nothing against it. */
function votesFor(energy: f64, difference: f64, other: f64, otherDifference: f64): f64 {
  const quieter = octaves(energy / max(1.0, other));
  if (quieter > QUIETER) return min(SUREST, quieter * (SURE / QUIETER));
  const smoother = octaves((difference * other) / (energy * max(1.0, otherDifference)));
  return max(-SURE, min(SURE, smoother));
}

/** log2; of 0, less than anything. */
function octaves(ratio: f64): f64 {
  return <f64>log2(<f32>max(1e-30, ratio));
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
