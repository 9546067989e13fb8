import { refusal, requireChoice, requireSamples, requireWhole } from '../option-checks.ts';
import type { CoreExports } from '../dsp-module.ts';
import type { StageCore } from './stage-core.ts';

/** When it acts. */
export interface EchoCancellerOptions {
  /** `auto` (the default): once an echo was found, and until then no sample is changed; `on`: as soon as one is suspected. */
  readonly mode?: 'auto' | 'on';
}

const BLOCK_SAMPLES = 80;

/**
 * Acoustic and line echo at 8 kHz: bulk delay of 0–600 ms found by itself, 132 ms of path, a suppressor and comfort noise behind
 * it. Audio in multiples of 10 ms (80 samples); what was said and what was heard must come in step, as in a call.
 */
export class EchoCanceller {
  readonly #core: StageCore;
  readonly #mode: 'auto' | 'on';

  /** Use `DspStages.echoCanceller`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: EchoCancellerOptions = {}) {
    const { mode = 'auto' } = options;
    requireChoice('mode', mode, ['auto', 'on']);
    this.#core = core;
    this.#mode = mode;
    this.reset();
  }

  /** What goes to the loudspeaker, or to the line. @throws ERR_TALKSPURT_DSP_OPTIONS for no multiple of 80, _TRAP, _CLOSED */
  reference(said: Int16Array): void {
    requireSamples('said', said, BLOCK_SAMPLES);
    this.#core.run((core) => {
      for (let at = 0; at < said.length; at += BLOCK_SAMPLES) {
        this.#core.samples(core.CAPTURE_PCM.value, BLOCK_SAMPLES).set(said.subarray(at, at + BLOCK_SAMPLES));
        core.echoReference(core.CAPTURE_PCM.value, BLOCK_SAMPLES);
      }
    });
  }

  /** What was heard, without the echo of what was said; `output`'s beginning, or a new array. @throws likewise */
  process(heard: Int16Array, output?: Int16Array): Int16Array {
    return this.#core.change(heard, output, (core, at, samples) => core.echoCancel(at, samples), BLOCK_SAMPLES);
  }

  /** So many samples (a multiple of 80, at most a minute) that should have been heard are lost. @throws likewise */
  miss(samples: number): void {
    requireWhole('samples', samples, 0, 480_000);
    if (samples % BLOCK_SAMPLES !== 0)
      throw refusal('samples', `samples ${samples}: use a multiple of ${BLOCK_SAMPLES}`);
    this.#core.run((core) => core.echoSkip(samples));
  }

  /** How much of the echo is taken out at present, dB. */
  get erleDb(): number {
    return this.#meter((core) => core.METER_ERLE.value);
  }

  /** From what was said to its echo, ms; −1 while none was found. */
  get delayMs(): number {
    return this.#meter((core) => core.METER_ECHO_DELAY.value);
  }

  /** How much of what was heard is explained by what was said, 0..1. */
  get coherence(): number {
    return this.#meter((core) => core.METER_ECHO_COHERENCE.value);
  }

  /** Somebody speaks at the near end while the echo is there. */
  get doubleTalk(): boolean {
    return this.#meter((core) => core.METER_DOUBLE_TALK.value) === 1;
  }

  /** Forgets the path and both lines. */
  reset(): void {
    this.#core.restart((core) => {
      core.echoStart(this.#mode === 'on' ? core.ECHO_ON.value : core.ECHO_AUTO.value, core.CODEC_L16.value);
    });
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }

  #meter(index: (core: CoreExports) => number): number {
    return this.#core.run(
      (core) => new Float32Array(core.memory.buffer, core.METERS.value, core.METERS_BYTES.value / 4)[index(core)] ?? 0,
    );
  }
}
