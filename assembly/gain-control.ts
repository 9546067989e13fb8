import { levelDbov } from './level';
import { Limiter } from './limiter';

/**
 * What does it do? Brings a caller's voice to one level, whoever speaks and however far from the microphone.
 * How does it work? The power of the 10 ms in which somebody speaks is averaged (0.4 s while it rises, 2 s while it falls),
 *   quieter than 18 dB below that average does not count. The gain moves towards what is missing by at most 8 dB/s up and
 *   20 dB/s down, and only while somebody speaks: in noise and in pauses it stands still, so nothing pumps. It stays within
 *   −20 to +20 dB. The limiter behind it keeps a sudden loud word below the ceiling.
 * How do I use it? `start(targetDbov, rateHz, limiter)`, then `apply` on each frame with the probability of speech in it.
 * Not for: music; it is no voice, so the gain stays.
 */
const HIGHEST_DB: f32 = 20.0;
const LOWEST_DB: f32 = -20.0;
/** dB in 10 ms. */
const UP_DB: f32 = 0.08;
const DOWN_DB: f32 = 0.2;
/** 1 − e^(−10/400) and 1 − e^(−10/2000). */
const RISE: f32 = 0.0246901;
const FALL: f32 = 0.00498752;
/** What is quieter than this is no voice, dBov. */
const QUIETEST_DBOV: f32 = -60.0;
const BELOW_AVERAGE_DB: f32 = 18.0;
const SPOKEN: f32 = 0.5;

@unmanaged
export class GainControl {
  active: bool;
  private blockSamples: i32;
  private target: f32;
  /** Average power of the voice, as a share of overload; 0: nobody has spoken yet. */
  private voice: f32;
  private gainDb: f32;
  private gain: f32;

  /** A voice is to have `targetDbov`, −40..−6. `rateHz` is a multiple of 1000. */
  start(targetDbov: f32, rateHz: i32): void {
    this.active = true;
    this.blockSamples = rateHz / 100;
    this.target = targetDbov;
    this.voice = 0.0;
    this.gainDb = 0.0;
    this.gain = 1.0;
  }

  /** Changes `samples` i16 in place. */
  apply(pcm: usize, samples: i32, probability: f32, limiter: Limiter): void {
    let at = pcm;
    let left = samples;
    while (left > 0) {
      const length = min(this.blockSamples, left);
      if (probability >= SPOKEN) this.follow(levelDbov(at, length));
      const next = this.gainDb == 0.0 ? <f32>1.0 : Mathf.pow(10.0, this.gainDb * 0.05);
      if (this.gain != 1.0 || next != 1.0 || !limiter.idle) limiter.apply(at, length, this.gain, next);
      this.gain = next;
      at += (<usize>length) << 1;
      left -= length;
    }
  }

  private follow(levelDb: f32): void {
    if (levelDb < QUIETEST_DBOV) return;
    const power = Mathf.pow(10.0, levelDb * 0.1);
    if (this.voice == 0.0) this.voice = power;
    const averageDb = <f32>10.0 * Mathf.log10(this.voice);
    if (levelDb >= averageDb - BELOW_AVERAGE_DB) {
      this.voice += (power - this.voice) * (power > this.voice ? RISE : FALL);
    }
    const missing = this.target - <f32>10.0 * Mathf.log10(this.voice) - this.gainDb;
    const moved = this.gainDb + max(-DOWN_DB, min(UP_DB, missing));
    this.gainDb = max(LOWEST_DB, min(HIGHEST_DB, moved));
  }
}
