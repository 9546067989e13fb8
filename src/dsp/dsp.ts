/** The port of the signal chain: one instance is one call's whole DSP state. */
import type { AudioSuspicion, ProgressSignal } from '../core/events.ts';
import type { AudioFormat, MediaFormat } from '../core/media.ts';

/** How the agent's voice is shaped, at the rate of the leg: low-pass, then compressor; never above −1 dB of overload. */
export interface ShapingOptions {
  /** Level above which the compressor works (3:1, knee of 6 dB), dBov: −60..0. A sine of full scale has −3. */
  readonly compressorThresholdDb: number;
  /** Gain behind the compressor, dB: 0..24. */
  readonly compressorMakeupDb: number;
  /** Cut-off of the low-pass (24 dB per octave), Hz: 100..20000; from 0.45 of the leg's rate on it is not there. */
  readonly lowPassHz: number;
}

/** How the caller's voice is cleaned, at the rate of the leg; what is 0 is not done. */
export interface CleaningOptions {
  /** Cut-off of the high-pass (24 dB per octave), Hz: 20..1000. */
  readonly highPassHz: number;
  /** How far steady noise goes down, dB: 1..18. Delays by 10 ms (5 ms at 48 kHz). */
  readonly noiseSuppressionDb: number;
  /** Level that a voice is brought to, dBov: −40..−6. */
  readonly agcTargetDbov: number;
}

/** What is listened for besides voices. */
export interface HearingOptions {
  /** Keys in the caller's audio. */
  readonly dtmf: boolean;
  /** Tones of the network and of machines in it. */
  readonly progress: boolean;
  /** Audio of either side that is not what it says it is. */
  readonly suspicion: boolean;
}
/** The filters that resamplers can use; `docs/signal-chain.md` measures all. */
export const RESAMPLINGS = ['strict', 'low-delay', 'minimum-phase'] as const;
/** One of them. */
export type Resampling = (typeof RESAMPLINGS)[number];
/**
 * Whether the agent's own voice is taken out of what is captured. `auto`: once an echo was found, and until then not one byte
 * is touched; `on`: as soon as one is suspected; `off`: never, and nothing is measured.
 */
export type EchoCancellerMode = 'auto' | 'on' | 'off';
/** The voice activity detectors that there are; `docs/vad.md` measures both. */
export const VAD_KINDS = ['neural', 'statistical'] as const;
/** One of them. */
export type VadKind = (typeof VAD_KINDS)[number];

/** What the two pipes connect. */
export interface DspOptions {
  /** The call's side: codec, rate and packet duration of the wire. */
  readonly leg: MediaFormat;
  /** What the backend wants to hear. */
  readonly backendInput: AudioFormat;
  /** What the backend says. */
  readonly backendOutput: AudioFormat;
  /** Which detector finds speech: the neural one (the default), or the cheaper statistical one. */
  readonly vad?: VadKind;
  /** The detector's aggressiveness: 0 hears the most, 3 rejects the most noise. Default 2. */
  readonly vadAggressiveness?: 0 | 1 | 2 | 3;
  /**
   * Filters of the resamplers, for 8 kHz as the slower rate (with 16 kHz half the delay): `strict` 3 ms and nothing folded back
   * from 4.08 kHz on, `low-delay` 2 ms and nothing from 4.45 kHz on; `minimum-phase` from 2, 3 or 6 samples to one 0.2 ms at 1 kHz
   * and 1.0 ms at 3.4 kHz, as strict against what folds back, and every other pair of rates as `strict`. Default `strict`.
   */
  readonly resampling?: Resampling;
  /** Shaping of the agent's voice; absent: none, and not one byte is touched for it. With it, render never passes through. */
  readonly shaping?: ShapingOptions;
  /** Cleaning of the caller's voice; absent or all 0: none, and not one byte is touched for it. With it, capture never passes through. */
  readonly cleaning?: CleaningOptions;
  /** Absent: nothing is listened for. */
  readonly hearing?: HearingOptions;
  /** Default `off`. */
  readonly echoCanceller?: EchoCancellerMode;
}

/**
 * Two straight pipes. Not one of these methods allocates, throws for anything a network can do, or keeps what it is
 * given. **Borrowed views**: what `capture` and `render` return lives in the call's WASM memory and is valid until the
 * next call of the same method.
 */
