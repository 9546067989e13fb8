/**
 * The one memory map. Every region of a call's memory and every number that both sides of the WebAssembly boundary
 * must agree on is declared here and nowhere else; the host reads the exported ones when it loads the module.
 *
 *   caller → backend                                     backend → caller
 *   ┌───────────────┐                                    ┌───────────────┐
 *   │ WIRE_IN       │ wire bytes of the leg              │ SAID          │ bytes of the backend
 *   └──────┬────────┘                                    └──────┬────────┘
 *     decode ▼                                             decode ▼
 *   ┌───────────────┐                                    ┌───────────────┐
 *   │ CAPTURE_PCM   │ i16, leg rate ─▶ NARROW_PCM ─▶ ring│ SCRATCH_PCM   │ i16, backend rate
 *   └──────┬────────┘                  (8 kHz view)  ─▶ VAD──────┬──────┘
 *   resample ▼                                           resample ▼
 *   ┌───────────────┐                                    ┌───────────────┐
 *   │ SCRATCH_PCM   │ i16, backend rate                  │ RENDER_PCM    │ i16, leg rate (shaping, gain in place)
 *   └──────┬────────┘                                    └──────┬────────┘
 *     encode ▼                                             encode ▼
 *   ┌───────────────┐                                    ┌───────────────┐
 *   │ HEARD         │ bytes of the backend               │ WIRE_OUT      │ wire bytes of the leg
 *   └───────────────┘                                    └───────────────┘
 *
 * A step that has nothing to do is skipped and its neighbour's region is used in its place. SCRATCH_PCM holds nothing
 * between two crossings, so both pipes share it; CAPTURE_PCM and RENDER_PCM are one region, and so are SAID and WIRE_OUT
 * (what was said is read before the wire frame is written). All of it is static memory: no heap, no growth, min = max. The
 * stages' own few fields (`@unmanaged` classes) are laid out by the compiler, one object each, in call.ts.
 *
 * Two pages (128 KiB) hold a call. What two users never need at the same time lies at one place: what a stage needs within
 * a crossing only is in SCRATCH_PCM, HEARD or NARROW_PCM, and what an instance needs that is no call (messages, G.722) is
 * where a call has its echo. test/assembly/layout.test.ts says which regions may share memory, and that no others do.
 */

/** Codecs as the boundary numbers them. */
export const CODEC_PCMU: i32 = 0;
export const CODEC_PCMA: i32 = 1;
export const CODEC_L16: i32 = 2;

/** Filters of the resamplers, as numbers; see resample.ts. */
export const RESAMPLING_STRICT: i32 = 0;
export const RESAMPLING_LOW_DELAY: i32 = 1;
export const RESAMPLING_MINIMUM_PHASE: i32 = 2;

/** What `configure` answers: 0, or which of its arguments it cannot serve. */
export const CONFIGURED: i32 = 0;
export const REFUSED_LEG: i32 = 1;
export const REFUSED_BACKEND_INPUT: i32 = 2;
export const REFUSED_BACKEND_OUTPUT: i32 = 3;
export const REFUSED_AGGRESSIVENESS: i32 = 4;
/** The same of `setShaping`. */
export const REFUSED_SHAPING: i32 = 5;
/** The same of `setCleaning`. */
export const REFUSED_CLEANING: i32 = 6;
/** The same of `setEchoCanceller`. */
export const REFUSED_ECHO_CANCELLER: i32 = 7;
/** Of `configure` again. */
export const REFUSED_RESAMPLING: i32 = 8;

/** What `setEchoCanceller` takes: nothing is cancelled, once an echo is found, from the first guess on. */
export const ECHO_OFF: i32 = 0;
export const ECHO_AUTO: i32 = 1;
export const ECHO_ON: i32 = 2;

/** The longest frame: 60 ms at 48 kHz. */
export const FRAME_SAMPLES_MAX: i32 = 2880;
/** The same in bytes of L16. */
export const FRAME_BYTES_MAX: i32 = 5760;

export const WIRE_IN: usize = memory.data(5760, 16);
export const HEARD: usize = memory.data(5760, 16);
export const SAID: usize = memory.data(5760, 16);
export const WIRE_OUT: usize = SAID;
export const CAPTURE_PCM: usize = memory.data(5760, 16);
export const RENDER_PCM: usize = CAPTURE_PCM;
export const SCRATCH_PCM: usize = memory.data(5760, 16);
/** 60 ms at 8 kHz: what the detector listens to. */
export const NARROW_PCM: usize = memory.data(960, 16);

