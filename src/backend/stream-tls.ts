/** Reads the certificates of a stream, for each call anew: they may be renewed meanwhile. */
import type { Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { TalkspurtError } from '../core/errors.ts';
import type { BackendTls } from './backend-dial.ts';
import type { StreamTls } from './stream-config.ts';

/**
 * What the socket is dialled with. `name` is the stream's, for messages.
 * @throws ERR_TALKSPURT_CONFIG_INVALID for a file that cannot be read: names the option, the path and the reason
 */
export async function readStreamTls(tls: StreamTls, name: string): Promise<BackendTls> {
  const [ca, cert, key] = await Promise.all([
    tls.caFile === undefined || KEYWORDS.includes(tls.caFile) ? undefined : pem(name, 'caFile', tls.caFile),
    tls.certFile === undefined ? undefined : pem(name, 'certFile', tls.certFile),
    tls.keyFile === undefined ? undefined : pem(name, 'keyFile', tls.keyFile),
  ]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: tls.rejectUnauthorized !== false && tls.caFile !== 'NONE',
    anyHostname: tls.disableHostnameValidation === true,
  };
}

/** `mod_audio_stream` knows these two beside a path. */
const KEYWORDS: readonly string[] = ['SYSTEM', 'NONE'];
/** Longer than any bundle of authorities. */
const MOST_BYTES = 4 * 1024 * 1024;

async function pem(name: string, field: string, path: string): Promise<Buffer> {
  try {
    // Looked at before it is opened: a pipe would hold up the opening, a device the reading.
    const { size } = regular(await stat(path));
    const file = await open(path);
    try {
      if (size > MOST_BYTES) throw new RangeError('it is too long to be one');
      const bytes = Buffer.alloc(size);
      const { bytesRead } = await file.read(bytes, 0, size, 0);
      return bytes.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new TalkspurtError(
      'ERR_TALKSPURT_CONFIG_INVALID',
      `tls.${field} of stream '${name}' cannot be read from ${path} (${reason})`,
      { details: { field, path } },
    );
  }
}

function regular(stats: Stats): Stats {
  if (stats.isFile()) return stats;
  throw new RangeError('it is no regular file');
}
