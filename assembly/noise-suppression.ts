import { invert, spectrumOf } from './real-transform';
import {
  SUPPRESSION_BANDS,
  SUPPRESSION_BANDS_MAX,
  SUPPRESSION_OVERLAP,
  SUPPRESSION_PAST,
  SUPPRESSION_WINDOW,
} from './layout';
import { sinPi } from './trigonometry';

/**
 * What does it do? Turns steady noise behind a voice down by a chosen number of dB, without the warbling that simple
 *   spectral subtraction leaves.
 * How does it work? Sine windows of two hops, analysis and synthesis, half overlapped. The noise of each band is followed
 *   with the probability that there is speech in it (T. Gerkmann, R. C. Hendriks, *Unbiased MMSE-based noise power estimation
 *   with low complexity and low tracking delay*, 2012); the gain is Wiener's, on the decision-directed estimate of the speech
 *   (Y. Ephraim, D. Malah, 1984), and never below the floor: noise alone meets the floor in all bands alike, which is why it
 *   sounds like the same noise, only quieter. Bands are single bins below 2 kHz and wider above.
 * How do I use it? `start(suppressionDb, rateHz)`, then `apply` on whole hops (10 ms, 5 ms at 48 kHz). It delays by one hop.
 * Not for: voices behind the voice, keyboards, or anything that is not there for half a second.
 */
/** Prior speech-to-noise power under speech (15 dB), and what follows of it. */
const SPEECH_PRIOR: f32 = 31.622776;
const SPEECH_SHARE: f32 = 0.969347;
const PRIOR_MEMORY: f32 = 0.98;
/** Share of the past in the noise and in the smoothed probability, for 10 ms. */
const NOISE_MEMORY: f32 = 0.8;
const PRESENCE_MEMORY: f32 = 0.9;
/** A first spectrum above −45 dBov is not believed to be noise; nothing is quieter than −96 dBov. */
const FIRST_POWER: f32 = 34000.0;
const LEAST_POWER: f32 = 0.25;

/** Rows of the bands. */
const NOISE: usize = SUPPRESSION_BANDS;
const SPEECH: usize = SUPPRESSION_BANDS + ((<usize>SUPPRESSION_BANDS_MAX) << 2);
const PRESENCE: usize = SUPPRESSION_BANDS + ((<usize>SUPPRESSION_BANDS_MAX) << 3);

@unmanaged
export class NoiseSuppression {
  active: bool;
  private hopSamples: i32;
  private points: i32;
  private floor: f32;
  private hops: i32;
  /** First bins from which bands are 2, 4 and 8 wide. */
  private pairsFrom: i32;
  private foursFrom: i32;
  private eightsFrom: i32;

  /** Steady noise goes down by `suppressionDb`, 1..18. */
  start(suppressionDb: f64, rateHz: i32): void {
    this.active = true;
    this.hopSamples = rateHz == 48000 ? 240 : rateHz / 100;
    this.points = rateHz == 8000 ? 256 : 512;
    this.floor = Mathf.pow(10.0, <f32>(-suppressionDb / 20.0));
    this.hops = 0;
    const binHz = <f32>rateHz / <f32>this.points;
    this.pairsFrom = <i32>(<f32>2000.0 / binHz);
    this.foursFrom = this.pairsFrom + ((<i32>(<f32>1000.0 / binHz)) << 1);
    this.eightsFrom = this.foursFrom + ((<i32>(<f32>1000.0 / binHz)) << 2);
    for (let i = 0; i < this.hopSamples; i++) {
      const rise = sinPi((<f64>i + 0.5) / <f64>(this.hopSamples << 1));
      store<f32>(SUPPRESSION_WINDOW + ((<usize>i) << 2), <f32>rise);
    }
    memory.fill(SUPPRESSION_PAST, 0, 480);
    memory.fill(SUPPRESSION_OVERLAP, 0, 960);
    memory.fill(SUPPRESSION_BANDS, 0, 3 * ((<usize>SUPPRESSION_BANDS_MAX) << 2));
  }

  /** Samples by which what comes out is later. */
  get delay(): i32 {
    return this.hopSamples;
  }

  /** Changes whole hops of i16 in place; `scratch` has room for 1,024 f32. */
  apply(pcm: usize, samples: i32, scratch: usize): void {
    const bytes = (<usize>this.hopSamples) << 1;
    let at = pcm;
    for (let left = samples; left >= this.hopSamples; left -= this.hopSamples) {
      this.hop(at, scratch);
      at += bytes;
    }
  }

