/** What becomes of a call whose backend does not come back: it is told something, sent elsewhere, hung up or let go. */
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { AudioFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { CallControls } from './call-controls.ts';
import type { CallMedia } from './call-media.ts';
import type { LastResort, SessionOptions } from './session-options.ts';
import type { SessionSounds } from './session-parts.ts';

/** Whose call it is. */
export interface LastResortParts {
  readonly clock: Clock;
  readonly media: CallMedia;
  readonly controls: CallControls;
  readonly options: Pick<SessionOptions, 'reconnect' | 'hangupOnBackendFailure'>;
  readonly sounds: SessionSounds | null;
  /** Aborts when the call is over, or has a stream again. */
  readonly signal: AbortSignal;
  /** Gives the caller to `destination`; the call is over then. @throws as `CallLeg.transfer` */
  transfer(destination: string): Promise<void>;
  /** The call ends. */
  over(hangup: boolean): void;
  /** Something of it did not work, and the call ends all the same. */
  onFault(error: TalkspurtError): void;
}

/** What will be done, in a word. */
export function lastResortOf({
  reconnect: { lastResort },
  hangupOnBackendFailure,
}: LastResortParts['options']): Exclude<LastResort, 'default'> {
  if (lastResort !== 'default') return lastResort;
  return hangupOnBackendFailure ? 'hangup' : 'release';
}

/** Does it. Never rejects; whatever goes wrong, the call ends. */
export async function takeLastResort(parts: LastResortParts): Promise<void> {
  const { options, signal } = parts;
  const action = lastResortOf(options);
  const { hangupOnBackendFailure } = options;
  try {
    if (action === 'transfer') return await parts.transfer(options.reconnect.destination);
    if (action === 'announce') await announce(parts);
  } catch (error) {
    if (signal.aborted) return;
    parts.onFault(asTalkspurtError(error));
  }
  if (signal.aborted) return;
  // Who was not taken elsewhere is treated as without that wish.
  parts.over(action === 'transfer' ? hangupOnBackendFailure : action !== 'release');
}

const LOOK_MS = 100;
/** Three short notes of a line that is out of order. */
const TONE = { hz: 425, noteMs: 250, pauseMs: 250, notes: 3, levelDbov: -18 } as const;

/** Resolves when it was heard, or has lasted too long. */
async function announce(parts: LastResortParts): Promise<void> {
  const { clock, media, controls, options, sounds, signal } = parts;
  const { announcement } = options.reconnect;
  const format = controls.soundFormat;
  const audio = await (announcement === '' ? outOfOrder(sounds, format) : sounds?.sound(announcement, format));
  if (audio === undefined) throw new TalkspurtError('ERR_TALKSPURT_SOUND', 'there is no source of sounds');
  signal.throwIfAborted();
  // On hold nobody would hear it.
  controls.unhold();
  controls.play(audio.audio, format);
  const untilMs = clock.nowMs() + LIMITS.farewellMs;
  while ((media.announcement.busy || media.playout.busy) && clock.nowMs() < untilMs) {
    await delay(clock, LOOK_MS, signal);
  }
}

async function outOfOrder(
  sounds: SessionSounds | null,
  format: AudioFormat,
): Promise<{ readonly audio: Uint8Array } | undefined> {
  const library = await sounds?.dspLibrary();
  if (library === undefined) return undefined;
  const { sampleRateHz } = format;
  const samples = (ms: number): number => (ms * sampleRateHz) / 1000;
  const { hz, noteMs, pauseMs, notes, levelDbov } = TONE;
  const note = library.tone({ firstHz: hz, durationMs: noteMs, levelDbov, sampleRateHz });
  const pcm = new Int16Array(samples((noteMs + pauseMs) * notes));
  for (let index = 0; index < notes; index += 1) pcm.set(note, samples((noteMs + pauseMs) * index));
  if (format.codec === 'pcmu') return { audio: library.encodeUlaw(pcm) };
  if (format.codec === 'pcma') return { audio: library.encodeAlaw(pcm) };
  return { audio: new Uint8Array(pcm.buffer) };
}
