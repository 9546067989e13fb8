/** A request's JSON body, read with a bound. */
import type { IncomingMessage } from 'node:http';
import { LIMITS } from '../limits.ts';
import { HttpRefusal } from './http-answer.ts';

/**
 * The value; an empty mapping when there is no body.
 * @throws HttpRefusal body-too-large, unsupported-media-type, bad-request
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > LIMITS.httpBodyBytes) throw tooLarge();
  if (declared === 0 && request.headers['transfer-encoding'] === undefined) return {};
  if (!isJson(request.headers['content-type'])) {
    throw new HttpRefusal('unsupported-media-type', 'the body has to be JSON, with Content-Type: application/json');
  }
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new HttpRefusal('unsupported-media-type', 'the body has to come without Content-Encoding');
  }
  const bytes = await readBytes(request);
  if (bytes.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new HttpRefusal('bad-request', 'the body is not JSON in UTF-8');
  }
  requireShallow(value);
  return value;
}

/** Whatever looks at it later does so by recursion. Itself goes level by level. @throws HttpRefusal bad-request */
function requireShallow(value: unknown): void {
  let level = [value].filter(isNest);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > LIMITS.httpBodyDepth) {
      throw new HttpRefusal('bad-request', `the body is nested deeper than ${LIMITS.httpBodyDepth} levels`);
    }
    level = level.flatMap((each) => Object.values(each)).filter(isNest);
  }
}

/** Bytes that are still to come are read and thrown away, so that the answer gets through; more than a few and it is cut. */
export function discardBody(request: IncomingMessage): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LIMITS.httpDiscardedBytes) request.destroy();
  });
  request.resume();
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (): void => {
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= LIMITS.httpBodyBytes) {
        chunks.push(chunk);
        return;
      }
      settle();
      reject(tooLarge());
    };
    const onEnd = (): void => {
      settle();
      resolve(Buffer.concat(chunks));
    };
    const onClose = (): void => {
      settle();
      reject(new HttpRefusal('bad-request', 'the body broke off'));
    };
    request.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
  });
}

function isNest(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i.test(contentType ?? '');
}

function tooLarge(): HttpRefusal {
  return new HttpRefusal('body-too-large', `the body is larger than ${LIMITS.httpBodyBytes} bytes`);
}
