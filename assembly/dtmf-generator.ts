import { DIAL_DIGITS, DTMF_KEYS } from './layout';
import { sinPi } from './trigonometry';

/**
 * What does it do? Presses keys: the tones of ITU-T Q.23, one after the other, where a leg has no telephone-events.
 * How does it work? Two phases in turns; each sample is computed, not recurred. A tone rises and falls for 2 ms in a straight
 *   line, so that it does not click. `w` is half a second of silence, `W` a whole one.
 * How do I use it? Put up to DIAL_DIGITS_MAX letters at DIAL_DIGITS, `start(…)`, then `write` each frame while `busy`.
 * Not for: checking; what is no key is silence as long as one.
 */
const EDGE_MS: f64 = 2.0;

@unmanaged
export class DtmfGenerator {
  private count: i32;
  private index: i32;
  private position: i32;
  private msSamples: i32;
  private toneMs: i32;
  private gapMs: i32;
  private lowAmplitude: f64;
  private highAmplitude: f64;
  private lowPhase: f64;
  private highPhase: f64;

  /** Amplitudes are peaks in sample units; `rateHz` is a multiple of 1000. */
  start(count: i32, toneMs: i32, gapMs: i32, lowAmplitude: f64, highAmplitude: f64, rateHz: i32): void {
    this.count = count;
    this.index = 0;
    this.position = 0;
    this.msSamples = rateHz / 1000;
    this.toneMs = toneMs;
    this.gapMs = gapMs;
    this.lowAmplitude = lowAmplitude;
    this.highAmplitude = highAmplitude;
    this.lowPhase = 0.0;
    this.highPhase = 0.0;
  }

  /** A key or the pause behind it is still to be written. */
  get busy(): bool {
    return this.index < this.count;
  }

  /** Writes `samples` i16. */
  write(pcm: usize, samples: i32): void {
    let at = pcm;
    const end = pcm + ((<usize>samples) << 1);
    while (at < end) {
      if (!this.busy) {
        memory.fill(at, 0, end - at);
        return;
      }
      const letter = <i32>load<u8>(DIAL_DIGITS + <usize>this.index);
      const pause = letter == 0x77 ? 500 : letter == 0x57 ? 1000 : 0;
      const toneSamples = (pause == 0 ? this.toneMs : 0) * this.msSamples;
      const wholeSamples = toneSamples + (pause == 0 ? this.gapMs : pause) * this.msSamples;
      const key = pause == 0 ? keyOf(letter) : -1;
      const left = <i32>((end - at) >> 1);
      if (this.position < toneSamples) {
        const part = min(left, toneSamples - this.position);
        if (key >= 0) this.sound(at, part, key, toneSamples);
        else memory.fill(at, 0, (<usize>part) << 1);
        this.position += part;
        at += (<usize>part) << 1;
      } else {
        const part = min(left, wholeSamples - this.position);
        memory.fill(at, 0, (<usize>part) << 1);
        this.position += part;
        at += (<usize>part) << 1;
      }
      if (this.position >= wholeSamples) {
        this.index += 1;
        this.position = 0;
        this.lowPhase = 0.0;
        this.highPhase = 0.0;
      }
    }
  }

  private sound(pcm: usize, samples: i32, key: i32, toneSamples: i32): void {
    const rateHz = <f64>(this.msSamples * 1000);
    const lowStep = lowHz(key >> 2) / rateHz;
    const highStep = highHz(key & 3) / rateHz;
    const edge = EDGE_MS * <f64>this.msSamples;
    for (let n = 0; n < samples; n++) {
      const into = <f64>(this.position + n);
      const envelope = min(1.0, min(into, <f64>toneSamples - 1.0 - into) / edge);
      const sum = this.lowAmplitude * sinPi(2.0 * this.lowPhase) + this.highAmplitude * sinPi(2.0 * this.highPhase);
      store<i16>(pcm + ((<usize>n) << 1), <i16>max(-32768.0, min(32767.0, nearest(envelope * sum))));
      this.lowPhase += lowStep - floor(this.lowPhase + lowStep);
      this.highPhase += highStep - floor(this.highPhase + highStep);
    }
  }
}

/** Row and column of a letter as 4·row + column, or −1. */
function keyOf(letter: i32): i32 {
  for (let key = 0; key < 16; key++) if (<i32>load<u8>(DTMF_KEYS + <usize>key) == letter) return key;
  return -1;
}

function lowHz(row: i32): f64 {
  return row == 0 ? 697.0 : row == 1 ? 770.0 : row == 2 ? 852.0 : 941.0;
}

function highHz(column: i32): f64 {
  return column == 0 ? 1209.0 : column == 1 ? 1336.0 : column == 2 ? 1477.0 : 1633.0;
}
