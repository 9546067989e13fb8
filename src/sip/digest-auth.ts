/** Digest authentication of requests (RFC 7616, RFC 8760): SHA-256, and MD5 for older peers. Our side asks. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { unquote } from './sip-syntax.ts';
import type { SipField } from './sip-writer.ts';

/** Who may call. */
export interface DigestAccount {
  readonly realm: string;
  readonly username: string;
  /** A secret. */
  readonly password: string;
}

/** What came of a request's credentials. `none`: challenge; `stale`: challenge, the password may well be right. */
export type DigestVerdict = 'right' | 'none' | 'stale' | 'wrong' | 'busy';

const ALGORITHMS: Readonly<Record<string, string>> = { 'sha-256': 'sha256', md5: 'md5' };

/** Makes challenges and judges credentials. A nonce carries its own time, so that asking costs no memory. */
export class DigestAuth {
  readonly #account: DigestAccount;
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  /** Nonces that were used rightly → their last count, oldest first: a count serves once. */
  readonly #used = new Map<string, { count: number; readonly untilMs: number }>();

  constructor(account: DigestAccount, clock: Clock) {
    this.#account = account;
    this.#clock = clock;
  }

  /** The WWW-Authenticate fields of a 401, best algorithm first. */
  challenge(stale: boolean): SipField[] {
    const nonce = this.#makeNonce();
    const realm = this.#account.realm.replaceAll(/(["\\])/g, '\\$1');
    return ['SHA-256', 'MD5'].map((algorithm) => [
      'WWW-Authenticate',
      `Digest realm="${realm}", nonce="${nonce}", algorithm=${algorithm}, qop="auth"${stale ? ', stale=true' : ''}`,
    ]);
  }

  /** Judges the Authorization fields of a request. */
  check(method: string, fields: readonly string[]): DigestVerdict {
    for (const field of fields) {
      const credentials = parseCredentials(field);
      if (credentials?.get('realm') === this.#account.realm) return this.#judge(method, credentials);
    }
    return 'none';
  }

  #judge(method: string, credentials: ReadonlyMap<string, string>): DigestVerdict {
    const of = (name: string): string => credentials.get(name) ?? '';
    const nonce = of('nonce');
    const madeMs = this.#madeAt(nonce);
    const hash = ALGORITHMS[(credentials.get('algorithm') ?? 'MD5').toLowerCase()];
    if (madeMs === null || hash === undefined || of('qop').toLowerCase() !== 'auth') return 'none';
    const digest = (text: string): string => createHash(hash).update(text, 'latin1').digest('hex');
    const { username, realm, password } = this.#account;
    const secret = digest(Buffer.from(`${username}:${realm}:${password}`, 'utf8').toString('latin1'));
    const wanted = digest(
      [secret, nonce, of('nc'), of('cnonce'), of('qop'), digest(`${method}:${of('uri')}`)].join(':'),
    );
    const sameName = same(of('username'), Buffer.from(username, 'utf8').toString('latin1'));
    if (!same(of('response').toLowerCase(), wanted) || !sameName) return 'wrong';
    const untilMs = madeMs + LIMITS.sipNonceMs;
    if (this.#clock.nowMs() > untilMs) return 'stale';
    return this.#countUp(nonce, of('nc'), untilMs);
  }

  #countUp(nonce: string, digits: string, untilMs: number): DigestVerdict {
    const count = /^[0-9a-f]{8}$/i.test(digits) ? Number.parseInt(digits, 16) : 0;
    const entry = this.#used.get(nonce);
    if (count <= (entry?.count ?? 0)) return 'stale';
    if (entry !== undefined) entry.count = count;
    else {
      this.#forgetOld();
      if (this.#used.size >= LIMITS.sipNonces) return 'busy';
      this.#used.set(nonce, { count, untilMs });
    }
    return 'right';
  }

  #forgetOld(): void {
    const nowMs = this.#clock.nowMs();
    for (const [nonce, { untilMs }] of this.#used) if (untilMs < nowMs) this.#used.delete(nonce);
  }

  #makeNonce(): string {
    const seed = `${Math.floor(this.#clock.nowMs()).toString(36)}.${randomBytes(9).toString('base64url')}`;
    return `${seed}.${this.#seal(seed)}`;
  }

  /** When we made that nonce; null: we did not. */
  #madeAt(nonce: string): number | null {
    const seed = nonce.slice(0, Math.max(0, nonce.lastIndexOf('.')));
    if (seed === '' || !same(nonce, `${seed}.${this.#seal(seed)}`)) return null;
    return Number.parseInt(seed, 36);
  }

  #seal(seed: string): string {
    return createHmac('sha256', this.#key).update(seed).digest('base64url');
  }
}

/** The parameters of `Digest a=b, c="d"`; null for anything else. */
function parseCredentials(field: string): ReadonlyMap<string, string> | null {
  const match = /^Digest\s+(.*)$/is.exec(field.trim());
  if (match === null) return null;
  const parameters = new Map<string, string>();
  for (const [, name = '', value = ''] of match[1]!.matchAll(/([A-Za-z0-9-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)/g)) {
    parameters.set(name.toLowerCase(), value.startsWith('"') ? (unquote(value) ?? '') : value);
  }
  return parameters;
}

/** Compares without telling by time how much of it was right. */
function same(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
