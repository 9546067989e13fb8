/** ITU-T G.711 by its definition, slowly: what the rows of G.711 are held to. */

/** The sample of a code, 16 bits (tables 1a and 2a of the Recommendation, in the upper bits). */
export function tableValue(law: 'ulaw' | 'alaw', code: number): number {
  const bits = law === 'ulaw' ? ~code & 0xff : code ^ 0x55;
  const [segment, interval] = [(bits >> 4) & 7, bits & 15];
  const magnitude =
    law === 'ulaw'
      ? (2 * interval + 33) * 4 * 2 ** segment - 132
      : (segment === 0 ? 2 * interval + 1 : (2 * interval + 33) * 2 ** (segment - 1)) * 8;
  const negative = law === 'ulaw' ? (bits & 0x80) !== 0 : (bits & 0x80) === 0;
  return negative ? -magnitude : magnitude;
}

/**
 * The code of a sample: the interval that holds it, by going through the decision values from the outermost one in. On a
 * decision value the interval further from zero; for a negative sample in A-law the nearer.
 */
export function tableCode(law: 'ulaw' | 'alaw', sample: number): number {
  const negative = sample < 0;
  const size = Math.abs(sample);
  let magnitude = 127;
  while (magnitude > 0) {
    const decision = lowerDecision(law, magnitude);
    if (law === 'alaw' && negative ? size > decision : size >= decision) break;
    magnitude -= 1;
  }
  if (law === 'ulaw') return (~magnitude & 0x7f) | (negative ? 0 : 0x80);
  return (magnitude | (negative ? 0 : 0x80)) ^ 0x55;
}

/** Where interval `magnitude` (0..127) begins, in 16-bit steps. */
function lowerDecision(law: 'ulaw' | 'alaw', magnitude: number): number {
  const [segment, interval] = [magnitude >> 4, magnitude & 15];
  if (law === 'ulaw') return Math.max(0, (interval + 16) * 2 ** (segment + 3) - 132);
  return segment === 0 ? interval * 16 : (interval + 16) * 2 ** (segment + 3);
}
