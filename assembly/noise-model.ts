import { ComfortNoise } from './comfort-noise';
import { CN_BYTES_MAX, CN_IN, CN_STATE } from './layout';

/**
 * What does it do? The noise that a far end describes while it sends nothing (discontinuous transmission), RFC 3389.
 * How does it work? The first byte is the level in −dBov, the others are quantised reflection coefficients (§3.2: k = 258 (N − 127) / 32768)
 *   of an all-pole filter, which shapes white noise in a lattice. As |k| < 1 the filter is stable for any bytes. The level is
 *   divided by the filter's own gain, and glides.
 * How do I use it? Put the payload at CN_IN and call `set`; `next` for each sample.
 * Not for: legs above 8 kHz, where the spectrum is not described: there the noise is white.
 */
const LEVEL_RATE: f32 = 0.002;
const K_STEP: f32 = 258.0 / 32768.0;

@unmanaged
export class NoiseModel {
  private order: i32;
  private rms: f32;
  private targetRms: f32;
  /** Of white noise that comes out at an RMS of 1. */
  private inputRms: f32;

  /** Nothing is described. */
  start(): void {
    this.order = 0;
    this.rms = 0.0;
    this.targetRms = 0.0;
    this.inputRms = 1.0;
    memory.fill(CN_STATE, 0, (<usize>(2 * CN_BYTES_MAX)) << 2);
  }

  /** Takes the payload of `bytes` bytes at CN_IN. `shaped`: with its spectrum. */
  set(bytes: i32, shaped: bool): void {
    const level = <f32>(load<u8>(CN_IN) & 0x7f);
    this.targetRms = Mathf.pow(10.0, level * -0.05) * 32768.0;
    if (this.rms == 0.0) this.rms = this.targetRms;
    this.order = shaped ? min(bytes, CN_BYTES_MAX) - 1 : 0;
    let left: f32 = 1.0;
    for (let i = 0; i < this.order; i++) {
      const index = min<f32>(254.0, <f32>load<u8>(CN_IN + <usize>i, 1));
      const k: f32 = K_STEP * (index - 127.0);
      store<f32>(CN_STATE + ((<usize>i) << 2), k);
      left *= <f32>1.0 - k * k;
    }
    this.inputRms = sqrt<f32>(max<f32>(0.0, left));
  }

  /** The next sample. */
  next(noise: ComfortNoise): f32 {
    this.rms += (this.targetRms - this.rms) * LEVEL_RATE;
    const delays = CN_STATE + ((<usize>CN_BYTES_MAX) << 2);
    // Uniform noise of amplitude √3 has an RMS of 1.
    let forward = noise.next(1.7320508 * this.inputRms);
    for (let i = this.order - 1; i >= 0; i--) {
      const at = (<usize>i) << 2;
      const k = load<f32>(CN_STATE + at);
      const back = load<f32>(delays + at);
      forward -= k * back;
      store<f32>(delays + at, back + k * forward, 4);
    }
    store<f32>(delays, forward);
    return forward * this.rms;
  }
}
