/**
 * What is heard on a call's line besides voices: keys (in its audio, or as the leg tells of them), progress tones, and audio that
 * is not what it says it is. Control plane: told by the media tick when there is something new.
 */
import type { Clock } from '../core/clock.ts';
import type { AudioSuspicion, CallEvent, ProgressSignal, SuspectSide } from '../core/events.ts';
import type { Dsp } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';

/** Whose keys count: those that the leg tells of, those in the audio, or both without hearing one twice. */
export type DtmfSource = 'rfc4733' | 'inband' | 'both';

/** What the watch is made of. */
export interface LineWatchParts {
  readonly clock: Clock;
  readonly dtmf: DtmfSource;
  /** Nobody is to be told of keys. */
  masked(): boolean;
  emit(event: CallEvent): void;
}

/** A key that one source told of and the other has not yet. */
interface Pending {
  readonly source: 'leg' | 'audio';
  readonly digit: string;
  readonly atMs: number;
}

const SIDES: readonly SuspectSide[] = ['caller', 'agent'];

/** What to look at, by suspicion. Fixed texts. */
const FIXES: Readonly<Record<AudioSuspicion, string>> = {
  silence: 'nothing but digital silence since the beginning: is the microphone muted, or the wrong channel sent?',
  dc: 'the signal is far off its middle: take the offset away at the source, or switch the high-pass on',
  clipping: 'much of it is cut off at full scale: turn the source down',
  constant: 'one frame is repeated: the source is stuck',
  stereo: 'two channels are sent as one: send mono',
  'byte-order': 'samples are in the other byte order: send little endian (L16 of RTP is big endian)',
  ulaw: 'the bytes are µ-law: set the codec to pcmu',
  alaw: 'the bytes are A-law: set the codec to pcma',
  l16: 'the bytes are 16-bit samples: set the codec to l16',
  'too-slow': 'the voice is much too slow: declare a higher rate, the one that it is sent with',
  'too-fast': 'the voice is much too fast: declare a lower rate, the one that it is sent with',
};

/** One call's line. */
export class LineWatch {
  readonly #parts: LineWatchParts;
  #pending: Pending[] = [];
  readonly #standing: Record<SuspectSide, readonly AudioSuspicion[]> = { caller: [], agent: [] };
  readonly #told = new Set<string>();

  constructor(parts: LineWatchParts) {
    this.#parts = parts;
  }

  /** What is suspected now, `side: suspicion` each. */
  get suspects(): string[] {
    return SIDES.flatMap((side) => this.#standing[side].map((suspicion) => `${side}: ${suspicion}`));
  }

  /** The leg tells of a key. */
  onDigit(digit: string, durationMs: number): void {
    if (this.#parts.dtmf !== 'inband') this.#digit('leg', digit, durationMs);
  }

  /** The chain has heard something. */
  onHeard(dsp: Dsp): void {
    const { heardDigit, heardProgress } = dsp;
    if (heardDigit !== null) this.#digit('audio', heardDigit, dsp.heardDigitMs);
    if (heardProgress !== null) this.#progress(heardProgress);
    for (const side of SIDES) this.#suspect(side, side === 'caller' ? dsp.captureSuspects : dsp.renderSuspects);
  }

  #progress(signal: ProgressSignal): void {
    this.#parts.emit({ type: 'call.progress', signal });
  }

  #digit(source: Pending['source'], digit: string, durationMs: number): void {
    if (this.#parts.dtmf === 'both' && this.#isEcho(source, digit)) return;
    if (!this.#parts.masked()) this.#parts.emit({ type: 'dtmf', digit, durationMs });
  }

  /** Whether the other source has told of this very key already. One that it tells of later is then expected. */
  #isEcho(source: Pending['source'], digit: string): boolean {
    const nowMs = this.#parts.clock.nowMs();
    this.#pending = this.#pending.filter(({ atMs }) => nowMs - atMs <= LIMITS.digitEchoMs);
    const twin = this.#pending.findIndex((pending) => pending.source !== source && pending.digit === digit);
    if (twin !== -1) this.#pending.splice(twin, 1);
    else if (this.#pending.length < LIMITS.digitEchoes) this.#pending.push({ source, digit, atMs: nowMs });
    return twin !== -1;
  }

  /** Each suspicion is told once in a call; health says what stands now. */
  #suspect(side: SuspectSide, suspicions: readonly AudioSuspicion[]): void {
    this.#standing[side] = suspicions;
    for (const suspicion of suspicions) {
      const name = `${side} ${suspicion}`;
      if (this.#told.has(name)) continue;
      this.#told.add(name);
      this.#parts.emit({ type: 'media.suspect', side, suspicion, fix: FIXES[suspicion] });
    }
  }
}