/** Measurements, f32 each: index with the METER_ constants. */
export const METERS_BYTES: i32 = 64;
export const METERS: usize = memory.data(64, 16);
export const METER_SPEECH_PROBABILITY: i32 = 0;
export const METER_CAPTURE_LEVEL: i32 = 1;
export const METER_RENDER_LEVEL: i32 = 2;
export const METER_RESIDUAL_LEVEL: i32 = 3;
export const METER_ERLE: i32 = 4;
export const METER_ECHO_COHERENCE: i32 = 5;
export const METER_ECHO_DELAY: i32 = 6;
export const METER_DOUBLE_TALK: i32 = 7;
export const METER_ECHO_LIKELY: i32 = 8;
/** Whether it is known what of an echo there is: 1. */
export const METER_ECHO_SETTLED: i32 = 9;
/** How surely what is captured has a pitch that goes on from one hop to the next, 0..1. */
export const METER_VOICING: i32 = 10;

/**
 * Per resampler: a bank (coefficients, program), where it does not make one of several samples, and a line of past and present
 * samples; planes for all of them. See resample.ts.
 */
export const CAPTURE_BANK: usize = memory.data(640, 16);
export const RESAMPLER_PLANES: usize = memory.data(6 * 64, 16);
export const RESAMPLER_LINE_WORDS: i32 = 624;
export const CAPTURE_LINE: usize = memory.data(624 * 4, 16);
export const NARROW_LINE: usize = memory.data(624 * 4, 16);
export const RENDER_BANK: usize = memory.data(640, 16);
export const RENDER_LINE: usize = memory.data(624 * 4, 16);

/** The ring that turns any ptime into 10 ms hops: a power of two of i16, no less than 60 ms at 8 kHz. */
export const HOP_RING_SAMPLES: i32 = 512;
export const HOP_RING: usize = memory.data(512 * 2, 16);

/** The caller's audio between packets and ticks, i16: two frames of 30 ms at 48 kHz, or of 60 ms at 24 kHz, and 15 ms. */
export const SCALE_LINE_SAMPLES: i32 = 3600;
export const SCALE_LINE: usize = memory.data(3600 * 2, 16);
/** What the line holds, and what was cut out of it, repeated and concealed since the start: samples, i32 each. */
export const SCALE_COUNTS: usize = memory.data(16, 16);

/** 35 ms of past audio at 48 kHz, i16: what a lost frame is made of. */
export const CONCEAL_HISTORY_SAMPLES: i32 = 1680;
export const CONCEAL_HISTORY: usize = memory.data(1680 * 2, 16);

/** A comfort noise payload (RFC 3389), u8; its reflection coefficients and the lattice's line, f32 each. */
export const CN_BYTES_MAX: i32 = 16;
export const CN_IN: usize = memory.data(16, 16);
export const CN_STATE: usize = memory.data(2 * 16 * 4 + 16, 16);

/** 1 ms at 48 kHz, f64: what passes between the stages of the shaping, before `render` makes its 8 kHz view. */
export const SHAPING_LINE: usize = NARROW_PCM;

/** The detector: analysis frame, window and twiddles (f32), bit reversal (u8), band state (f32). */
export const VOICE_FRAME: usize = memory.data(160 * 4, 16);
export const VOICE_WINDOW: usize = memory.data(160 * 4, 16);
export const FFT_TWIDDLES: usize = memory.data(256 * 4, 16);
export const FFT_REVERSAL: usize = memory.data(128, 16);
export const VOICE_BANDS: usize = memory.data(5 * 16 * 4, 16);
/** First FFT bin (31.25 Hz each) of each of the 16 bands, and one past the last: 94 Hz to 3.8 kHz. */
export const VOICE_BAND_EDGES: usize = memory.data<u8>([
  3, 6, 9, 12, 15, 19, 23, 28, 33, 39, 46, 54, 63, 74, 87, 102, 122,
]);

/** The neural detector: 32 ms of samples, their window, what lags weigh, band state, features, and its net: f32. */
export const NEURAL_FRAME: usize = memory.data(256 * 4, 16);
export const NEURAL_WINDOW: usize = memory.data(256 * 4, 16);
export const NEURAL_LAGS: usize = memory.data(128 * 4, 16);
/** Pitch, followed from hop to hop: a score for each lag from 18 to 117. */
export const NEURAL_PITCHES: usize = memory.data(100 * 4, 16);
export const NEURAL_BANDS: usize = memory.data(5 * 20 * 4, 16);
export const NEURAL_FEATURE_COUNT: i32 = 48;
export const NEURAL_FEATURES: usize = memory.data(48 * 4, 16);
/** First FFT bin of each of its 20 bands, and one past the last: 94 Hz to 3.8 kHz. */
export const NEURAL_BAND_EDGES: usize = memory.data<u8>([
  3, 6, 9, 12, 15, 18, 22, 26, 30, 35, 40, 46, 52, 59, 66, 74, 82, 91, 100, 111, 122,
]);

