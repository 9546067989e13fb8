/** Token buckets by client address: how often each may ask. Bounded: the one that has been quiet for longest is forgotten. */
import { isIPv6 } from 'node:net';
import { LIMITS } from '../limits.ts';

/** How a bucket fills. */
export interface RatePolicy {
  /** Room: what may come in one go. */
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  left: number;
  sinceMs: number;
}

/** One bucket for each address. Times are the clock's monotonic ms. */
export class RateLimit {
  readonly #policy: RatePolicy;
  readonly #buckets = new Map<string, Bucket>();

  constructor(policy: RatePolicy) {
    this.#policy = policy;
  }

  /** Addresses that are watched. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one, if there is one. Returns after how many ms there will be one, 0: it was taken. */
  take(address: string, nowMs: number): number {
    const bucket = this.#bucket(address, nowMs);
    if (bucket.left >= 1) {
      bucket.left -= 1;
      return 0;
    }
    return this.#waitMs(bucket);
  }

  /** The same without taking it. */
  waitMs(address: string, nowMs: number): number {
    if (!this.#buckets.has(keyOf(address))) return 0;
    const bucket = this.#bucket(address, nowMs);
    return bucket.left >= 1 ? 0 : this.#waitMs(bucket);
  }

  #waitMs(bucket: Bucket): number {
    return ((1 - bucket.left) / this.#policy.perSecond) * 1000;
  }

  #bucket(address: string, nowMs: number): Bucket {
    const { burst, perSecond } = this.#policy;
    const key = keyOf(address);
    const known = this.#buckets.get(key);
    // The order of a map is that of insertion: put in anew, it is the latest.
    this.#buckets.delete(key);
    const bucket = known ?? { left: burst, sinceMs: nowMs };
    bucket.left = Math.min(burst, bucket.left + (Math.max(0, nowMs - bucket.sinceMs) / 1000) * perSecond);
    bucket.sinceMs = nowMs;
    if (this.#buckets.size >= LIMITS.httpClients) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

/** Whoever has one IPv6 address has 2^64 of them; an IPv4 address in an IPv6 coat is the IPv4 address. */
function keyOf(address: string): string {
  const inside = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (inside !== undefined || !isIPv6(address)) return inside ?? address;
  const [head = '', tail = ''] = address.split('%', 1)[0]?.split('::', 2) ?? [];
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const whole = address.includes('::')
    ? [...front, ...Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0'), ...back]
    : front;
  return whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
