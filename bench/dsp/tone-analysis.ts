/** How clean a tone is behind a stage, and how late: least squares over settled samples. */

/** A sine of 16-bit samples, rounded. */
export function sine(hz: number, rateHz: number, samples: number, amplitude = 20_000): Int16Array {
  return Int16Array.from({ length: samples }, (_, n) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hz * n) / rateHz)),
  );
}

/** The amplitude of `hz` in `pcm`, and the level of everything beside it against that, dB. */
export function analyseTone(
  pcm: Int16Array,
  hz: number,
  rateHz: number,
): { readonly amplitude: number; readonly restDb: number } {
  let [cc, cs, ss, xc, xs, power] = [0, 0, 0, 0, 0, 0];
  pcm.forEach((x, n) => {
    const w = (2 * Math.PI * hz * n) / rateHz;
    const [c, s] = [Math.cos(w), Math.sin(w)];
    cc += c * c;
    cs += c * s;
    ss += s * s;
    xc += x * c;
    xs += x * s;
    power += x * x;
  });
  const det = cc * ss - cs * cs;
  const [a, b] = [(xc * ss - xs * cs) / det, (xs * cc - xc * cs) / det];
  const explained = a * xc + b * xs;
  const amplitude = Math.hypot(a, b);
  return {
    amplitude,
    restDb: 10 * Math.log10((2 * Math.max(power - explained, 1e-9)) / pcm.length / amplitude ** 2),
  };
}

/** Level of `pcm` against a sine of `amplitude`, dB. */
export function levelAgainstDb(pcm: Int16Array, amplitude = 20_000): number {
  const power = pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length;
  return 10 * Math.log10((2 * Math.max(power, 1e-9)) / amplitude ** 2);
}

/** How late a stage makes what lies around `hz`, ms: what the phase turns by between two tones close to it. */
export function groupDelayMs(
  through: (pcm: Int16Array) => Int16Array,
  hz: number,
  fromHz: number,
  toHz: number,
): number {
  const apart = hz / 100;
  const [below, above] = [hz - apart / 2, hz + apart / 2].map((near) =>
    phaseOf(through(sine(near, fromHz, fromHz / 5, 30_000)), near, toHz),
  ) as [number, number];
  const turns = (below - above) / (2 * Math.PI);
  return ((turns - Math.floor(turns)) / apart) * 1000;
}

/** Phase of `hz` in the settled part of `pcm`, against a sine that begins with it. */
function phaseOf(pcm: Int16Array, hz: number, rateHz: number): number {
  let [cc, cs, ss, xc, xs] = [0, 0, 0, 0, 0];
  for (let n = rateHz / 50; n < pcm.length; n += 1) {
    const w = (2 * Math.PI * hz * n) / rateHz;
    const [c, s] = [Math.cos(w), Math.sin(w)];
    cc += c * c;
    cs += c * s;
    ss += s * s;
    xc += pcm[n]! * c;
    xs += pcm[n]! * s;
  }
  return Math.atan2(xc * ss - xs * cs, xs * cc - xc * cs);
}