/** Its net: values as i16, states as f32. The weights are in voice-weights.ts. */
export const NEURAL_ACTIVATIONS: usize = memory.data((32 + 64) * 2, 16);
export const NEURAL_STATE: usize = memory.data(64 * 4, 16);
/**
 * Within a hop of either detector only: spectrum (256 f32), powers of its bins (128 f32), sums (128 i32) and features (48 i16) of
 * the net, and the hop itself, which each detector reads before it writes anything.
 */
export const VOICE_SPECTRUM: usize = SCRATCH_PCM;
export const NEURAL_POWERS: usize = SCRATCH_PCM + 1024;
export const NEURAL_SUMS: usize = SCRATCH_PCM + 1536;
export const NEURAL_INPUT: usize = SCRATCH_PCM + 2048;
export const VOICE_HOP: usize = SCRATCH_PCM + 2144;

/** Frequency domain of the noise suppression: e^(−2πik/512), half a window, the last hop, what overlaps into the next. */
export const SUPPRESSION_TWIDDLES: usize = memory.data(256 * 8, 16);
export const SUPPRESSION_WINDOW: usize = memory.data(240 * 4, 16);
export const SUPPRESSION_PAST: usize = memory.data(240 * 2, 16);
export const SUPPRESSION_OVERLAP: usize = memory.data(240 * 4, 16);
/** Noise, speech and presence of each band, f32. */
export const SUPPRESSION_BANDS_MAX: i32 = 128;
export const SUPPRESSION_BANDS: usize = memory.data(3 * 128 * 4, 16);

/** The high-pass: two sections of coefficients (14 vectors) and state (1 vector). */
export const HIGH_PASS_SECTIONS: usize = memory.data(2 * 15 * 16, 16);

/** DTMF: 6 rows of coefficients of 8 frequencies, what each 5 ms gave (4 × 4 rows), the window's sums now and before, its rise. */
export const DTMF_COEFFICIENTS: usize = memory.data(6 * 8 * 4, 16);
export const DTMF_ROWS: usize = memory.data(4 * 4 * 8 * 4, 16);
export const DTMF_SUMS: usize = memory.data(2 * 2 * 8 * 4, 16);
export const DTMF_RISE: usize = memory.data(40 * 4, 16);
/** Keys by row and column. */
export const DTMF_KEYS: usize = memory.data<u8>([
  0x31, 0x32, 0x33, 0x41, 0x34, 0x35, 0x36, 0x42, 0x37, 0x38, 0x39, 0x43, 0x2a, 0x30, 0x23, 0x44,
]);
/** The digits that are to be sent in band, ASCII. */
export const DIAL_DIGITS_MAX: i32 = 64;
export const DIAL_DIGITS: usize = memory.data(64, 16);

/** Progress tones: 5 rows of coefficients of 8 frequencies, what each of the last eight 10 ms gave, the window's powers. */
export const PROGRESS_COEFFICIENTS: usize = memory.data(5 * 8 * 4, 16);
export const PROGRESS_ROWS: usize = memory.data(8 * 2 * 8 * 4, 16);
export const PROGRESS_POWERS: usize = memory.data(8 * 4, 16);
export const PROGRESS_ENERGIES: usize = memory.data(8 * 4, 16);

/** What was heard on the line by the last `capture`, i32 each: index with the REPORT_ constants; 0: nothing. */
export const REPORTS: usize = memory.data(8 * 4, 16);
/** A key that was let go of, ASCII, and how long it was held, ms. */
export const REPORT_DIGIT: i32 = 0;
export const REPORT_DIGIT_MS: i32 = 1;
/** A PROGRESS_ number: a tone of the network or of a machine was made out. */
export const REPORT_PROGRESS: i32 = 2;

export const PROGRESS_DIAL: i32 = 1;
export const PROGRESS_BUSY: i32 = 2;
export const PROGRESS_CONGESTION: i32 = 3;
export const PROGRESS_RINGBACK: i32 = 4;
export const PROGRESS_FAX_CALLING: i32 = 5;
export const PROGRESS_FAX_ANSWER: i32 = 6;
export const PROGRESS_BEEP: i32 = 7;

