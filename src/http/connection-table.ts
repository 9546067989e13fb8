/**
 * The connections of the status server: so many at once, and never a reason to keep out whoever has something to ask. Where all
 * places are taken the newcomer has that of a connection that asks nothing: of the address with most of those, the one that has asked
 * nothing for longest. Only where every connection is being answered there is no place.
 */
import type { Socket } from 'node:net';

interface Entry {
  readonly address: string;
  /** Requests that are being answered. */
  requests: number;
}

/** See the top of the file. It owns no socket, and ends those that have no place. */
export class ConnectionTable {
  /** Those that ask nothing stand in the order in which they began to. */
  readonly #entries = new Map<Socket, Entry>();
  readonly #places: number;

  /** `places`: connections at once. */
  constructor(places: number) {
    this.#places = places;
  }

  /** Connections that have a place. */
  get size(): number {
    return this.#entries.size;
  }

  /** A connection was made; it is cut, or another one is, where there are too many. */
  admit(socket: Socket): void {
    if (this.#entries.size >= this.#places && !this.#makeRoom()) {
      socket.destroy();
      return;
    }
    this.#entries.set(socket, { address: socket.remoteAddress ?? '', requests: 0 });
    socket.once('close', () => this.#entries.delete(socket));
  }

  /** It has asked something: it keeps its place until {@link answered}. */
  asked(socket: Socket): void {
    const entry = this.#entries.get(socket);
    if (entry !== undefined) entry.requests += 1;
  }

  /** One of its requests is answered, or given up. */
  answered(socket: Socket): void {
    const entry = this.#entries.get(socket);
    if (entry === undefined) return;
    entry.requests -= 1;
    if (entry.requests > 0) return;
    this.#entries.delete(socket);
    this.#entries.set(socket, entry);
  }

  /** False: nobody is idle. */
  #makeRoom(): boolean {
    const idle = new Map<string, { readonly oldest: Socket; count: number }>();
    for (const [socket, { address, requests }] of this.#entries) {
      if (requests > 0) continue;
      const known = idle.get(address);
      if (known === undefined) idle.set(address, { oldest: socket, count: 1 });
      else known.count += 1;
    }
    let victim: { readonly oldest: Socket; count: number } | null = null;
    for (const each of idle.values()) if (victim === null || each.count > victim.count) victim = each;
    if (victim === null) return false;
    this.#entries.delete(victim.oldest);
    victim.oldest.destroy();
    return true;
  }
}
