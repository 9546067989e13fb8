import { sinPi } from './trigonometry';

/**
 * What does it do? One or two sines: test signals, DTMF digits, prompts without a recording.
 * How does it work? Two phase counters in turns; each sample is computed, not recurred, so nothing drifts.
 * How do I use it? `start(…)`, then `write` any number of samples; the phase goes on from frame to frame.
 * Not for: many calls at once; a sample costs two sines.
 */
@unmanaged
export class Tone {
  private firstPhase: f64;
  private secondPhase: f64;
  private firstStep: f64;
  private secondStep: f64;
  private amplitude: f64;

  /** `secondHz` 0 leaves the second sine out. `amplitude` is the peak of each sine in sample units. */
  start(firstHz: f64, secondHz: f64, amplitude: f64, sampleRateHz: f64): void {
    this.firstPhase = 0.0;
    this.secondPhase = 0.0;
    this.firstStep = firstHz / sampleRateHz;
    this.secondStep = secondHz / sampleRateHz;
    this.amplitude = amplitude;
  }

  /** Writes `samples` samples. */
  write(target: usize, samples: i32): void {
    for (let i = 0; i < samples; i++) {
      const sum = this.amplitude * (sinPi(2.0 * this.firstPhase) + sinPi(2.0 * this.secondPhase));
      store<i16>(target + ((<usize>i) << 1), <i16>max(-32768.0, min(32767.0, nearest(sum))));
      this.firstPhase = fraction(this.firstPhase + this.firstStep);
      this.secondPhase = fraction(this.secondPhase + this.secondStep);
    }
  }
}

function fraction(x: f64): f64 {
  return x - floor(x);
}
