/** What a simulated caller does in a call, and how a script of words becomes one of samples. */
import { TalkspurtError } from '../core/errors.ts';
import type { SpeechSource, Voice } from './speech.ts';
import { toMono } from './wav.ts';
import type { WavAudio } from './wav.ts';

/** Waits that can come to nothing have an end; a `timed-out` event is then told, and the next step begins. */
export type CallerWait =
  /** Until the agent is heard: an onset after the caller's own last words. */
  | { readonly waitForAgent: 'starts'; readonly timeoutMs: number }
  /** Until the agent has been heard since the caller last began to speak, and silent for `quietMs` (default 700). */
  | { readonly waitForAgent: 'stops'; readonly quietMs?: number; readonly timeoutMs: number }
  /** Until the agent has been speaking for so long without a pause worth the name: to cut in. */
  | { readonly interruptAfterMs: number; readonly timeoutMs: number };

/** One thing that the caller does; the next one begins when it is done. */
export type CallerStep =
  | CallerWait
  /** Plays a recording in real time. `text` is what it says, for those who watch. */
  | { readonly say: Int16Array; readonly sampleRateHz: number; readonly text: string }
  | { readonly silenceMs: number }
  /** Digits 0-9, A-D, * and #, all at once. */
  | { readonly press: string }
  | { readonly hangup: true };

/** A step as people write it: words, or a recording of their own. */
export type CallerLine =
  | CallerWait
  | { readonly say: string }
  | { readonly wav: WavAudio; readonly text?: string }
  | { readonly silenceMs: number }
  | { readonly press: string }
  | { readonly hangup: true };

/**
 * Speaks the words of `lines` in `voice`.
 * @throws ERR_TALKSPURT_SPEECH_SYNTHESIS; ERR_TALKSPURT_CONFIG_INVALID for digits that no phone has
 */
export async function prepareScript(
  lines: readonly CallerLine[],
  speech: SpeechSource,
  voice: Voice = 'slt',
): Promise<CallerStep[]> {
  const steps: CallerStep[] = [];
  for (const line of lines) {
    if ('say' in line) {
      const { samples, sampleRateHz } = await speech.synthesize(line.say, voice);
      steps.push({ say: samples, sampleRateHz, text: line.say });
    } else if ('wav' in line) {
      const { sampleRateHz } = line.wav;
      steps.push({ say: toMono(line.wav), sampleRateHz, text: line.text ?? '(a recording)' });
    } else {
      if ('press' in line && !/^[0-9A-D*#]+$/.test(line.press)) {
        const message = 'a script presses digits that no phone has: use 0-9, A-D, * and #';
        throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
      }
      steps.push(line);
    }
  }
  return steps;
}
