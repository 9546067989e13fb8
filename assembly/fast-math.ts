/**
 * What does it do? Logarithm, exponential, logistic function and hyperbolic tangent of four f32 at a time.
 * How does it work? ln: exponent bits, and a polynomial over the mantissa in √½..√2. exp: 2ⁿ put into exponent bits, times
 *   a polynomial over ±½·ln 2. The others are made of exp. Polynomials: the Taylor series at the middle of the range.
 * How do I use it? `ln4` takes normal numbers above 0; `exp4` keeps its argument within ±80.
 * Not for: anything that must be exact: relative error of exp 3·10⁻⁷ to 10⁻⁵, absolute error of ln 2·10⁻⁵.
 */

/** The natural logarithm. */
export function ln4(x: v128): v128 {
  // Shifted so that the mantissa lies in √½..√2.
  const shifted = i32x4.sub(x, i32x4.splat(0x3f3504f3));
  const exponent = i32x4.shr_s(shifted, 23);
  const bits = i32x4.add(v128.and(shifted, i32x4.splat(0x007fffff)), i32x4.splat(0x3f3504f3));
  const one = f32x4.splat(1.0);
  // ln m = 2·artanh(t), t = (m − 1) / (m + 1), |t| ≤ 0.1716
  const t = f32x4.div(f32x4.sub(bits, one), f32x4.add(bits, one));
  const square = f32x4.mul(t, t);
  let series = f32x4.add(f32x4.splat(0.6666667), f32x4.mul(square, f32x4.splat(0.4)));
  series = f32x4.mul(t, f32x4.add(f32x4.splat(2.0), f32x4.mul(square, series)));
  return f32x4.add(series, f32x4.mul(f32x4.convert_i32x4_s(exponent), f32x4.splat(0.6931472)));
}

/** log2 of one number. */
export function log2(x: f32): f32 {
  return f32x4.extract_lane(ln4(f32x4.splat(x)), 0) * <f32>1.442695;
}

/** The sum of the four lanes. */
export function across(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** e to the power of `x`; not a number becomes e⁻⁸⁰. */
export function exp4(x: v128): v128 {
  const kept = f32x4.pmin(f32x4.splat(80.0), f32x4.pmax(f32x4.splat(-80.0), x));
  const turns = f32x4.nearest(f32x4.mul(kept, f32x4.splat(1.442695)));
  const rest = f32x4.sub(kept, f32x4.mul(turns, f32x4.splat(0.6931472)));
  let series = f32x4.add(f32x4.splat(0.04166667), f32x4.mul(rest, f32x4.splat(0.008333333)));
  series = f32x4.add(f32x4.splat(0.1666667), f32x4.mul(rest, series));
  series = f32x4.add(f32x4.splat(0.5), f32x4.mul(rest, series));
  series = f32x4.add(f32x4.splat(1.0), f32x4.mul(rest, series));
  series = f32x4.add(f32x4.splat(1.0), f32x4.mul(rest, series));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(turns), i32x4.splat(127)), 23);
  return f32x4.mul(series, power);
}

/** 1 / (1 + e⁻ˣ) */
export function logistic4(x: v128): v128 {
  const one = f32x4.splat(1.0);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

/** tanh x = 2 / (1 + e⁻²ˣ) − 1 */
export function tanh4(x: v128): v128 {
  const one = f32x4.splat(1.0);
  const two = f32x4.splat(2.0);
  const power = exp4(f32x4.mul(x, f32x4.splat(-2.0)));
  return f32x4.sub(f32x4.div(two, f32x4.add(one, power)), one);
}
