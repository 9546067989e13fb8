/**
 * What does it do? The sine that filters, windows, twiddles and tones are made of.
 * How does it work? Reduction to ±π/2, then the Taylor series; the error stays below 1e−13.
 * How do I use it? `sinPi(x)` is sin(π·x): half turns in, so that the reduction is exact.
 * Not for: |x| above 2⁵⁰. (The standard library's sine is no choice: it keeps scratch values in mutable globals.)
 */
export function sinPi(x: f64): f64 {
  let r = x - 2.0 * nearest(x * 0.5);
  if (r > 0.5) r = 1.0 - r;
  else if (r < -0.5) r = -1.0 - r;
  const a = r * 3.141592653589793;
  const s = a * a;
  let sum = 1.0;
  for (let k = 18; k > 0; k -= 2) sum = 1.0 - (sum * s) / <f64>(k * (k + 1));
  return a * sum;
}

/** cos(π·x). */
export function cosPi(x: f64): f64 {
  return sinPi(x + 0.5);
}
