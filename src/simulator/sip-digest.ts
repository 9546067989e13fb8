/** Digest credentials (RFC 2617 with MD5, what mod_sofia answers with) for the simulated switch's requests. */
import { createHash, randomBytes } from 'node:crypto';

/** Who the switch says it is: the variables `sip_auth_username` and `sip_auth_password` of a dial string. */
export interface SipCredentials {
  readonly username: string;
  readonly password: string;
}

/** One challenge of the other side, and the answers to it. */
export class SipDigest {
  readonly #credentials: SipCredentials;
  readonly #realm: string;
  readonly #nonce: string;
  readonly #opaque: string | null;
  readonly #qop: boolean;
  readonly #own = randomBytes(16).toString('base64url');
  #count = 0;
  #last = '';
  /** The header to answer with. */
  readonly header: 'Authorization' | 'Proxy-Authorization';

  constructor(challenge: string, header: SipDigest['header'], credentials: SipCredentials) {
    const parameter = (name: string): string | null => {
      const found = new RegExp(`[\\s,]${name}=(?:"([^"]*)"|([^\\s,]+))`, 'i').exec(challenge);
      return found === null ? null : (found[1] ?? found[2] ?? '');
    };
    this.header = header;
    this.#credentials = credentials;
    this.#realm = parameter('realm') ?? '';
    this.#nonce = parameter('nonce') ?? '';
    this.#opaque = parameter('opaque');
    this.#qop = (parameter('qop') ?? '').split(',').some((each) => each.trim() === 'auth');
  }

  /** What the last request had: its ACK has it, too. */
  get last(): string {
    return this.#last;
  }

  /** The header's value for a request. */
  answer(method: string, uri: string): string {
    this.#count += 1;
    const { username, password } = this.#credentials;
    const first = md5(`${username}:${this.#realm}:${password}`);
    const second = md5(`${method}:${uri}`);
    const count = this.#count.toString(16).padStart(8, '0');
    const own = this.#own;
    const response = this.#qop
      ? md5(`${first}:${this.#nonce}:${count}:${own}:auth:${second}`)
      : md5(`${first}:${this.#nonce}:${second}`);
    const parts = [
      `username="${username}"`,
      `realm="${this.#realm}"`,
      `nonce="${this.#nonce}"`,
      ...(this.#qop ? [`cnonce="${own}"`] : []),
      ...(this.#opaque === null ? [] : [`opaque="${this.#opaque}"`]),
      'algorithm=MD5',
      `uri="${uri}"`,
      `response="${response}"`,
      ...(this.#qop ? ['qop=auth', `nc=${count}`] : []),
    ];
    this.#last = `Digest ${parts.join(', ')}`;
    return this.#last;
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
