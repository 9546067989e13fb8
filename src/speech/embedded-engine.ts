/** A voice inside this process: whatever gives samples for a text, such as Flite. No network, no key. */
import { asTalkspurtError } from '../core/errors.ts';
import type { AudioFormat } from '../core/media.ts';
import { isSampleRateHz } from '../core/media.ts';
import type { TtsEngine, TtsEngineMaker } from './tts-engine.ts';
import { ttsErrorOf } from './tts-error.ts';

/** Gives the samples of a whole text: mono, 16 bits, not to be changed. */
export type SampleSource<Voice extends string = string> = (
  text: string,
  voice: Voice,
  speed: number,
) => Promise<{ readonly samples: Int16Array; readonly sampleRateHz: number }>;

/** What an embedded voice is configured by. */
export interface EmbeddedSpeechConfig<Voice extends string = string> {
  readonly voice: Voice;
  /** Of what the source gives for that voice. */
  readonly sampleRateHz: AudioFormat['sampleRateHz'];
  /** 0.25 … 1.5; default 1. */
  readonly speed?: number | undefined;
  readonly source: SampleSource<Voice>;
}

/** What is given at once, ms. */
const PIECE_MS = 200;

/** An engine of the name `embedded`. */
export function embeddedSpeech<Voice extends string>(config: EmbeddedSpeechConfig<Voice>): TtsEngineMaker {
  const { voice, speed = 1, source } = config;
  const format: AudioFormat = { codec: 'l16', sampleRateHz: config.sampleRateHz };
  const engine: TtsEngine = {
    name: 'embedded',
    voice: `${voice} ${speed}`,
    format,
    async *speak(text, signal) {
      signal.throwIfAborted();
      const { samples, sampleRateHz } = await spoken();
      if (!isSampleRateHz(sampleRateHz) || sampleRateHz !== format.sampleRateHz) {
        throw ttsErrorOf({ engine: 'embedded', status: undefined, code: 'sample_rate', secrets: [] });
      }
      const step = (PIECE_MS * sampleRateHz) / 1000;
      for (let at = 0; at < samples.length; at += step) {
        signal.throwIfAborted();
        yield new Uint8Array(samples.slice(at, at + step).buffer);
      }

      async function spoken(): ReturnType<SampleSource> {
        try {
          return await source(text, voice, speed);
        } catch (error) {
          throw asTalkspurtError(error, 'ERR_TALKSPURT_TTS_FAILED');
        }
      }
    },
  };
  return () => engine;
}
