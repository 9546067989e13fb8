/**
 * The connections of the status server: so many at once, and never a reason to keep out whoever has something to ask. Where all
 * places are taken the newcomer has that of a connection that keeps us waiting, having asked nothing or sent its request in part:
 * of the address with most of those, the one that does so for longest. Only where every connection is being answered there is no place.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

interface Entry {
  readonly address: string;
  /** Requests that are being answered. */
  requests: number;
  /** The last of them: a body may still be on its way. */
  request: Pick<IncomingMessage, 'complete'> | null;
}

/** See the top of the file. It owns no socket, and ends those that have no place. */
export class ConnectionTable {
  /** Those that keep us waiting stand in the order in which they began to. */
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
    this.#entries.set(socket, { address: socket.remoteAddress ?? '', requests: 0, request: null });
    socket.once('close', () => this.#entries.delete(socket));
  }

  /** It has asked something: once that is complete it keeps its place until {@link answered}. */
  asked(socket: Socket, request: Pick<IncomingMessage, 'complete'>): void {
    const entry = this.#entries.get(socket);
    if (entry === undefined) return;
    entry.requests += 1;
    entry.request = request;
    this.#last(socket, entry);
  }

  /** One of its requests is answered, or given up. */
  answered(socket: Socket): void {
    const entry = this.#entries.get(socket);
    if (entry === undefined) return;
    entry.requests -= 1;
    if (entry.requests > 0) return;
    entry.request = null;
    this.#last(socket, entry);
  }

  #last(socket: Socket, entry: Entry): void {
    this.#entries.delete(socket);
    this.#entries.set(socket, entry);
  }

  /** False: all are being answered. */
  #makeRoom(): boolean {
    const waiting = new Map<string, { readonly oldest: Socket; count: number }>();
    for (const [socket, { address, request }] of this.#entries) {
      if (request?.complete === true) continue;
      const known = waiting.get(address);
      if (known === undefined) waiting.set(address, { oldest: socket, count: 1 });
      else known.count += 1;
    }
    let victim: { readonly oldest: Socket; count: number } | null = null;
    for (const each of waiting.values()) if (victim === null || each.count > victim.count) victim = each;
    if (victim === null) return false;
    this.#entries.delete(victim.oldest);
    victim.oldest.destroy();
    return true;
  }
}
