/** Whose media are let in from an Asterisk: configured addresses, or those that its host has. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { AddressList, LOOPBACK_ADDRESSES } from '../../core/address-list.ts';
import { LIMITS } from '../../limits.ts';

/** What is known of it. */
export interface MediaSourcesOptions {
  /** Asterisk's host, an address or a name. */
  readonly host: string;
  /** Addresses and CIDR blocks, checked; absent: those that `host` has. */
  readonly sources?: readonly string[];
  /** Addresses of a name. Default: the system's. May reject. */
  resolve?(name: string): Promise<readonly string[]>;
}

/** One switch's. Addresses that a name has had stay allowed. */
export class MediaSources {
  /** Loopback and every source: for the servers that Asterisk connects to. Grows as names are looked up. */
  readonly allowed = new AddressList(LOOPBACK_ADDRESSES);
  readonly #options: MediaSourcesOptions;
  readonly #entries = new Set<string>();

  constructor(options: MediaSourcesOptions) {
    this.#options = options;
    const { host, sources = isIP(host) === 0 ? [] : [host] } = options;
    for (const entry of sources) this.#add(entry);
  }

  /** Without loopback, unless it is one. */
  get entries(): readonly string[] {
    return [...this.#entries];
  }

  /** Looks a host's name up, where its addresses are what counts. Never rejects: what was known stands. */
  async refresh(): Promise<void> {
    const { host, sources } = this.#options;
    if (sources !== undefined || isIP(host) !== 0) return;
    const resolving = this.#options.resolve?.(host) ?? addressesOf(host);
    const addresses = await resolving.catch((): readonly string[] => []);
    for (const address of addresses) if (isIP(address) !== 0) this.#add(address);
  }

  #add(entry: string): void {
    if (this.#entries.has(entry) || this.#entries.size >= LIMITS.mediaSources) return;
    this.#entries.add(entry);
    this.allowed.add(entry);
  }
}

async function addressesOf(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
