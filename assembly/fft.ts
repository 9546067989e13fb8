import { FFT_REVERSAL, FFT_TWIDDLES } from './layout';
import { cosPi, sinPi } from './trigonometry';

/**
 * What does it do? The power spectrum of 256 real samples.
 * How does it work? The samples are taken as 128 complex ones, transformed in place (radix 2, decimation in time), and
 *   the two interleaved spectra are taken apart again, bin by bin.
 * How do I use it? `planTransform()` once; `transform(frame)` with 256 f32; then `powerOf(frame, bin)` for 1..127.
 * Not for: other lengths; bins 0 and 128 (a telephone line carries neither).
 */
const POINTS: i32 = 128;

/** Fills the twiddles e^(−2πik/256) and the bit reversal of 7 bits. */
export function planTransform(): void {
  for (let k = 0; k < POINTS; k++) {
    const at = FFT_TWIDDLES + ((<usize>k) << 3);
    store<f32>(at, <f32>cosPi(<f64>k / 128.0));
    store<f32>(at, <f32>-sinPi(<f64>k / 128.0), 4);
    let reversed = 0;
    for (let bit = 0; bit < 7; bit++) reversed |= ((k >> bit) & 1) << (6 - bit);
    store<u8>(FFT_REVERSAL + <usize>k, <u8>reversed);
  }
}

/** Transforms 256 f32 in place into 128 complex values. */
export function transform(frame: usize): void {
  for (let k = 0; k < POINTS; k++) {
    const other = <i32>load<u8>(FFT_REVERSAL + <usize>k);
    if (other > k) swap(frame + ((<usize>k) << 3), frame + ((<usize>other) << 3));
  }
  firstStages(frame);
  for (let half = 4; half < POINTS; half <<= 1) {
    const step = (<usize>(POINTS / half)) << 3;
    const reach = (<usize>half) << 3;
    for (let start = 0; start < POINTS; start += half << 1) {
      let at = frame + ((<usize>start) << 3);
      let twiddle = FFT_TWIDDLES;
      const end = at + reach;
      for (; at < end; at += 16) {
        // Two butterflies at a time: a, b and w are re, im, re, im.
        const w = v128.load64_lane(twiddle + step, v128.load64_zero(twiddle), 1);
        twiddle += step << 1;
        const b = v128.load(at + reach);
        const straight = f32x4.mul(b, v128.shuffle<f32>(w, w, 0, 0, 2, 2));
        const crossed = f32x4.mul(v128.shuffle<f32>(b, b, 1, 0, 3, 2), v128.shuffle<f32>(w, w, 1, 1, 3, 3));
        const turned = f32x4.add(straight, v128.xor(crossed, f32x4(-0.0, 0.0, -0.0, 0.0)));
        const a = v128.load(at);
        v128.store(at, f32x4.add(a, turned));
        v128.store(at + reach, f32x4.sub(a, turned));
      }
    }
  }
}

/** The two stages whose twiddles are 1 and −i: sums and differences of four points. */
function firstStages(frame: usize): void {
  for (let at = frame; at < frame + ((<usize>POINTS) << 3); at += 32) {
    const low = v128.load(at);
    const high = v128.load(at, 16);
    const even = v128.shuffle<f32>(low, high, 0, 1, 4, 5);
    const odd = v128.shuffle<f32>(low, high, 2, 3, 6, 7);
    const sums = f32x4.add(even, odd);
    const differences = f32x4.sub(even, odd);
    // Of the second pair's difference: times −i, which is (im, −re).
    const first = v128.shuffle<f32>(sums, differences, 0, 1, 4, 5);
    const second = v128.xor(v128.shuffle<f32>(sums, differences, 2, 3, 7, 6), f32x4(0.0, 0.0, 0.0, -0.0));
    v128.store(at, f32x4.add(first, second));
    v128.store(at, f32x4.sub(first, second), 16);
  }
}

/** |X[bin]|² of a transformed frame, bin in 1..127. */
export function powerOf(frame: usize, bin: i32): f32 {
  const low = frame + ((<usize>bin) << 3);
  const high = frame + ((<usize>(POINTS - bin)) << 3);
  const twiddle = FFT_TWIDDLES + ((<usize>bin) << 3);
  const evenR = (load<f32>(low) + load<f32>(high)) * 0.5;
  const evenI = (load<f32>(low, 4) - load<f32>(high, 4)) * 0.5;
  const oddR = (load<f32>(low, 4) + load<f32>(high, 4)) * 0.5;
  const oddI = (load<f32>(high) - load<f32>(low)) * 0.5;
  const wr = load<f32>(twiddle);
  const wi = load<f32>(twiddle, 4);
  const re = evenR + oddR * wr - oddI * wi;
  const im = evenI + oddR * wi + oddI * wr;
  return re * re + im * im;
}

