/**
 * How late frames come, and for how long it pays to wait for them.
 *
 * What does it do? Tells the delay at which a conversation suffers least: more of it is slow, less of it loses frames.
 * How does it work? A frame's transit is its arrival less the time it was sent. It is compared with the least transit of the
 *   0.6 s *behind* it: after a stall the frames that were held up come at once, so the last of them show what the path needs
 *   by itself, while a sender who merely paused goes on at a new level and is not taken for a late one. A histogram of these,
 *   which forgets with a time constant of about a minute, is weighed by the E-model (ITU-T G.107 §7): a delay of d ms costs 0.024 d
 *   (and 0.11 for each ms above 177), p per cent of late frames 95 p / (p + 25.1) (G.711 with concealment, ITU-T G.113 Appendix I).
 * How do I use it? `arrived` for each frame; `restart` when the sender paused or nothing was left to be played.
 * Not for: RFC 3550's jitter, which is a mean: half of all frames are later than that.
 */

/** Over how much audio the least transit is taken, ms. */
const WINDOW_MS = 640;
const BUCKETS = 320;
const BUCKET_MS = 1;
/** After how much audio the histogram is weighed anew, ms. */
const INTERVAL_MS = 500;
/** What the histogram keeps of itself each time. */
const KEPT = 0.99;
/** The E-model: impairment by a ms of delay, most by loss, and its robustness in per cent. */
const DELAY_COST = 0.024;
const LONG_DELAY_COST = 0.11;
const LONG_DELAY_MS = 177.3;
const LOSS_COST = 95;
const LOSS_ROBUSTNESS = 25.1;

/** One direction of one call. Made once, never allocates again. */
export class ArrivalDelay {
  readonly #window: Float64Array;
  readonly #histogram = new Float64Array(BUCKETS);
  readonly #intervalFrames: number;
  /** Frames in the window, and where the next one goes. */
  #count = 0;
  #at = 0;
  #leastMs = Number.NaN;
  #mostMs = Number.NaN;
  #recentMs = 0;
  #weighed = 0;
  #newFrames = 0;
  #bestMs = 0;

  constructor(ptimeMs: number) {
    this.#window = new Float64Array(Math.max(10, Math.round(WINDOW_MS / ptimeMs)));
    this.#intervalFrames = Math.max(5, Math.round(INTERVAL_MS / ptimeMs));
  }

  /** Least transit of late, ms; NaN before the first frame. */
  get leastMs(): number {
    return this.#leastMs;
  }

  /** Spread of the transit of late, ms. */
  get recentMs(): number {
    return this.#recentMs;
  }

  /** The delay at which a conversation suffers least, ms; 0 before anything is known. */
  get bestMs(): number {
    return this.#bestMs;
  }

  /** A frame came, `transitMs` after it was sent (by any two clocks). */
  arrived(transitMs: number): void {
    const window = this.#window;
    const oldestMs = this.#count === window.length ? window[this.#at]! : Number.NaN;
    window[this.#at] = transitMs;
    this.#at = (this.#at + 1) % window.length;
    this.#count = Math.min(window.length, this.#count + 1);
    // Only who leaves as the least or the most makes it necessary to look at all of them; NaN does, too.
    if (oldestMs > this.#leastMs && oldestMs < this.#mostMs) {
      if (transitMs < this.#leastMs) this.#leastMs = transitMs;
      else if (transitMs > this.#mostMs) this.#mostMs = transitMs;
    } else this.#survey(transitMs);
    this.#recentMs = this.#mostMs - this.#leastMs;
    if (!Number.isNaN(oldestMs)) this.#learn(Math.max(0, oldestMs - this.#leastMs));
  }

  /** The least and the most of the window, which `transitMs` is in. */
  #survey(transitMs: number): void {
    const window = this.#window;
    let least = transitMs;
    let most = transitMs;
    for (let i = 0; i < this.#count; i += 1) {
      const each = window[i]!;
      if (each < least) least = each;
      else if (each > most) most = each;
    }
    this.#leastMs = least;
    this.#mostMs = most;
  }

  /** What comes next may come at another level. What was seen is learned, what was learned is kept. */
  restart(): void {
    const window = this.#window;
    let least = Number.POSITIVE_INFINITY;
    for (let back = 1; back <= this.#count; back += 1) {
      const each = window[(this.#at - back + window.length) % window.length]!;
      if (each < least) least = each;
      this.#learn(each - least);
    }
    this.#count = 0;
    this.#at = 0;
    this.#leastMs = Number.NaN;
    this.#mostMs = Number.NaN;
    this.#recentMs = 0;
  }

  #learn(delayMs: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.floor(delayMs / BUCKET_MS));
    this.#histogram[bucket] = this.#histogram[bucket]! + 1;
    this.#newFrames += 1;
    if (this.#newFrames < this.#intervalFrames) return;
    this.#weigh();
  }

  #weigh(): void {
    const histogram = this.#histogram;
    const frames = this.#weighed + this.#newFrames;
    let late = frames;
    let leastCost = Number.POSITIVE_INFINITY;
    for (let i = 0; i < BUCKETS; i += 1) {
      const delayMs = (i + 1) * BUCKET_MS;
      const longMs = Math.max(0, delayMs - LONG_DELAY_MS);
      const delayCost = DELAY_COST * delayMs + LONG_DELAY_COST * longMs;
      // From here on waiting alone costs more, whatever it saves.
      if (delayCost >= leastCost) break;
      late -= histogram[i]!;
      const latePct = (100 * Math.max(0, late)) / frames;
      const cost = delayCost + (LOSS_COST * latePct) / (latePct + LOSS_ROBUSTNESS);
      if (cost >= leastCost) continue;
      leastCost = cost;
      this.#bestMs = delayMs;
    }
    for (let i = 0; i < BUCKETS; i += 1) histogram[i] = histogram[i]! * KEPT;
    this.#weighed = frames * KEPT;
    this.#newFrames = 0;
  }
}
