/** Who may do what: bearer tokens (RFC 6750), compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Scope } from './http-route.ts';

/** The tokens; empty text: there is none of that scope. Secrets. */
export interface Tokens {
  readonly read: string;
  readonly control: string;
}

/** What became of an `Authorization` header. */
export type TokenVerdict = { readonly kind: 'granted'; readonly scope: Scope } | { readonly kind: 'absent' | 'wrong' };

const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/** Compares what is presented with the tokens. Holds their hashes alone. */
export class TokenGate {
  readonly #read: Buffer | null;
  readonly #control: Buffer | null;

  constructor({ read, control }: Tokens) {
    this.#read = read === '' ? null : hashOf(read);
    this.#control = control === '' ? null : hashOf(control);
  }

  /** Whether there is a token that lets its bearer do `scope`. */
  opens(scope: Scope): boolean {
    return this.#control !== null || (scope === 'read' && this.#read !== null);
  }

  /**
   * `authorization` is the whole header. Both comparisons are always made, over hashes of one length: the time tells neither
   * how much of a token was right nor which one it was.
   */
  judge(authorization: string | undefined): TokenVerdict {
    if (authorization === undefined || authorization === '') return { kind: 'absent' };
    const presented = hashOf(BEARER.exec(authorization)?.[1] ?? '');
    const controls = timingSafeEqual(presented, this.#control ?? NO_TOKEN);
    const reads = timingSafeEqual(presented, this.#read ?? NO_TOKEN);
    if (this.#control !== null && controls) return { kind: 'granted', scope: 'control' };
    if (this.#read !== null && reads) return { kind: 'granted', scope: 'read' };
    return { kind: 'wrong' };
  }
}

/** No text hashes to it that anybody will find. */
const NO_TOKEN = Buffer.alloc(32);

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
