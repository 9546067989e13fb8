/** What the demo claims, each claim checked on what the caller really heard. */
import type { SpeechSynthesizer } from '../../simulator/speech.ts';
import { resampleSinc } from '../../simulator/sinc-resample.ts';
import type { CallerRecording } from '../../simulator/caller.ts';
import { findPhrase, levelDbov, quietAfter } from './audio-evidence.ts';
import type { CallStory } from './call-story.ts';
import type { DemoCheck } from './demo-report.ts';

/** What the checks look at. */
export interface CheckInput {
  readonly story: CallStory;
  readonly recording: CallerRecording;
  /** Sentences that the agent is known to have been given to say; empty with a backend whose voice we do not have. */
  readonly sentences: readonly string[];
  /** The agent's echo on the caller's line, and how much of it was taken out, dB; null: there was none. */
  readonly echo: { readonly lossDb: number; readonly takenOutDb: number } | null;
  readonly speech: SpeechSynthesizer;
}

/** Of the embedded agent; the checks look for it in what the caller heard. */
export const AGENT_VOICE = 'rms';
/** A sentence through G.711 and the resampler correlates at 0.95 and more; another sentence below 0.3. */
const FOUND = 0.8;
/** Quieter than this is silence on a G.711 line, dBov. */
const SILENCE_DBOV = -60;
/** Most that may pass from the caller's first sound to the agent's silence, ms. */
const STOP_MS = 500;
/** …and how long the silence must last to be one, ms. */
const SILENT_FOR_MS = 300;

/** Every claim with what was measured for it. */
export async function checkDemo(input: CheckInput): Promise<DemoCheck[]> {
  const { story, recording } = input;
  const { said, heard, sampleRateHz } = recording;
  const checks: DemoCheck[] = [];
  const durationMs = (heard.length / sampleRateHz) * 1000;
  const saidDbov = levelDbov(said, sampleRateHz, 0, durationMs);
  checks.push({ name: 'the caller spoke', ok: saidDbov > -50, measured: `${saidDbov.toFixed(1)} dBov over the call` });
  if (input.sentences.length > 0) checks.push(...(await sentencesHeard(input)));
  else {
    const heardDbov = levelDbov(heard, sampleRateHz, 0, durationMs);
    checks.push({
      name: 'the agent was heard',
      ok: heardDbov > -50,
      measured: `${heardDbov.toFixed(1)} dBov over the call`,
    });
  }
  checks.push(bargeInStopped(story, recording));
  if (input.echo !== null) checks.push(notByEcho(input.echo, story, recording));
  const answers = story.latencies.length;
  checks.push({ name: 'the agent answered the caller', ok: answers >= 2, measured: `${answers} answers` });
  return checks;
}

/** Every sentence stands in the heard channel, in order, where the agent was not cut off. */
async function sentencesHeard(input: CheckInput): Promise<DemoCheck[]> {
  const { recording, speech, sentences } = input;
  const { heard, said, sampleRateHz } = recording;
  let fromMs = 0;
  let weakest = 1;
  let found = 0;
  let leaked = 0;
  const missing: string[] = [];
  for (const sentence of sentences) {
    const voice = await speech.synthesize(sentence, AGENT_VOICE);
    const phrase = resampleSinc(voice.samples, voice.sampleRateHz, sampleRateHz);
    const match = findPhrase(heard, phrase, sampleRateHz, fromMs);
    if (match !== null && match.correlation >= FOUND) {
      found += 1;
      weakest = Math.min(weakest, match.correlation);
      fromMs = match.atMs;
    } else missing.push(sentence);
    if ((findPhrase(said, phrase, sampleRateHz)?.correlation ?? 0) >= FOUND) leaked += 1;
  }
  const measured =
    missing.length === 0
      ? `${found} sentences, weakest correlation ${weakest.toFixed(3)}`
      : `not found: ${missing.join(' | ')}`;
  return [
    { name: "the agent's words are in the heard channel", ok: missing.length === 0, measured },
    {
      name: 'and not in what the caller said',
      ok: leaked === 0,
      measured: `${leaked} of ${sentences.length} sentences`,
    },
  ];
}

function bargeInStopped(story: CallStory, recording: CallerRecording): DemoCheck {
  const name = 'the agent fell silent when the caller cut in';
  const [mark] = story.bargeIns;
  if (mark === undefined) return { name, ok: false, measured: 'there was no barge-in' };
  const { heard, said, sampleRateHz } = recording;
  // The caller's onset as it stands in the recording, not as the detector reported it.
  const onsetMs = onsetBefore(said, sampleRateHz, mark.atMs);
  const before = levelDbov(heard, sampleRateHz, onsetMs - 400, onsetMs);
  const { silentAtMs, silentForMs } = quietAfter(heard, sampleRateHz, onsetMs, SILENCE_DBOV, SILENT_FOR_MS);
  const stopMs = silentAtMs - onsetMs;
  const ok = before > -45 && stopMs <= STOP_MS && silentForMs >= SILENT_FOR_MS;
  return {
    name,
    ok,
    measured: `from ${before.toFixed(0)} dBov to silence ${Math.round(stopMs)} ms after the caller's first sound, for ${Math.round(silentForMs)} ms`,
  };
}

/** Who cut in was the caller: each barge-in has the caller's own voice right before it, in the phone's recording, which has no echo. */
function notByEcho(
  { lossDb, takenOutDb }: NonNullable<CheckInput['echo']>,
  story: CallStory,
  { said, sampleRateHz }: CallerRecording,
): DemoCheck {
  const byItself = story.bargeIns.filter(({ atMs }) => levelDbov(said, sampleRateHz, atMs - 400, atMs) < -50).length;
  return {
    name: 'the agent never cut itself off by its own echo',
    ok: byItself === 0,
    measured: `${byItself} of ${story.bargeIns.length} barge-ins without the caller; the echo came back ${lossDb} dB quieter, ${takenOutDb.toFixed(0)} dB of it were taken out`,
  };
}

/** Where the stretch of speech that reaches up to `atMs` begins. */
function onsetBefore(samples: Int16Array, sampleRateHz: number, atMs: number): number {
  let onsetMs = atMs;
  for (let ms = atMs; ms > Math.max(0, atMs - 1500); ms -= 10) {
    if (levelDbov(samples, sampleRateHz, ms - 10, ms) > -50) onsetMs = ms - 10;
    else if (onsetMs - ms > 250) break;
  }
  return onsetMs;
}