/** |X|² of bins 0..127 (bin 0 as 0) to `target`, as f32: as {@link powerOf}, four bins at a time. */
export function powersOf(target: usize, frame: usize): void {
  store<f32>(target, 0.0);
  for (let bin = 1; bin < 4; bin++) store<f32>(target + ((<usize>bin) << 2), powerOf(frame, bin));
  const half = f32x4.splat(0.5);
  for (let bin: usize = 4; bin < <usize>POINTS; bin += 4) {
    const low = frame + (bin << 3);
    const l0 = v128.load(low);
    const l1 = v128.load(low, 16);
    const lowR = v128.shuffle<f32>(l0, l1, 0, 2, 4, 6);
    const lowI = v128.shuffle<f32>(l0, l1, 1, 3, 5, 7);
    // The partners, last first: bins 128 − bin down to 125 − bin.
    const high = frame + ((<usize>POINTS - 3 - bin) << 3);
    const h0 = v128.load(high);
    const h1 = v128.load(high, 16);
    const highR = v128.shuffle<f32>(h0, h1, 6, 4, 2, 0);
    const highI = v128.shuffle<f32>(h0, h1, 7, 5, 3, 1);
    const t0 = v128.load(FFT_TWIDDLES + (bin << 3));
    const t1 = v128.load(FFT_TWIDDLES + (bin << 3), 16);
    const wr = v128.shuffle<f32>(t0, t1, 0, 2, 4, 6);
    const wi = v128.shuffle<f32>(t0, t1, 1, 3, 5, 7);
    const evenR = f32x4.mul(f32x4.add(lowR, highR), half);
    const evenI = f32x4.mul(f32x4.sub(lowI, highI), half);
    const oddR = f32x4.mul(f32x4.add(lowI, highI), half);
    const oddI = f32x4.mul(f32x4.sub(highR, lowR), half);
    const re = f32x4.sub(f32x4.add(evenR, f32x4.mul(oddR, wr)), f32x4.mul(oddI, wi));
    const im = f32x4.add(f32x4.add(evenI, f32x4.mul(oddR, wi)), f32x4.mul(oddI, wr));
    v128.store(target + (bin << 2), f32x4.add(f32x4.mul(re, re), f32x4.mul(im, im)));
  }
}

/** The real part of X of bins 1..127 to `target`, as f32. */
export function realPartsOf(target: usize, frame: usize): void {
  for (let bin: usize = 1; bin < 4; bin++) {
    const low = frame + (bin << 3);
    const high = frame + ((<usize>POINTS - bin) << 3);
    const twiddle = FFT_TWIDDLES + (bin << 3);
    const even = (load<f32>(low) + load<f32>(high)) * 0.5;
    const oddR = (load<f32>(low, 4) + load<f32>(high, 4)) * 0.5;
    const oddI = (load<f32>(high) - load<f32>(low)) * 0.5;
    store<f32>(target + (bin << 2), even + oddR * load<f32>(twiddle) - oddI * load<f32>(twiddle, 4));
  }
  const half = f32x4.splat(0.5);
  for (let bin: usize = 4; bin < <usize>POINTS; bin += 4) {
    const l0 = v128.load(frame + (bin << 3));
    const l1 = v128.load(frame + (bin << 3), 16);
    const lowR = v128.shuffle<f32>(l0, l1, 0, 2, 4, 6);
    const lowI = v128.shuffle<f32>(l0, l1, 1, 3, 5, 7);
    const high = frame + ((<usize>POINTS - 3 - bin) << 3);
    const h0 = v128.load(high);
    const h1 = v128.load(high, 16);
    const highR = v128.shuffle<f32>(h0, h1, 6, 4, 2, 0);
    const highI = v128.shuffle<f32>(h0, h1, 7, 5, 3, 1);
    const t0 = v128.load(FFT_TWIDDLES + (bin << 3));
    const t1 = v128.load(FFT_TWIDDLES + (bin << 3), 16);
    const even = f32x4.mul(f32x4.add(lowR, highR), half);
    const oddR = f32x4.mul(f32x4.add(lowI, highI), half);
    const oddI = f32x4.mul(f32x4.sub(highR, lowR), half);
    const turned = f32x4.add(even, f32x4.mul(oddR, v128.shuffle<f32>(t0, t1, 0, 2, 4, 6)));
    v128.store(target + (bin << 2), f32x4.sub(turned, f32x4.mul(oddI, v128.shuffle<f32>(t0, t1, 1, 3, 5, 7))));
  }
}

function swap(a: usize, b: usize): void {
  const kept = load<u64>(a);
  store<u64>(a, load<u64>(b));
  store<u64>(b, kept);
}
