import { DOWN_PROTOTYPE, UP_PROTOTYPE } from './layout';
import { sinPi } from './trigonometry';

/**
 * What does it do? Designs the two low-pass prototypes that every resampling filter is read from.
 * How does it work? A sinc under a Kaiser window (J. F. Kaiser, *Nonrecursive digital filter design using the I0-sinh
 *   window function*, 1974). Only one half is stored, because both are even.
 * How do I use it? `designFilters()` once, when the instance starts; then `upPrototype(i)` and `downPrototype(i)`.
 * Not for: any other ratio than those among 8, 16, 24 and 48 kHz.
 *
 *   up     cut at half the input rate, 20 input samples a side, read at steps of 1/6 input sample.
 *          Zero at every other input sample, so input samples pass as they are. From 8 kHz: flat to 3.4 kHz, images
 *          from 4.6 kHz on down by 90 dB.
 *   down   cut at 0.4644 of the output rate, 32 output samples a side, read at steps of 1/6 output sample.
 *          To 8 kHz: flat to 3.4 kHz, down by 80 dB from 4.03 kHz on.
 */
const STEPS_PER_SAMPLE: f64 = 6.0;
const UP_HALF_STEPS: i32 = 120;
const UP_BETA: f64 = 8.96;
const DOWN_HALF_STEPS: i32 = 192;
const DOWN_CUT: f64 = 0.4644;
const DOWN_BETA: f64 = 7.86;

/** Fills both prototypes. */
export function designFilters(): void {
  for (let i = 0; i <= UP_HALF_STEPS; i++) {
    const window = kaiser(<f64>i / <f64>UP_HALF_STEPS, UP_BETA);
    store<f64>(UP_PROTOTYPE + ((<usize>i) << 3), sinc(<f64>i / STEPS_PER_SAMPLE) * window);
  }
  for (let i = 0; i <= DOWN_HALF_STEPS; i++) {
    const window = kaiser(<f64>i / <f64>DOWN_HALF_STEPS, DOWN_BETA);
    store<f64>(DOWN_PROTOTYPE + ((<usize>i) << 3), sinc((2.0 * DOWN_CUT * <f64>i) / STEPS_PER_SAMPLE) * window);
  }
}

/** The up prototype at `step` sixths of an input sample from its centre; 0 outside. */
export function upPrototype(step: i32): f64 {
  const at = abs(step);
  return at < UP_HALF_STEPS ? load<f64>(UP_PROTOTYPE + ((<usize>at) << 3)) : 0.0;
}

/** The down prototype at `step` sixths of an output sample from its centre; 0 outside. */
export function downPrototype(step: i32): f64 {
  const at = abs(step);
  return at < DOWN_HALF_STEPS ? load<f64>(DOWN_PROTOTYPE + ((<usize>at) << 3)) : 0.0;
}

function sinc(x: f64): f64 {
  return x == 0.0 ? 1.0 : sinPi(x) / (x * 3.141592653589793);
}

/** The Kaiser window at `x` in 0..1 from its centre to its edge. */
function kaiser(x: f64, beta: f64): f64 {
  return besselI0(beta * sqrt(max(0.0, 1.0 - x * x))) / besselI0(beta);
}

/** The modified Bessel function of the first kind and order 0, by its power series. */
function besselI0(x: f64): f64 {
  const quarter = x * x * 0.25;
  let term = 1.0;
  let sum = 1.0;
  for (let k = 1; k < 40; k++) {
    term *= quarter / <f64>(k * k);
    sum += term;
  }
  return sum;
}
