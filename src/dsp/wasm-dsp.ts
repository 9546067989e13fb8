/** The signal chain of one call over one WebAssembly instance. Views are made when it is configured, never in a tick. */
import { TalkspurtError } from '../core/errors.ts';
import type { AudioSuspicion, ProgressSignal } from '../core/events.ts';
import type { AudioFormat, Codec, MediaFormat } from '../core/media.ts';
import { describeAudio, frameBytes } from '../core/media.ts';
import type { CleaningOptions, Dsp, DspOptions, EchoCancellerMode, HearingOptions, ShapingOptions } from './dsp.ts';
import { VAD_KINDS } from './dsp.ts';
import type { CoreExports, DspModule } from './dsp-module.ts';
import { LineReports } from './line-reports.ts';
import { resamplingNumber } from './resampling-number.ts';

/** Keys are sent with −9 and −7 dBm0; a full-scale sine has 3.17. */
const LOW_AMPLITUDE = 32_767 * 10 ** (-12.17 / 20);
const HIGH_AMPLITUDE = 32_767 * 10 ** (-10.17 / 20);

/**
 * One call's {@link Dsp}. Owns its instance's memory; what `capture` and `render` return are windows of it. A trap of the
 * module (a bug, never an input) leaves a tick as `WebAssembly.RuntimeError`: the session contains it.
 */
export class WasmDsp implements Dsp {
  readonly #core: CoreExports;
  /** Of `#core`, which the engine would look each up in by name, once for every instance there is. */
  readonly #capture: CoreExports['capture'];
  readonly #render: CoreExports['render'];
  readonly #feed: CoreExports['feed'];
  readonly #memory: Uint8Array;
  readonly #freshImage: Uint8Array;
  readonly #meters: Float32Array;
  readonly #speechIndex: number;
  readonly #captureLevelIndex: number;
  readonly #renderLevelIndex: number;
  readonly #counts: Int32Array;
  readonly #noiseIn: Uint8Array;
  readonly #reports: LineReports;
  readonly #residualIndex: number;
  readonly #erleIndex: number;
  readonly #coherenceIndex: number;
  readonly #delayIndex: number;
  readonly #doubleTalkIndex: number;
  readonly #echoLikelyIndex: number;
  readonly #echoSettledIndex: number;
  readonly #voicingIndex: number;
  #wireIn: Uint8Array;
  #heard: Uint8Array;
  #said: Uint8Array;
  #wireOut: Uint8Array;
  #wireBytes = 0;
  #samplesPerMs = 8;
  #saidBytes = 0;
  #capturePassThrough = false;
  #renderPassThrough = false;

  /** Makes an instance of `module`: at boot. It renders and captures nothing (empty frames) until configured. */
  constructor(module: DspModule) {
    const core = module.instantiate();
    this.#core = core;
    this.#capture = core.capture;
    this.#render = core.render;
    this.#feed = core.feed;
    this.#memory = new Uint8Array(core.memory.buffer);
    this.#freshImage = module.freshImage;
    this.#meters = new Float32Array(core.memory.buffer, core.METERS.value, core.METERS_BYTES.value / 4);
    this.#counts = new Int32Array(core.memory.buffer, core.SCALE_COUNTS.value, 4);
    this.#noiseIn = this.#view(core.CN_IN.value, core.CN_BYTES_MAX.value);
    this.#speechIndex = core.METER_SPEECH_PROBABILITY.value;
    this.#captureLevelIndex = core.METER_CAPTURE_LEVEL.value;
    this.#renderLevelIndex = core.METER_RENDER_LEVEL.value;
    this.#reports = new LineReports(core);
    this.#residualIndex = core.METER_RESIDUAL_LEVEL.value;
    this.#erleIndex = core.METER_ERLE.value;
    this.#coherenceIndex = core.METER_ECHO_COHERENCE.value;
    this.#delayIndex = core.METER_ECHO_DELAY.value;
    this.#doubleTalkIndex = core.METER_DOUBLE_TALK.value;
    this.#echoLikelyIndex = core.METER_ECHO_LIKELY.value;
    this.#echoSettledIndex = core.METER_ECHO_SETTLED.value;
    this.#voicingIndex = core.METER_VOICING.value;
    this.#wireIn = this.#view(core.WIRE_IN.value, 0);
    this.#heard = this.#wireIn;
    this.#said = this.#wireIn;
    this.#wireOut = this.#wireIn;
  }

