/**
 * What does it do? Adds one piece of audio to another, saturating.
 * How does it work? Eight samples at a time; a sum beyond 16 bits stays at the bound and never wraps.
 * How do I use it? `mix(target, source, samples)`: the sum is in `target`.
 * Not for: levels; what may be too loud together goes through a gain or the limiter.
 */
export function mix(target: usize, source: usize, samples: i32): void {
  const bytes = (<usize>samples) << 1;
  const whole = bytes & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    v128.store(target + at, i16x8.add_sat_s(v128.load(target + at), v128.load(source + at)));
  }
  for (let at = whole; at < bytes; at += 2) {
    const sum = <i32>load<i16>(target + at) + <i32>load<i16>(source + at);
    store<i16>(target + at, <i16>max(-32768, min(32767, sum)));
  }
}
