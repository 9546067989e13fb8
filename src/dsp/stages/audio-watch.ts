import type { AudioSuspicion } from '../../core/events.ts';
import type { AudioFormat } from '../../core/media.ts';
import { requireBytes, requireChoice, requireRate } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/**
 * Audio that is not what it says it is: silence, DC, clipping, a stuck frame, stereo, the other byte order, another codec. Takes
 * bytes in the format that is declared, and says within a second what is wrong with that.
 */
export class AudioWatch {
  readonly #core: StageCore;
  readonly #format: AudioFormat;
  readonly #frame: Uint8Array;
  readonly #suspicions: readonly (readonly [bit: number, name: AudioSuspicion])[];
  #waiting = 0;
  #bits = 0;

  /** Use `DspStages.audioWatch`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: AudioFormat) {
    const { codec, sampleRateHz } = options;
    requireChoice('codec', codec, ['pcmu', 'pcma', 'l16']);
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#format = { codec, sampleRateHz };
    this.#frame = new Uint8Array((sampleRateHz / 50) * (codec === 'l16' ? 2 : 1));
    this.#suspicions = core.run((exports) => [
      [exports.SUSPECT_SILENCE.value, 'silence'],
      [exports.SUSPECT_DC.value, 'dc'],
      [exports.SUSPECT_CLIPPING.value, 'clipping'],
      [exports.SUSPECT_CONSTANT.value, 'constant'],
      [exports.SUSPECT_STEREO.value, 'stereo'],
      [exports.SUSPECT_SWAPPED.value, 'byte-order'],
      [exports.SUSPECT_ULAW.value, 'ulaw'],
      [exports.SUSPECT_ALAW.value, 'alaw'],
      [exports.SUSPECT_LINEAR.value, 'l16'],
    ]);
    this.reset();
  }

  /** Takes any number of bytes, judged in frames of 20 ms; returns what is suspected now. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Uint8Array): AudioSuspicion[] {
    requireBytes('input', input);
    this.#core.run((core) => {
      const codec = { pcmu: core.CODEC_PCMU, pcma: core.CODEC_PCMA, l16: core.CODEC_L16 }[this.#format.codec].value;
      for (let at = 0; at < input.length;) {
        const part = input.subarray(at, at + this.#frame.length - this.#waiting);
        this.#frame.set(part, this.#waiting);
        this.#waiting += part.length;
        at += part.length;
        if (this.#waiting < this.#frame.length) break;
        this.#waiting = 0;
        this.#core.bytes(core.WIRE_IN.value, this.#frame.length).set(this.#frame);
        this.#bits = core.suspectHear(codec, this.#format.sampleRateHz / 50);
      }
    });
    return this.#suspicions.filter(([bit]) => ((this.#bits >> bit) & 1) === 1).map(([, name]) => name);
  }

  /** Suspects nothing any more. */
  reset(): void {
    this.#waiting = 0;
    this.#bits = 0;
    this.#frame.fill(0);
    this.#core.restart((core) => {
      const codec = { pcmu: core.CODEC_PCMU, pcma: core.CODEC_PCMA, l16: core.CODEC_L16 }[this.#format.codec].value;
      core.suspectStart(codec, this.#format.sampleRateHz);
    });
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
