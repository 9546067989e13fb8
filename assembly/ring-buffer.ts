/**
 * What does it do? A first-in first-out line of 16-bit samples between one writer and one reader.
 * How does it work? A power-of-two region and two counters that only ever grow (modulo 2³²); their difference is what
 *   waits, so full and empty never look alike.
 * How do I use it? `start(region, capacity)`, then `write` and `read`; each says how many samples it moved.
 * Not for: two threads; the counters are plain loads and stores.
 *
 *         read                write
 *          ▼                    ▼
 *   ┌──────┬────────────────────┬──────────┐
 *   │ free │ waiting            │ free     │  position = counter & (capacity − 1)
 *   └──────┴────────────────────┴──────────┘
 */
@unmanaged
export class RingBuffer {
  private region: usize;
  private capacity: u32;
  private written: u32;
  private taken: u32;

  /** Empties the ring over `region`; `capacity` in samples, a power of two. */
  start(region: usize, capacity: u32): void {
    this.region = region;
    this.capacity = capacity;
    this.written = 0;
    this.taken = 0;
  }

  /** Samples that wait. */
  get waiting(): i32 {
    return <i32>(this.written - this.taken);
  }

  /** Copies at most `samples` in; returns how many found room. */
  write(source: usize, samples: i32): i32 {
    const count = min<u32>(<u32>max<i32>(0, samples), this.capacity - (this.written - this.taken));
    const at = this.written & (this.capacity - 1);
    const first = min<u32>(count, this.capacity - at);
    memory.copy(this.region + ((<usize>at) << 1), source, (<usize>first) << 1);
    memory.copy(this.region, source + ((<usize>first) << 1), (<usize>(count - first)) << 1);
    this.written += count;
    return <i32>count;
  }

  /** Copies at most `samples` out; returns how many there were. */
  read(target: usize, samples: i32): i32 {
    const count = min<u32>(<u32>max<i32>(0, samples), this.written - this.taken);
    const at = this.taken & (this.capacity - 1);
    const first = min<u32>(count, this.capacity - at);
    memory.copy(target, this.region + ((<usize>at) << 1), (<usize>first) << 1);
    memory.copy(target + ((<usize>first) << 1), this.region, (<usize>(count - first)) << 1);
    this.taken += count;
    return <i32>count;
  }
}
