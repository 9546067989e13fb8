/**
 * Base64 (RFC 4648 §4) between audio and preallocated bytes.
 *
 * Encoding is table driven and allocates nothing, because it runs once per packet. Decoding runs on a socket event and
 * takes much longer texts, where the platform's own decoder is several times faster than any table; it tolerates
 * garbage silently, so the count of what it wrote is held against the count that the text must have.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = 0x3d;

/**
 * 12 bits → two characters in the first / the last half of a 32-bit word, and 6 bits → one character and `=` in the last
 * half, all in the byte order of the machine.
 */
const FIRST_PAIR = new Uint32Array(4096);
const LAST_PAIR = new Uint32Array(4096);
const LAST_PADDED = new Uint32Array(64);
const BOTH_PADDED = new Uint32Array(1);
fillTables();

/** Characters that `bytes` bytes become, padding included. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/**
 * Writes `source` as base64 into `words` from index `at` (in 32-bit words) on; returns the index behind the last one.
 * `words` must hold `base64Length(source.length) / 4` more words: the caller's duty, it is not checked here.
 */
export function encodeBase64(source: Uint8Array, words: Uint32Array, at: number): number {
  const whole = source.length - (source.length % 3);
  let word = at;
  for (let i = 0; i < whole; i += 3) {
    const bits = (source[i]! << 16) | (source[i + 1]! << 8) | source[i + 2]!;
    words[word] = FIRST_PAIR[bits >> 12]! | LAST_PAIR[bits & 4095]!;
    word += 1;
  }
  const rest = source.length - whole;
  if (rest === 0) return word;
  const bits = (source[whole]! << 16) | ((rest === 2 ? source[whole + 1]! : 0) << 8);
  words[word] = FIRST_PAIR[bits >> 12]! | (rest === 2 ? LAST_PADDED[(bits >> 6) & 63]! : BOTH_PADDED[0]!);
  return word + 1;
}

/** Bytes that the base64 text `text[from … to)` holds, or -1 when no base64 text has that length. */
export function decodedLength(text: Uint8Array, from: number, to: number): number {
  const length = to - from;
  let characters = length;
  if (characters > 0 && text[to - 1] === PADDING) {
    if (length % 4 !== 0) return -1;
    characters -= text[to - 2] === PADDING ? 2 : 1;
  }
  return characters % 4 === 1 ? -1 : Math.floor((characters * 3) / 4);
}

/**
 * Decodes the base64 text `text[from … to)` into `target` at `at`; returns the bytes written, or -1 when the text is
 * not base64 (`target` may have been written to then). `target` must hold {@link decodedLength} more bytes.
 */
export function decodeBase64(text: Buffer, from: number, to: number, target: Buffer, at: number): number {
  const bytes = decodedLength(text, from, to);
  if (bytes <= 0) return bytes;
  return target.write(text.toString('latin1', from, to), at, bytes, 'base64') === bytes ? bytes : -1;
}

function fillTables(): void {
  const first = new Uint8Array(FIRST_PAIR.buffer);
  const last = new Uint8Array(LAST_PAIR.buffer);
  for (let bits = 0; bits < 4096; bits += 1) {
    first[bits * 4] = last[bits * 4 + 2] = ALPHABET.charCodeAt(bits >> 6);
    first[bits * 4 + 1] = last[bits * 4 + 3] = ALPHABET.charCodeAt(bits & 63);
  }
  const padded = new Uint8Array(LAST_PADDED.buffer);
  for (let bits = 0; bits < 64; bits += 1) {
    padded[bits * 4 + 2] = ALPHABET.charCodeAt(bits);
    padded[bits * 4 + 3] = PADDING;
  }
  new Uint8Array(BOTH_PADDED.buffer).fill(PADDING, 2);
}
