/**
 * What does it do? Multiplies samples by a gain that moves in a straight line, so that a change does not click.
 * How does it work? The gain of every sample is computed from how many samples are left, not summed up, so the ramp
 *   ends exactly on its target. Products are rounded and saturate at 16 bits.
 * How do I use it? `moveTo(gain, samples)`, then `apply` on each frame; `neutral` says when there is nothing to do.
 * Not for: following a signal's level (that is gain control).
 */
@unmanaged
export class GainRamp {
  private from: f32;
  private target: f32;
  private length: i32;
  private left: i32;

  /** Sits at `gain`. */
  start(gain: f32): void {
    this.from = gain;
    this.target = gain;
    this.length = 0;
    this.left = 0;
  }

  /** Where the gain is now. */
  get gain(): f32 {
    if (this.left <= 0) return this.target;
    return this.target + ((this.from - this.target) * <f32>this.left) / <f32>this.length;
  }

  /** Samples pass unchanged. */
  get neutral(): bool {
    return this.left <= 0 && this.target == 1.0;
  }

  /** Moves to `gain` over the next `samples` samples; 0 jumps. A ramp under way is left from where it is. */
  moveTo(gain: f32, samples: i32): void {
    this.from = this.gain;
    this.target = gain;
    this.length = max(0, samples);
    this.left = this.length;
  }

  /** Time passes without samples to change. */
  advance(samples: i32): void {
    this.left = max(0, this.left - samples);
  }

  /** Changes `samples` samples in place. */
  apply(pcm: usize, samples: i32): void {
    let at = pcm;
    const end = pcm + ((<usize>samples) << 1);
    while (at < end && this.left > 0) {
      this.left -= 1;
      store<i16>(at, scale(load<i16>(at), this.gain));
      at += 2;
    }
    if (this.target == 1.0) return;
    if (this.target == 0.0) {
      memory.fill(at, 0, end - at);
      return;
    }
    for (; at < end; at += 2) store<i16>(at, scale(load<i16>(at), this.target));
  }
}

function scale(sample: i16, gain: f32): i16 {
  return <i16>max<f32>(-32768.0, min<f32>(32767.0, nearest(<f32>sample * gain)));
}