  configure(options: DspOptions): void {
    const { leg, backendInput, backendOutput } = options;
    const core = this.#core;
    this.restore();
    const { vad = 'neural', vadAggressiveness = 2 } = options;
    if (!VAD_KINDS.includes(vad)) throw refused('vad', vad);
    const answer = core.configure(
      this.#codecNumber(leg.codec),
      leg.sampleRateHz,
      leg.ptimeMs,
      this.#codecNumber(backendInput.codec),
      backendInput.sampleRateHz,
      this.#codecNumber(backendOutput.codec),
      backendOutput.sampleRateHz,
      vadAggressiveness,
      resamplingNumber(core, options.resampling ?? 'strict'),
    );
    if (answer !== core.CONFIGURED.value) throw this.#refusal(answer, options);
    if (vad === 'neural') core.setNeuralDetector(vadAggressiveness);
    this.#shape(options.shaping);
    this.#clean(options.cleaning);
    this.#listen(options.hearing);
    this.#cancelEcho(options.echoCanceller ?? 'off');

    this.#wireBytes = frameBytes(leg);
    this.#samplesPerMs = leg.sampleRateHz / 1000;
    this.#saidBytes = frameBytes(framesOf(backendOutput, leg));
    this.#capturePassThrough = core.capturePassThrough() !== 0;
    this.#renderPassThrough = core.renderPassThrough() !== 0;
    this.#wireIn = this.#view(core.WIRE_IN.value, this.#wireBytes);
    this.#said = this.#view(core.SAID.value, this.#saidBytes);
    this.#heard = this.#capturePassThrough
      ? this.#wireIn
      : this.#view(core.HEARD.value, frameBytes(framesOf(backendInput, leg)));
    this.#wireOut = this.#renderPassThrough ? this.#said : this.#view(core.WIRE_OUT.value, this.#wireBytes);
  }

  capture(payload: Uint8Array | null, adjustMs = 0): Uint8Array {
    if (adjustMs !== 0) this.#core.adjust(adjustMs);
    if (payload !== null && payload.length === this.#wireBytes) {
      this.#wireIn.set(payload);
      this.#capture(1);
    } else {
      this.#capture(0);
    }
    return this.#heard;
  }

  feed(payload: Uint8Array | null): void {
    if (payload !== null && payload.length === this.#wireBytes) {
      this.#wireIn.set(payload);
      this.#feed(1);
    } else {
      this.#feed(0);
    }
  }

