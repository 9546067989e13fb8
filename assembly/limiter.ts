/**
 * What does it do? Keeps samples below a ceiling by turning them down in time, so that nothing is cut off flat.
 * How does it work? Frames are cut into blocks of 1 ms. A block whose peak would be above the ceiling says which gain it
 *   needs; the gain moves in straight lines between the blocks' edges and is at each edge the lower one of both sides, so it
 *   is down before the peak is there. It recovers by one pole of 50 ms. There is no delay, so the first block of a frame
 *   cannot be seen coming: a peak in it that the gain is too late for is held at the ceiling, for 1 ms at most.
 * How do I use it? `start(rateHz)`, then `apply(pcm, samples, from, to)` with the gain that is to be applied on the way: it
 *   goes in a straight line from `from` to `to`.
 * Not for: level: see gain-control.ts.
 */
/** 32768 · 10^(−1/20). */
const CEILING: f32 = 29204.0;
/** 1 − e^(−1/50). */
const RECOVERY: f32 = 0.0198013;

@unmanaged
export class Limiter {
  private blockSamples: i32;
  /** The limiter's own gain at the end of what it has done, 0..1. */
  private gain: f32;

  /** `rateHz` is a multiple of 1000. */
  start(rateHz: i32): void {
    this.blockSamples = rateHz / 1000;
    this.gain = 1.0;
  }

  /** Nothing is turned down. */
  get idle(): bool {
    return this.gain == 1.0;
  }

  /** Changes `samples` i16 in place; whole blocks, and what is left is taken as a shorter one. */
  apply(pcm: usize, samples: i32, from: f32, to: f32): void {
    const slope = (to - from) / <f32>samples;
    const loudest = max(from, to);
    let need = this.needOf(pcm, min(this.blockSamples, samples), loudest);
    let at = pcm;
    let done = 0;
    while (done < samples) {
      const length = min(this.blockSamples, samples - done);
      const ahead = min(this.blockSamples, samples - done - length);
      const next = ahead == 0 ? <f32>1.0 : this.needOf(at + ((<usize>length) << 1), ahead, loudest);
      const start = this.gain;
      const recovered = start + (<f32>1.0 - start) * RECOVERY;
      const end = min(min(need, next), recovered > 0.9999 ? <f32>1.0 : recovered);
      turn(at, length, from + slope * <f32>done, slope, start, (end - start) / <f32>length);
      this.gain = end;
      need = next;
      at += (<usize>length) << 1;
      done += length;
    }
  }

  /** The gain at which the loudest of `samples` samples, times `gain`, is at the ceiling. */
  private needOf(pcm: usize, samples: i32, gain: f32): f32 {
    let peak = 0;
    for (let at: usize = 0; at < (<usize>samples) << 1; at += 2) peak = max(peak, abs(<i32>load<i16>(pcm + at)));
    const loud = <f32>peak * gain;
    return loud <= CEILING ? <f32>1.0 : CEILING / loud;
  }
}

/** Multiplies by two straight lines. */
function turn(pcm: usize, samples: i32, from: f32, slope: f32, start: f32, step: f32): void {
  for (let n = 0; n < samples; n++) {
    const at = pcm + ((<usize>n) << 1);
    const y = <f32>load<i16>(at) * (from + slope * <f32>n) * (start + step * <f32>(n + 1));
    store<i16>(at, <i16>max(-CEILING, min(CEILING, nearest(y))));
  }
}