/** Suspicions that stand, one bit each (1 << SUSPECT_…), of what came from the leg and from the backend. */
export const REPORT_CAPTURE_SUSPECTS: i32 = 4;
export const REPORT_RENDER_SUSPECTS: i32 = 5;
export const SUSPECT_SILENCE: i32 = 0;
export const SUSPECT_DC: i32 = 1;
export const SUSPECT_CLIPPING: i32 = 2;
export const SUSPECT_CONSTANT: i32 = 3;
export const SUSPECT_STEREO: i32 = 4;
/** Read as L16 in the other byte order, as µ-law, as A-law, as L16, it would be a voice. */
export const SUSPECT_SWAPPED: i32 = 5;
export const SUSPECT_ULAW: i32 = 6;
export const SUSPECT_ALAW: i32 = 7;
export const SUSPECT_LINEAR: i32 = 8;
export const SUSPECT_TOO_SLOW: i32 = 9;
export const SUSPECT_TOO_FAST: i32 = 10;
/**
 * The detector of wrong rates: 16 samples before a block of 40 ms at 8 kHz, and 96 ms at 2 kHz, i16; its 16 units, f32. Within
 * a crossing only: both again without their mean, correlations and features (f32), what the network multiplies (i16), and its
 * weights.
 */
export const RATE_NARROW: usize = memory.data(336 * 2, 16);
export const RATE_SLOW: usize = memory.data(192 * 2, 16);
export const RATE_STATE: usize = memory.data(16 * 4, 16);
export const RATE_FEATURES: usize = SCRATCH_PCM;
export const RATE_INPUT: usize = SCRATCH_PCM + 128;
export const RATE_ACTIVATIONS: usize = SCRATCH_PCM + 192;
export const RATE_NARROW_WORK: usize = SCRATCH_PCM + 288;
export const RATE_SLOW_WORK: usize = SCRATCH_PCM + 960;
export const RATE_ENERGIES: usize = SCRATCH_PCM + 288;
export const RATE_WEIGHTS: usize = SCRATCH_PCM + 2048;
export const RATE_CORRELATIONS: usize = SCRATCH_PCM + 5520;
export const MEASURED_SUMS: usize = memory.data(32, 16);
/**
 * The echo canceller, 8 kHz, blocks of 80 samples (10 ms): what the caller was given, as codes (64 blocks) and as i16 at
 * 2 kHz for the search of the delay; the energy of 128 such blocks; the correlation for each lag of the search, f32.
 */
export const ECHO_LINE_BLOCKS: i32 = 64;
export const ECHO_LINE: usize = memory.data(64 * 80, 16);
export const ECHO_SLOW_LINE: usize = memory.data(64 * 20 * 2, 16);
export const ECHO_SLOW_KERNEL: usize = memory.data(64, 16);
export const ECHO_SLOW_ENERGY: usize = memory.data(128 * 4, 16);
export const ECHO_LAGS: i32 = 1216;
export const ECHO_CORRELATION: usize = memory.data(1216 * 4, 16);
/** The filter: 14 partitions of 10 ms. Spectra of the reference and of the path (f32), and how uncertain the path is. */
export const ECHO_PARTITIONS: i32 = 14;
export const ECHO_REFERENCE: usize = memory.data(14 * 640, 16);
export const ECHO_PATH: usize = memory.data(14 * 640, 16);
export const ECHO_UNCERTAINTY: usize = memory.data(14 * 160, 16);
/** Power per bin, f32, of what the filter leaves (80). */
export const ECHO_NOISE: usize = memory.data(320, 16);
/** The suppressor: six rows of 20 bands, two filters of 16, and 80 samples of noise that are still to come: f32. */
export const ECHO_BANDS: usize = memory.data(480, 16);
export const ECHO_SHAPERS: usize = memory.data(128, 16);
export const ECHO_NOISE_TAIL: usize = memory.data(320, 16);
/** What a wide leg's caller was given, on its way down to 8 kHz. */
export const ECHO_WIDE_LINE: usize = memory.data(624 * 4, 16);
/** Tables of the 160-point transform. */
export const ECHO_TWIDDLES: usize = memory.data(1240, 16);
/** Within a crossing only: `capture` writes HEARD after the canceller is done; `render` must leave HEARD alone. */
export const ECHO_WORK: usize = HEARD;
export const ECHO_SLOW_WORK: usize = SCRATCH_PCM;

/**
 * For an instance that is no call. One direction of a G.722 stream each: the host keeps the states of many streams and lends
 * them, one at a time; the codes that the codec takes at a time (60 ms), and its line of 22 past samples and so many pairs: i16.
 */
export const G722_STATE_BYTES: i32 = 176;
export const G722_ENCODER: usize = ECHO_PATH;
export const G722_DECODER: usize = ECHO_PATH + 176;
export const G722_BLOCK_CODES: i32 = 480;
export const G722_LINE: usize = ECHO_PATH + 352;
/** Likewise: text of a backend's messages, base64 of the longest frame (a multiple of four of characters) and what is around it. */
export const TEXT_CHARACTERS_MAX: i32 = 7680;
export const TEXT: usize = ECHO_REFERENCE;
/** Where the base64 of a message begins in TEXT, behind its head; behind its end is room for 16 bytes of tail. */
export const TEXT_BODY: i32 = 48;