  describeSilence(payload: Uint8Array, framesBefore: number): void {
    const bytes = Math.min(payload.length, this.#noiseIn.length);
    for (let i = 0; i < bytes; i += 1) this.#noiseIn[i] = payload[i]!;
    this.#core.describeSilence(bytes, framesBefore);
  }

  get heldMs(): number {
    return (this.#counts[0] ?? 0) / this.#samplesPerMs;
  }

  get cutMs(): number {
    return (this.#counts[1] ?? 0) / this.#samplesPerMs;
  }

  get repeatedMs(): number {
    return (this.#counts[2] ?? 0) / this.#samplesPerMs;
  }

  get concealedMs(): number {
    return (this.#counts[3] ?? 0) / this.#samplesPerMs;
  }

  get heardWire(): Uint8Array {
    return this.#wireIn;
  }

  render(said: Uint8Array | null): Uint8Array {
    if (said === null) {
      this.#render(0);
    } else if (said.length <= this.#saidBytes) {
      this.#said.set(said);
      this.#render(said.length);
    } else {
      // More than the contract allows: the rest of it is not heard.
      this.#said.set(said.subarray(0, this.#saidBytes));
      this.#render(this.#saidBytes);
    }
    return this.#wireOut;
  }

  get speechProbability(): number {
    return this.#meters[this.#speechIndex] ?? 0;
  }

  get voicing(): number {
    return this.#meters[this.#voicingIndex] ?? 1;
  }

  get captureLevelDbov(): number {
    return this.#meters[this.#captureLevelIndex] ?? -127;
  }

  get renderLevelDbov(): number {
    return this.#meters[this.#renderLevelIndex] ?? -127;
  }

  get residualLevelDbov(): number {
    return this.#meters[this.#residualIndex] ?? -127;
  }

  get erleDb(): number {
    return this.#meters[this.#erleIndex] ?? 0;
  }

  get echoCoherence(): number {
    return this.#meters[this.#coherenceIndex] ?? 0;
  }

  get echoDelayMs(): number {
    return this.#meters[this.#delayIndex] ?? -1;
  }

  get doubleTalk(): boolean {
    return this.#meters[this.#doubleTalkIndex] === 1;
  }

  get echoSettled(): boolean {
    return this.#meters[this.#echoSettledIndex] === 1;
  }

  get echoLikely(): boolean {
    return this.#meters[this.#echoLikelyIndex] === 1;
  }

  get capturePassThrough(): boolean {
    return this.#capturePassThrough;
  }

  get renderPassThrough(): boolean {
    return this.#renderPassThrough;
  }

  get news(): boolean {
    return this.#reports.news;
  }

  get heardDigit(): string | null {
    return this.#reports.digit;
  }

  get heardDigitMs(): number {
    return this.#reports.digitMs;
  }

  get heardProgress(): ProgressSignal | null {
    return this.#reports.progress;
  }

  get captureSuspects(): readonly AudioSuspicion[] {
    return this.#reports.captureSuspects;
  }

  get renderSuspects(): readonly AudioSuspicion[] {
    return this.#reports.renderSuspects;
  }

  get dialling(): boolean {
    return this.#core.dialling() !== 0;
  }

  dial(digits: string, toneMs: number, gapMs: number): void {
    // Not over the keys of a dialling that goes on.
    if (!this.dialling) this.#reports.write(digits);
    if (this.#core.dial(digits.length, toneMs, gapMs, LOW_AMPLITUDE, HIGH_AMPLITUDE) === 1) return;
    throw new TalkspurtError(
      'ERR_TALKSPURT_DSP_OPTIONS',
      `keys cannot be sent: one dialling at a time, 1 to ${this.#core.DIAL_DIGITS_MAX.value} keys of 40 to 4000 ms`,
      { details: { option: 'dial' } },
    );
  }

  rampGain(gain: number, rampMs: number): void {
    this.#core.rampGain(gain, rampMs);
  }

  /** Puts the memory back to a fresh instance's: nothing of the call is left. Must be configured again. */
  restore(): void {
    this.#memory.set(this.#freshImage);
  }

  /** A copy of the whole state, for a bug report or a replay. Allocates: not in a tick. */
  snapshot(): Uint8Array {
    return this.#memory.slice();
  }

  #view(address: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#core.memory.buffer, address, bytes);
  }

  #shape(shaping: ShapingOptions | undefined): void {
    if (shaping === undefined) return;
    const { compressorThresholdDb, compressorMakeupDb, lowPassHz } = shaping;
    const answer = this.#core.setShaping(compressorThresholdDb, compressorMakeupDb, lowPassHz);
    if (answer === this.#core.CONFIGURED.value) return;
    throw refused('shaping', `${compressorThresholdDb} dBov, ${compressorMakeupDb} dB, ${lowPassHz} Hz`);
  }

  #clean(cleaning: CleaningOptions | undefined): void {
    if (cleaning === undefined) return;
    const { highPassHz, noiseSuppressionDb, agcTargetDbov } = cleaning;
    const answer = this.#core.setCleaning(highPassHz, noiseSuppressionDb, agcTargetDbov);
    if (answer === this.#core.CONFIGURED.value) return;
    throw new TalkspurtError(
      'ERR_TALKSPURT_DSP_OPTIONS',
      `the caller cannot be cleaned with ${highPassHz} Hz, ${noiseSuppressionDb} dB and ${agcTargetDbov} dBov: use 20 to 1000 Hz, ` +
        '1 to 18 dB and -40 to -6 dBov, or 0 for none of it',
      { details: { option: 'cleaning' } },
    );
  }

  #listen(hearing: HearingOptions | undefined): void {
    this.#reports.reset();
    if (hearing === undefined) return;
    this.#core.setHearing(Number(hearing.dtmf), Number(hearing.progress), Number(hearing.suspicion));
  }

  #cancelEcho(mode: EchoCancellerMode): void {
    if (mode === 'off') return;
    const core = this.#core;
    const answer = core.setEchoCanceller(mode === 'on' ? core.ECHO_ON.value : core.ECHO_AUTO.value);
    if (answer !== core.CONFIGURED.value) throw refused('echoCanceller', mode);
  }

  #codecNumber(codec: Codec): number {
    switch (codec) {
      case 'pcmu':
        return this.#core.CODEC_PCMU.value;
      case 'pcma':
        return this.#core.CODEC_PCMA.value;
      case 'l16':
        return this.#core.CODEC_L16.value;
      default:
        return -1;
    }
  }

  #refusal(answer: number, options: DspOptions): TalkspurtError {
    const core = this.#core;
    const { leg, backendInput, backendOutput } = options;
    switch (answer) {
      case core.REFUSED_LEG.value:
        return refused('leg', `${describeAudio(leg)} in ${leg.ptimeMs} ms frames`);
      case core.REFUSED_BACKEND_INPUT.value:
        return refused('backendInput', describeAudio(backendInput));
      case core.REFUSED_BACKEND_OUTPUT.value:
        return refused('backendOutput', describeAudio(backendOutput));
      case core.REFUSED_RESAMPLING.value:
        return refused('resampling', String(options.resampling));
      default:
        return refused('vadAggressiveness', String(options.vadAggressiveness));
    }
  }
}

/** `format` in the packets of `leg`. */
function framesOf(format: AudioFormat, leg: MediaFormat): MediaFormat {
  return { ...format, ptimeMs: leg.ptimeMs };
}

function refused(option: string, value: string): TalkspurtError {
  return new TalkspurtError(
    'ERR_TALKSPURT_DSP_OPTIONS',
    `the signal chain cannot run with ${option} ${value}: use pcmu, pcma or l16 at 8000, 16000, 24000 or 48000 Hz, ` +
      'frames of 10, 20, 30, 40 or 60 ms, a neural or statistical detector of aggressiveness 0 to 3, and for shaping a threshold of -60 to 0 dBov, ' +
      'a make-up gain of 0 to 24 dB and a cut-off of 100 to 20000 Hz',
    { details: { option } },
  );
}
