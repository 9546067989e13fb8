/** What the caller of the demo says and does: with the embedded agent a whole little conversation, otherwise a recording. */
import { FERRY_OFFICE } from '../../simulator/dialogue.ts';
import type { CallerStep } from '../../simulator/caller.ts';
import type { SpeechSynthesizer } from '../../simulator/speech.ts';
import { toMono } from '../../simulator/wav.ts';
import type { WavAudio } from '../../simulator/wav.ts';

/** The caller's voice: nobody could take it for the agent's. */
const CALLER_VOICE = 'slt';
const TIMEOUT_MS = 20_000;
/** How far into the agent's long answer the caller cuts in. */
const CUT_IN_AFTER_MS = 11_000;
/** The answers of the dialogue that the caller asks for: a long one, and the goodbye. */
export const QUESTION = 0;
/** The last answer of the dialogue: the goodbye. */
export const GOODBYE = FERRY_OFFICE.answers.length - 1;

/**
 * Waits for the greeting, asks, cuts the long answer short, waits for the goodbye, hangs up. `recording` takes the place
 * of the question.
 */
export async function demoScript(
  speech: SpeechSynthesizer,
  recording: WavAudio | null,
): Promise<readonly CallerStep[]> {
  const phrase = (answer: number): string => FERRY_OFFICE.answers[answer]?.phrases?.[0] ?? 'hello';
  const question = recording === null ? await spoken(speech, `${capital(phrase(QUESTION))}?`) : played(recording);
  const thanks = await spoken(speech, `${capital(phrase(GOODBYE))}.`);
  return [
    { waitForAgent: 'starts', timeoutMs: TIMEOUT_MS },
    { waitForAgent: 'stops', quietMs: 900, timeoutMs: TIMEOUT_MS },
    question,
    { waitForAgent: 'starts', timeoutMs: TIMEOUT_MS },
    { silenceMs: CUT_IN_AFTER_MS },
    thanks,
    { waitForAgent: 'starts', timeoutMs: TIMEOUT_MS },
    { waitForAgent: 'stops', quietMs: 900, timeoutMs: TIMEOUT_MS },
    { press: '#' },
    { silenceMs: 300 },
    { hangup: true },
  ];
}

async function spoken(speech: SpeechSynthesizer, text: string): Promise<CallerStep> {
  const { samples, sampleRateHz } = await speech.synthesize(text, CALLER_VOICE);
  return { say: samples, sampleRateHz, text };
}

function played(recording: WavAudio): CallerStep {
  return { say: toMono(recording), sampleRateHz: recording.sampleRateHz, text: '(the given recording)' };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