  private hop(pcm: usize, scratch: usize): void {
    this.window(pcm, scratch);
    spectrumOf(scratch, this.points);
    this.suppress(scratch);
    invert(scratch, this.points);
    this.overlap(pcm, scratch);
    this.hops += 1;
  }

  /** The last hop and this one, windowed, and zeros behind them. */
  private window(pcm: usize, frame: usize): void {
    const hop = this.hopSamples;
    const half = (<usize>hop) << 2;
    for (let i = 0; i < hop; i++) {
      const at = (<usize>i) << 2;
      const past = <f32>load<i16>(SUPPRESSION_PAST + (at >> 1));
      const now = <f32>load<i16>(pcm + (at >> 1));
      store<f32>(frame + at, past * load<f32>(SUPPRESSION_WINDOW + at));
      store<f32>(frame + half + at, now * load<f32>(SUPPRESSION_WINDOW + half - 4 - at));
    }
    memory.copy(SUPPRESSION_PAST, pcm, half >> 1);
    memory.fill(frame + (half << 1), 0, ((<usize>this.points) << 2) - (half << 1));
  }

  /** Windows what came back, adds it to what was left over, and gives the first hop of it out. */
  private overlap(pcm: usize, frame: usize): void {
    const hop = this.hopSamples;
    const half = (<usize>hop) << 2;
    for (let i = 0; i < hop; i++) {
      const at = (<usize>i) << 2;
      const y = load<f32>(SUPPRESSION_OVERLAP + at) + load<f32>(frame + at) * load<f32>(SUPPRESSION_WINDOW + at);
      store<f32>(
        SUPPRESSION_OVERLAP + at,
        load<f32>(frame + half + at) * load<f32>(SUPPRESSION_WINDOW + half - 4 - at),
      );
      store<i16>(pcm + (at >> 1), <i16>max<f32>(-32768.0, min<f32>(32767.0, nearest(y))));
    }
  }

  /** Multiplies every band by its gain. */
  private suppress(spectrum: usize): void {
    const last = (this.points >> 1) - 1;
    let bin = 1;
    let band: usize = 0;
    let gain: f32 = 1.0;
    while (bin <= last) {
      const width = bin >= this.eightsFrom ? 8 : bin >= this.foursFrom ? 4 : bin >= this.pairsFrom ? 2 : 1;
      const from = spectrum + ((<usize>bin) << 3);
      const count = min(width, last + 1 - bin);
      const end = from + ((<usize>count) << 3);
      let power: f32 = 0.0;
      for (let at = from; at < end; at += 4) power += load<f32>(at) * load<f32>(at);
      gain = this.gainOf(band << 2, power / <f32>count);
      for (let at = from; at < end; at += 4) store<f32>(at, load<f32>(at) * gain);
      // What lies at 0 Hz shares the fate of its neighbour.
      if (bin == 1) store<f32>(spectrum, load<f32>(spectrum) * gain);
      bin += count;
      band += 1;
    }
    store<f32>(spectrum, load<f32>(spectrum, 4) * gain, 4);
  }

  private gainOf(at: usize, bandPower: f32): f32 {
    // The sine window's power is half a sample's: per sample of the hop pair.
    const power = bandPower / <f32>this.hopSamples;
    let noise = this.hops < 2 ? min(power, FIRST_POWER) : load<f32>(NOISE + at);
    noise = max(noise, LEAST_POWER);
    const posterior = power / noise;

    const doubt = (<f32>1.0 + SPEECH_PRIOR) * Mathf.exp(-min<f32>(80.0, posterior * SPEECH_SHARE));
    let present = <f32>1.0 / (<f32>1.0 + doubt);
    const smoothed = PRESENCE_MEMORY * load<f32>(PRESENCE + at) + (<f32>1.0 - PRESENCE_MEMORY) * present;
    store<f32>(PRESENCE + at, smoothed);
    if (smoothed > 0.99) present = min<f32>(present, 0.99);
    const believed = present * noise + (<f32>1.0 - present) * power;
    store<f32>(NOISE + at, NOISE_MEMORY * noise + (<f32>1.0 - NOISE_MEMORY) * believed);

    const now = max<f32>(0.0, posterior - <f32>1.0);
    const prior = PRIOR_MEMORY * (load<f32>(SPEECH + at) / noise) + (<f32>1.0 - PRIOR_MEMORY) * now;
    const wiener = prior / (<f32>1.0 + prior);
    store<f32>(SPEECH + at, wiener * wiener * power);
    return max(this.floor, wiener);
  }
}
