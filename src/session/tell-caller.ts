/** Tells the caller something over whatever the agent says: a sound, a text in our own voice, or three notes. */
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { AudioFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { CallControls } from './call-controls.ts';
import type { CallMedia } from './call-media.ts';
import type { SessionSounds } from './session-parts.ts';

/** Whom, and with what. */
export interface TellCallerParts {
  readonly clock: Clock;
  readonly media: CallMedia;
  readonly controls: CallControls;
  readonly sounds: SessionSounds | null;
  /** Aborts when the call is over. */
  readonly signal: AbortSignal;
  /** Sentences that are written, and not spoken yet. Absent: none are. */
  readonly unspoken?: () => number;
}

/** What is told. Neither: three short notes. */
export interface Announcement {
  /** A sound; empty: none. */
  readonly play: string;
  /** A text; empty: none. Goes before `play`. */
  readonly say?: string;
}

const LOOK_MS = 100;
/** Three short notes of a line that is out of order. */
const TONE = { hz: 425, noteMs: 250, pauseMs: 250, notes: 3, levelDbov: -18 } as const;

/**
 * The last that the caller is told. Resolves when it was heard, with what the agent was saying, or has lasted too long.
 * @throws ERR_TALKSPURT_SOUND and what else is wrong with the sound; the signal's reason
 */
export async function tellCaller(parts: TellCallerParts, told: Announcement): Promise<void> {
  const { clock, media, controls, signal, unspoken = () => 0 } = parts;
  const untilMs = clock.nowMs() + LIMITS.farewellMs;
  await interject(parts, told);
  // On hold nobody would hear what the agent was saying.
  controls.unhold();
  const busy = (): boolean => media.announcement.busy || media.playout.busy || unspoken() > 0;
  while (busy() && clock.nowMs() < untilMs) {
    await delay(clock, LOOK_MS, signal);
  }
}

/**
 * The caller is told something in between, also on hold, and all goes on behind it. Resolves when it is about to be heard.
 * @throws as {@link tellCaller}
 */
export async function interject(parts: TellCallerParts, told: Announcement): Promise<void> {
  const { controls } = parts;
  const format = controls.soundFormat;
  const audio = await inTime(parts, audioOf(parts, told, format));
  controls.play(audio, format);
}

/** What is made of `work`, unless that takes too long: who makes it may never answer. */
async function inTime<T>({ clock, signal }: TellCallerParts, work: Promise<T>): Promise<T> {
  const made = new AbortController();
  const late = delay(clock, LIMITS.farewellMakingMs, AbortSignal.any([signal, made.signal])).then(() => {
    const message = `what the caller is to be told was not ready within ${LIMITS.farewellMakingMs} ms`;
    throw new TalkspurtError('ERR_TALKSPURT_SOUND', message);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    made.abort(new DOMException('it is there', 'AbortError'));
    // Neither is waited for any more, and both may fail.
    void Promise.allSettled([work, late]);
  }
}

async function audioOf(
  { sounds }: TellCallerParts,
  { play, say = '' }: Announcement,
  format: AudioFormat,
): Promise<Uint8Array> {
  if (sounds === null) throw new TalkspurtError('ERR_TALKSPURT_SOUND', 'there is no source of sounds');
  if (say !== '' && sounds.speech !== undefined) return (await sounds.speech(say, format, true)).audio;
  return play === '' ? await outOfOrder(sounds, format) : (await sounds.sound(play, format)).audio;
}

async function outOfOrder(sounds: SessionSounds, format: AudioFormat): Promise<Uint8Array> {
  const library = await sounds.dspLibrary();
  const { sampleRateHz } = format;
  const samples = (ms: number): number => (ms * sampleRateHz) / 1000;
  const { hz, noteMs, pauseMs, notes, levelDbov } = TONE;
  const note = library.tone({ firstHz: hz, durationMs: noteMs, levelDbov, sampleRateHz });
  const pcm = new Int16Array(samples((noteMs + pauseMs) * notes));
  for (let index = 0; index < notes; index += 1) pcm.set(note, samples((noteMs + pauseMs) * index));
  if (format.codec === 'pcmu') return library.encodeUlaw(pcm);
  if (format.codec === 'pcma') return library.encodeAlaw(pcm);
  return new Uint8Array(pcm.buffer);
}