export interface Dsp {
  /** Sets the pipes up and forgets all earlier audio. @throws ERR_TALKSPURT_DSP_OPTIONS for what it cannot do. */
  configure(options: DspOptions): void;
  /**
   * Caller → backend: one wire frame of the leg (`frameBytes(leg)` bytes), or null when none came: then what the line holds
   * is heard, and what is missing of a frame concealed. A frame of another size counts as lost. `adjustMs`: how much of what
   * waits is too much; at most so much is cut out (negative: repeated) where that is not heard. Returns one ptime in
   * `backendInput`.
   */
  capture(payload: Uint8Array | null, adjustMs?: number): Uint8Array;
  /**
   * One wire frame more, ahead of the one of the next `capture`: it waits in the line. Null: it was lost, and is concealed
   * whole. Dropped where the line has no room (`heldMs` of two frames).
   */
  feed(payload: Uint8Array | null): void;
  /**
   * The far end sends nothing for a while, and says what that sounds like: a comfort noise payload (RFC 3389), heard behind
   * `framesBefore` more frames and until one comes after those. What is longer than 16 bytes is cut there.
   */
  describeSilence(payload: Uint8Array, framesBefore: number): void;
  /** The caller's audio that waits in the line, ms. */
  readonly heldMs: number;
  /** What was cut out of the caller's audio, what was repeated, and what was made up, ms since it was configured. */
  readonly cutMs: number;
  readonly repeatedMs: number;
  readonly concealedMs: number;
  /** What the last `capture` heard, one wire frame of the leg; borrowed. */
  readonly heardWire: Uint8Array;
  /**
   * Backend → caller: one frame (`leg.ptimeMs` of `backendOutput`), or null when there is nothing to say. Shorter
   * frames (the end of a phrase) are padded with silence. Returns one wire frame of the leg.
   */
  render(said: Uint8Array | null): Uint8Array;
  /** Speech probability of the last captured frame, 0..1. */
  readonly speechProbability: number;
  /** How surely there is a pitch in the last captured frame that goes on in time, 0..1: 0.25 and more of a vowel; 1 where the detector does not know. */
  readonly voicing: number;
  /** Level of the last captured / rendered frame in dBov (RFC 6464): 0 is overload, −127 silence. */
  readonly captureLevelDbov: number;
  readonly renderLevelDbov: number;
  /** Level of what the echo canceller's filter left of the last captured frame, before its suppressor, dBov. */
  readonly residualLevelDbov: number;
  /** How much of the echo the canceller takes out at present, estimated over the last 0.2 s in which there was any, dB. */
  readonly erleDb: number;
  /** How much of the last captured frames what the agent said explains, 0..1: near 1 is echo alone. */
  readonly echoCoherence: number;
  /** From `render` to the echo's arrival in `capture`, ms; −1 while none was found. */
  readonly echoDelayMs: number;
  /** The caller speaks while the agent's echo is there. */
  readonly doubleTalk: boolean;
  /** An echo was found on this call, and the agent spoke so short a time ago that what is captured now may hold some of it. */
  readonly echoLikely: boolean;
  /**
   * Whether it is known what of an echo there is: one has been taken out for 0.6 s, or the agent has spoken for 1.5 s and none came
   * back; or there can be none, because the agent is silent. Otherwise what sounds like a caller may be the agent.
   */
  readonly echoSettled: boolean;
  /** Whether each pipe hands the bytes through unchanged and only measures. Capture's are changed while echo is there. */
  readonly capturePassThrough: boolean;
  readonly renderPassThrough: boolean;
  /** Whether the last frame each way brought news: a key, a progress tone, other suspicions than when they were last read. */
  readonly news: boolean;
  /** The key that was let go of in the last captured frame and how long it was held, ms; null: none. */
  readonly heardDigit: string | null;
  readonly heardDigitMs: number;
  /** The signal that was made out in the last captured frame; null: none. */
  readonly heardProgress: ProgressSignal | null;
  /** What is suspected now of what comes from the leg (the backend). Allocates: for when there is news. */
  readonly captureSuspects: readonly AudioSuspicion[];
  readonly renderSuspects: readonly AudioSuspicion[];
  /**
   * Sends keys (0-9 A-D * #, `w` and `W` for pauses of 0.5 and 1 s; at most 64) in the audio to the caller, in place of the agent,
   * from the next `render` on. @throws ERR_TALKSPURT_DSP_OPTIONS while others are being sent, or out of bounds (40..4000 ms)
   */
  dial(digits: string, toneMs: number, gapMs: number): void;
  readonly dialling: boolean;
  /** Moves the render gain linearly to `gain` (0..4, 1 = unchanged) over `rampMs`. */
  rampGain(gain: number, rampMs: number): void;
}

/** Instances made at boot; see `dsp-pool.ts`. */
export interface DspPool {
  /** @throws ERR_TALKSPURT_DSP_POOL_EMPTY when all are in use. */
  acquire(options: DspOptions): Dsp;
  /** Gives an instance back; it is restored to a fresh image. Releasing twice is harmless. */
  release(dsp: Dsp): void;
  readonly size: number;
  readonly inUse: number;
}
