/** The audio of a turn while it is being received: bytes in, the newest of them kept. */
export class TurnBuffer {
  #store = new Uint8Array(64 * 1024);
  #start = 0;
  #end = 0;

  get bytes(): number {
    return this.#end - this.#start;
  }

  /** Adds a copy of `audio`; of all that is there, the newest `keptBytes` stay. */
  add(audio: Uint8Array, keptBytes: number): void {
    const taken = audio.subarray(Math.max(0, audio.length - keptBytes));
    if (this.#end + taken.length > this.#store.length) this.#makeRoom(taken.length);
    this.#store.set(taken, this.#end);
    this.#end += taken.length;
    this.#start = Math.max(this.#start, this.#end - keptBytes);
  }

  /** A copy of all that is there, which is then forgotten. */
  take(): Uint8Array {
    const taken = this.#store.slice(this.#start, this.#end);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#start = 0;
    this.#end = 0;
  }

  /** Moves what is there to the front, into a larger store when it would still not fit. */
  #makeRoom(more: number): void {
    const kept = this.#store.subarray(this.#start, this.#end);
    const needed = kept.length + more;
    const store = needed > this.#store.length / 2 ? new Uint8Array(needed * 2) : this.#store;
    store.set(kept, 0);
    this.#store = store;
    this.#end = kept.length;
    this.#start = 0;
  }
}
