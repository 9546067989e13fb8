/** The package's binaries, for programs: read in Node, fetched in a browser. No import that a browser does not have. */
import { TalkspurtError } from '../core/errors.ts';

/** Where a binary comes from: its bytes, or an address to read or fetch it from. */
export type DspSource = ArrayBuffer | ArrayBufferView | URL;

/** The bytes of `source`, or of the package's own `name`.wasm. @throws ERR_TALKSPURT_INTERNAL when they cannot be had. */
export async function readBinary(
  name: 'library' | 'talkspurt',
  source?: DspSource,
): Promise<ArrayBuffer | ArrayBufferView> {
  if (source !== undefined && !(source instanceof URL)) return source;
  const url = source ?? ownBinary(name);
  try {
    if (url.protocol === 'file:') return await process.getBuiltinModule('node:fs/promises').readFile(url);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return await response.arrayBuffer();
  } catch (error) {
    throw new TalkspurtError(
      'ERR_TALKSPURT_INTERNAL',
      `the binary of the signal chain cannot be read from ${url.href}`,
      { cause: error },
    );
  }
}

/** In Node the package's own import map knows the place; in a browser the binary lies beside the scripts. */
function ownBinary(name: 'library' | 'talkspurt'): URL {
  return import.meta.url.startsWith('file:')
    ? new URL(import.meta.resolve(`#${name}.wasm`))
    : new URL(`../../wasm/${name}.wasm`, import.meta.url);
}
