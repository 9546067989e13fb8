/**
 * ITU-T G.711 by table, for the simulator's side of the wire only. Written apart from the WASM core's on purpose: a fault
 * that both ends shared would cancel out and pass every test.
 */

/** One companding law as two tables. */
export interface G711Law {
  /** Code (0..255) → 16-bit sample. */
  readonly decode: Int16Array;
  /** 16-bit sample + 32768 → code. */
  readonly encode: Uint8Array;
}

/** µ-law: exponent and mantissa count from a bias of 33 on a 14-bit scale; codes go out inverted. */
function muLawLevel(code: number): number {
  const bits = ~code & 0xff;
  const magnitude = ((((bits & 0x0f) << 1) + 33) << ((bits >> 4) & 7)) - 33;
  return (bits & 0x80 ? -magnitude : magnitude) * 4;
}

/** A-law: thirteen bits, the two lowest segments of one slope; even bits go out inverted. */
function aLawLevel(code: number): number {
  const bits = code ^ 0x55;
  const exponent = (bits >> 4) & 7;
  const mantissa = ((bits & 0x0f) << 1) + 1;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 32) << (exponent - 1);
  return (bits & 0x80 ? magnitude : -magnitude) * 8;
}

/**
 * The decision values of G.711 lie half-way between its levels, so encoding is choosing the nearest level; a sample on a
 * decision value belongs to the greater magnitude. `order` lists the codes by rising level.
 */
function lawFrom(level: (code: number) => number): G711Law {
  const decode = Int16Array.from({ length: 256 }, (_, code) => level(code));
  const order = Array.from({ length: 256 }, (_, code) => code).sort((a, b) => decode[a]! - decode[b]! || a - b);
  const encode = new Uint8Array(65536);
  let at = 0;
  for (let sample = -32768; sample <= 32767; sample += 1) {
    while (at < 255) {
      const here = decode[order[at]!]!;
      const next = decode[order[at + 1]!]!;
      const toNext = Math.abs(next - sample) - Math.abs(here - sample);
      if (toNext > 0 || (toNext === 0 && sample < 0)) break;
      at += 1;
    }
    encode[sample + 32768] = order[at]!;
  }
  return { decode, encode };
}

/** The law of North America and Japan. */
export const MU_LAW: G711Law = lawFrom(muLawLevel);
/** The law of everywhere else. */
export const A_LAW: G711Law = lawFrom(aLawLevel);
