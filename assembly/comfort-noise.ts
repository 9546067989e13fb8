/**
 * What does it do? White noise at a given level: what a line sounds like when nothing is said.
 * How does it work? A 32-bit xorshift (G. Marsaglia, 2003); the same seed gives the same noise, so a recorded call can be
 *   replayed bit for bit.
 * How do I use it? `start(seed)`, then `write(target, samples, amplitude)`; RMS is amplitude / √3.
 * Not for: the spectrum of a real room (RFC 3389 carries one; this does not).
 */
@unmanaged
export class ComfortNoise {
  private state: u32;

  /** `seed` must not be 0. */
  start(seed: u32): void {
    this.state = seed;
  }

  /** The next sample, uniform in ±`amplitude`. */
  next(amplitude: f32): f32 {
    let x = this.state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    this.state = x;
    return <f32>(<i32>x) * (1.0 / 2147483648.0) * amplitude;
  }

  /** Writes `samples` i16 samples. */
  write(target: usize, samples: i32, amplitude: f32): void {
    for (let i = 0; i < samples; i++) store<i16>(target + ((<usize>i) << 1), <i16>nearest(this.next(amplitude)));
  }
}
