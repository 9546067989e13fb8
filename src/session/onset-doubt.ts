/**
 * The third verdict on an onset: neither speech nor noise, but in doubt. A cough, a door and a passing car sound like speech to a
 * detector for longer than it takes to cut in. What they lack is a pitch that goes on while they are loud: a door has none, a cough
 * ends in a little voice that is far below its burst. While it is missing the agent waits, which can be taken back, and is not stopped.
 */

/** A pitch counts when it, times the square of how sure the detector is of late, comes to this: in one frame so early in an onset, ms… */
const PITCH = 0.14;
const EARLY_MS = 120;
/** …or, where there was none then, to this in so many ms of it: noise has many chances. */
const LATE_PITCH = 0.15;
const LATE_MS = 40;
/** A frame so far below the loudest of the onset says nothing, dB. */
const FADED_DB = 6;
/** How far back the detector's sureness is looked at, ms. */
const SURENESS_MS = 120;
/** So long after it began an onset is no longer in doubt, ms: then it is speech if the detector was as sure as this all the time (a whisper). */
const DOUBT_MS = 500;
const SURE = 0.93;
/** A noise that was longer than that is over after so much without, ms; until then nothing without a pitch begins. */
const OVER_MS = 60;

/** Of one caller's present onset. Pure: it is told the time. Hot path: allocates nothing. */
export class OnsetDoubt {
  readonly #ptimeMs: number;
  #frames = 0;
  #probabilities = 0;
  /** Mean probability of late. */
  #sureness = 0;
  #loudestDbov = Number.NEGATIVE_INFINITY;
  #pitchMs = 0;
  #clear = false;
  /** A noise goes on that was longer than the doubt; and for how long it has been silent. */
  #outlasted = false;
  #quietMs = 0;

  constructor(ptimeMs: number) {
    this.#ptimeMs = ptimeMs;
  }

  /** A new onset: what was heard before says nothing of it. */
  begin(): void {
    this.#frames = 0;
    this.#probabilities = 0;
    this.#sureness = 0;
    this.#loudestDbov = Number.NEGATIVE_INFINITY;
    this.#pitchMs = 0;
    this.#clear = false;
  }

  /** The onset's next frame, which ends `lastedMs` behind its beginning: probability and voicing 0..1, level in dBov. */
  hear(probability: number, voicing: number, levelDbov: number, lastedMs: number): void {
    this.#frames += 1;
    this.#probabilities += probability;
    this.#sureness += (probability - this.#sureness) * Math.max(1 / this.#frames, this.#ptimeMs / SURENESS_MS);
    if (levelDbov > this.#loudestDbov) this.#loudestDbov = levelDbov;
    if (levelDbov < this.#loudestDbov - FADED_DB) return;
    const pitch = voicing * this.#sureness ** 2;
    if (pitch >= LATE_PITCH) this.#pitchMs += this.#ptimeMs;
    if ((pitch >= PITCH && lastedMs <= EARLY_MS) || this.#pitchMs >= LATE_MS) this.#clear = true;
  }

  /** Whether it is clear that somebody speaks, in an onset that has lasted so long. */
  isClear(lastedMs: number): boolean {
    return this.#clear || (lastedMs >= DOUBT_MS && this.#probabilities >= SURE * this.#frames);
  }

  /** Whether that may still become clear; if not, the noise that goes on is no onset again. */
  mayWait(lastedMs: number): boolean {
    if (lastedMs < DOUBT_MS) return true;
    this.#outlasted = true;
    this.#quietMs = 0;
    return false;
  }

  /** A frame outside any onset: whether one may begin with it. */
  mayBegin(probability: number, voicing: number, spoken: boolean): boolean {
    if (!this.#outlasted) return true;
    this.#quietMs = spoken ? 0 : this.#quietMs + this.#ptimeMs;
    if (this.#quietMs >= OVER_MS) this.#outlasted = false;
    return voicing * probability ** 2 >= PITCH;
  }
}
