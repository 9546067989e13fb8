/** Who may talk to a SIP endpoint: addresses and CIDR blocks. */
import { BlockList, isIP } from 'node:net';
import { TalkspurtError } from '../core/errors.ts';

/** The list to check addresses against. @throws ERR_TALKSPURT_CONFIG_INVALID */
export function allowList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix, ...more] = entry.split('/');
    const family = isIP(address);
    const widest = family === 6 ? 128 : 32;
    const bits = prefix === undefined ? widest : /^\d+$/.test(prefix) ? Number(prefix) : -1;
    if (family === 0 || bits < 0 || bits > widest || more.length > 0) {
      throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `"${entry}" is neither an IP address nor a CIDR block`);
    }
    list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
