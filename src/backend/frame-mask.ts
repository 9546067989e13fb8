/**
 * Masking keys for the WebSocket frames that we send (RFC 6455 §5.3): unpredictable, and never all zero.
 *
 * Never zero for a reason. `ws` copies a message while it masks it, so a message may be built in a buffer that is used
 * again at once; only under the key 00000000 does it hand the socket the caller's own bytes instead.
 */
import { randomFillSync } from 'node:crypto';

const pool = Buffer.alloc(8 * 1024);
let next = pool.length;

/** Writes a key into the first four bytes of `key`. */
export function nonZeroMask(key: Buffer): void {
  do {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    key[0] = pool[next]!;
    key[1] = pool[next + 1]!;
    key[2] = pool[next + 2]!;
    key[3] = pool[next + 3]!;
    next += 4;
  } while ((key[0] | key[1] | key[2] | key[3]) === 0);
}
