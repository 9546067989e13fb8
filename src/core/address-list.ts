/** Who may connect or send: addresses and CIDR blocks, and the plain form of an address that a socket gives. */
import { BlockList, isIP } from 'node:net';
import { TalkspurtError } from './errors.ts';

/** Where nothing else is said: this machine. */
export const LOOPBACK_ADDRESSES: readonly string[] = ['127.0.0.0/8', '::1'];

/** A list that may grow. What is in it stays. */
export class AddressList {
  readonly #blocks = new BlockList();

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for what is neither an address nor a block */
  constructor(entries: readonly string[] = []) {
    for (const entry of entries) this.add(entry);
  }

  /** `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`. @throws as the constructor */
  add(entry: string): void {
    const [address = '', prefix, ...more] = entry.split('/');
    const family = isIP(address);
    const widest = family === 6 ? 128 : 32;
    const bits = prefix === undefined ? widest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
    if (family === 0 || bits < 0 || bits > widest || more.length > 0) {
      const message = `allow: ${JSON.stringify(entry)} is neither an IP address nor a CIDR block`;
      throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
    }
    this.#blocks.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
  }

  /** Whether `address`, in its plain form, is one of them; what is no address is not. */
  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#blocks.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** `entries` as a list, or the list that it is already. @throws ERR_TALKSPURT_CONFIG_INVALID */
export function addressList(entries: readonly string[] | AddressList = LOOPBACK_ADDRESSES): AddressList {
  return entries instanceof AddressList ? entries : new AddressList(entries);
}

/** An address without what the socket adds to it: IPv4 in IPv6, and the zone. Of a socket that is gone already: empty. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
}
