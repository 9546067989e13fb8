/**
 * Hosts that a command may have us connect to. A list is one of names, patterns, addresses and blocks; names are compared as
 * they stand in the URL and never looked up, so that nobody's DNS decides what an address block lets through.
 */
import { BlockList, isIP } from 'node:net';
import { TalkspurtError } from './errors.ts';

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** One list, read once. */
export class HostList {
  readonly #field: string;
  readonly #names = new Set<string>();
  /** What follows the star of `*.example.com`: with its dot. */
  readonly #endings: string[] = [];
  readonly #blocks = new BlockList();
  readonly #any: boolean;

  /**
   * `field` is the configuration's name of the list. An entry is `*` (any host), a name, `*.` and a name (every name below
   * it, itself not), an address, or a block. @throws ERR_TALKSPURT_CONFIG_INVALID
   */
  constructor(field: string, entries: readonly string[]) {
    this.#field = field;
    this.#any = entries.includes('*');
    for (const entry of entries) {
      if (!isHostEntry(entry)) {
        throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `${field}: an entry ${HOST_ENTRY_FAULT}`);
      }
      if (entry === '*') continue;
      const [address = '', bits] = entry.split('/');
      const family = isIP(address);
      const name = entry.toLowerCase();
      if (family !== 0) this.#blocks.addSubnet(address, Number(bits ?? (family === 4 ? 32 : 128)), familyOf(address));
      else if (name.startsWith('*.')) this.#endings.push(name.slice(1));
      else this.#names.add(name);
    }
  }

  /** @throws ERR_TALKSPURT_HOST_DENIED when the URL's host is not in the list, or cannot be told */
  check(url: string): void {
    if (this.#any || this.#holds(url)) return;
    const message = `the host of this URL is not one that may be connected to: add it to ${this.#field}`;
    throw new TalkspurtError('ERR_TALKSPURT_HOST_DENIED', message);
  }

  #holds(url: string): boolean {
    if (!URL.canParse(url)) return false;
    // A URL writes every spelling of an address in one way, and names in lower case.
    const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
    if (isIP(host) !== 0) return this.#blocks.check(host, familyOf(host));
    return (
      this.#names.has(host) || this.#endings.some((ending) => host.length > ending.length && host.endsWith(ending))
    );
  }
}

/** What an entry is that {@link isHostEntry} refuses; reads on from its path. */
export const HOST_ENTRY_FAULT =
  'is no host: write *, agents.example.com, *.example.com, 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32';

/** Whether `entry` can stand in a list. */
export function isHostEntry(entry: string): boolean {
  if (entry === '*') return true;
  const [address = '', bits, ...more] = entry.split('/');
  const family = isIP(address);
  if (family !== 0) {
    const whole = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
    return whole && more.length === 0;
  }
  const labels = entry.toLowerCase().replace(/^\*\./, '').split('.');
  // What ends in a number is an address with a slip in it.
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
