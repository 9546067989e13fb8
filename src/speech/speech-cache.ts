/** Spoken sentences that are kept for the next time, by all calls: least recently used goes, bounded in bytes. */

/** What was asked of it. */
export interface SpeechCacheStats {
  readonly hits: number;
  readonly misses: number;
  /** Of the audio, and of what it is found by. */
  readonly bytes: number;
  readonly entries: number;
}

/** Shared by the calls of a process. Audio in it is shared: not to be changed. */
export class SpeechCache {
  readonly #maximumBytes: number;
  /** Least recently used first. */
  readonly #kept = new Map<string, Uint8Array>();
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  /** `maximumBytes` 0: nothing is kept. */
  constructor(maximumBytes: number) {
    this.#maximumBytes = maximumBytes;
  }

  get stats(): SpeechCacheStats {
    return { hits: this.#hits, misses: this.#misses, bytes: this.#bytes, entries: this.#kept.size };
  }

  /** What is kept under `key`; counted. */
  take(key: string): Uint8Array | null {
    const audio = this.#kept.get(key);
    if (audio === undefined) {
      this.#misses += 1;
      return null;
    }
    this.#hits += 1;
    this.#kept.delete(key);
    this.#kept.set(key, audio);
    return audio;
  }

  /** Keeps `audio`, which is not changed any more; one that is larger than an eighth of the whole is not kept. */
  keep(key: string, audio: Uint8Array): void {
    if (audio.length === 0 || sizeOf(key, audio) > this.#maximumBytes / 8) return;
    const known = this.#kept.get(key);
    if (known !== undefined) {
      this.#kept.delete(key);
      this.#bytes -= sizeOf(key, known);
    }
    this.#kept.set(key, owned(audio));
    this.#bytes += sizeOf(key, audio);
    for (const [oldest, spoken] of this.#kept) {
      if (this.#bytes <= this.#maximumBytes) break;
      this.#kept.delete(oldest);
      this.#bytes -= sizeOf(oldest, spoken);
    }
  }
}

/** A key is of two bytes a character, and an entry has a place in the table: short sentences count, too. */
function sizeOf(key: string, audio: Uint8Array): number {
  return audio.length + 2 * key.length + ENTRY_BYTES;
}

/** About what an entry costs whatever is in it. */
const ENTRY_BYTES = 200;

/** A view would keep alive what it is a view of: a whole answer, or a pool. */
function owned(audio: Uint8Array): Uint8Array {
  return audio.byteLength === audio.buffer.byteLength ? audio : Uint8Array.from(audio);
}
