import { HIGH_PASS_SECTIONS } from './layout';
import { cosPi, sinPi } from './trigonometry';

/**
 * What does it do? Takes away what lies below a cut-off (DC, hum, rumble): 24 dB per octave, flat above it, −3.01 dB at it.
 * How does it work? A Butterworth filter of order 4 by the bilinear transform, as two state-variable sections (trapezoidal
 *   integrators: A. Simper, *Solving the continuous SVF equations using trapezoidal integration*, 2013), whose states stay
 *   as small as the signal, so that f32 is enough at a cut-off of a thousandth of the rate. Four samples at a time:
 *   y = H·x + O·s and s' = A⁴·s + R·x, six products of a column and a splat each.
 * How do I use it? `start(cutHz, rateHz)`, then `apply` on pieces of any length.
 * Not for: a flat delay. What is near the cut-off comes later than what is far above it.
 */
/** 1 / Q of the two sections: 2·cos(π/8) and 2·cos(3π/8). */
const FIRST_DAMPING: f64 = 1.8477590650225735;
const SECOND_DAMPING: f64 = 0.7653668647301796;
/** Bytes of a section: six columns for the output, six for the state, A, B, the state. */
const SECTION: usize = 15 * 16;
const STATE_COLUMNS: usize = 6 * 16;
const STEP: usize = 12 * 16;
const STATE: usize = 14 * 16;
/** Below it a state is 0: numbers too small for their format would be slow. */
const SMALLEST: f32 = 1e-12;

@unmanaged
export class HighPass {
  active: bool;

  /** Cut-off, Hz: above 0 and below half of the rate. */
  start(cutHz: f64, rateHz: f64): void {
    const tangent = sinPi(cutHz / rateHz) / cosPi(cutHz / rateHz);
    plan(HIGH_PASS_SECTIONS, tangent, FIRST_DAMPING);
    plan(HIGH_PASS_SECTIONS + SECTION, tangent, SECOND_DAMPING);
    this.active = true;
  }

  /** Changes `samples` i16 in place. */
  apply(pcm: usize, samples: i32): void {
    const second = HIGH_PASS_SECTIONS + SECTION;
    const end = pcm + ((<usize>(samples & ~3)) << 1);
    let s = v128.load(HIGH_PASS_SECTIONS, STATE);
    let t = v128.load(second, STATE);
    for (let at = pcm; at < end; at += 8) {
      const x = f32x4.convert_i32x4_s(v128.load16x4_s(at));
      const u = combine(HIGH_PASS_SECTIONS, x, s);
      s = combine(HIGH_PASS_SECTIONS + STATE_COLUMNS, x, s);
      const y = combine(second, u, t);
      t = combine(second + STATE_COLUMNS, u, t);
      const whole = i32x4.trunc_sat_f32x4_s(f32x4.nearest(y));
      v128.store64_lane(at, i16x8.narrow_i32x4_s(whole, whole), 0);
    }
    v128.store(HIGH_PASS_SECTIONS, withoutTiny(s), STATE);
    v128.store(second, withoutTiny(t), STATE);
    for (let at = end; at < pcm + ((<usize>samples) << 1); at += 2) {
      const y = nearest(step(second, step(HIGH_PASS_SECTIONS, <f32>load<i16>(at))));
      store<i16>(at, <i16>max<f32>(-32768.0, min<f32>(32767.0, y)));
    }
  }
}

/** Four columns times four samples, and two times the state. */
function combine(columns: usize, x: v128, state: v128): v128 {
  const a = f32x4.mul(v128.load(columns), f32x4.splat(f32x4.extract_lane(x, 0)));
  const b = f32x4.mul(v128.load(columns, 16), f32x4.splat(f32x4.extract_lane(x, 1)));
  const c = f32x4.mul(v128.load(columns, 32), f32x4.splat(f32x4.extract_lane(x, 2)));
  const d = f32x4.mul(v128.load(columns, 48), f32x4.splat(f32x4.extract_lane(x, 3)));
  const e = f32x4.mul(v128.load(columns, 64), f32x4.splat(f32x4.extract_lane(state, 0)));
  const f = f32x4.mul(v128.load(columns, 80), f32x4.splat(f32x4.extract_lane(state, 1)));
  return f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(e, f));
}

/** One sample through one section. */
function step(section: usize, x: f32): f32 {
  const at = section + STEP;
  const s1 = load<f32>(section, STATE);
  const s2 = load<f32>(section, STATE + 4);
  store<f32>(section, load<f32>(at) * s1 + load<f32>(at, 4) * s2 + load<f32>(at, 16) * x, STATE);
  store<f32>(section, load<f32>(at, 8) * s1 + load<f32>(at, 12) * s2 + load<f32>(at, 20) * x, STATE + 4);
  // The first row of the columns is D and C.
  return load<f32>(section) * x + load<f32>(section, 64) * s1 + load<f32>(section, 80) * s2;
}

/** Fills the matrices of one section and forgets its state. */
function plan(section: usize, tangent: f64, damping: f64): void {
  const a1 = 1.0 / (1.0 + tangent * (tangent + damping));
  const a2 = tangent * a1;
  const a3 = tangent * a2;
  const at = section + STEP;
  memory.fill(section, 0, SECTION);
  store<f32>(at, <f32>(2.0 * a1 - 1.0));
  store<f32>(at, <f32>(-2.0 * a2), 4);
  store<f32>(at, <f32>(2.0 * a2), 8);
  store<f32>(at, <f32>(1.0 - 2.0 * a3), 12);
  store<f32>(at, <f32>(2.0 * a2), 16);
  store<f32>(at, <f32>(2.0 * a3), 20);
  const c1 = -damping * a1 - a2;
  const c2 = damping * a2 - (1.0 - a3);
  const d = 1.0 - damping * a2 - a3;
  // Column j: what happens in four samples when one input of 1 comes at sample j (0..3), or the state begins with a 1.
  for (let column = 0; column < 6; column++) {
    let s1 = column == 4 ? 1.0 : 0.0;
    let s2 = column == 5 ? 1.0 : 0.0;
    const to = section + ((<usize>column) << 4);
    for (let n = 0; n < 4; n++) {
      const x = column == n ? 1.0 : 0.0;
      store<f32>(to + ((<usize>n) << 2), <f32>(d * x + c1 * s1 + c2 * s2));
      const v1 = a1 * s1 - a2 * s2 + a2 * x;
      const v2 = a2 * s1 + (1.0 - a3) * s2 + a3 * x;
      s1 = 2.0 * v1 - s1;
      s2 = 2.0 * v2 - s2;
    }
    store<f32>(to, <f32>s1, STATE_COLUMNS);
    store<f32>(to, <f32>s2, STATE_COLUMNS + 4);
  }
}

function withoutTiny(state: v128): v128 {
  return v128.and(state, f32x4.gt(f32x4.abs(state), f32x4.splat(SMALLEST)));
}
