/** What becomes of a call whose backend does not come back: it is told something, sent elsewhere, hung up or let go. */
import type { Clock } from '../core/clock.ts';
import type { TalkspurtError } from '../core/errors.ts';
import { asTalkspurtError } from '../core/errors.ts';
import type { CallControls } from './call-controls.ts';
import type { CallMedia } from './call-media.ts';
import type { LastResort, SessionOptions } from './session-options.ts';
import type { SessionSounds } from './session-parts.ts';
import { tellCaller } from './tell-caller.ts';

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
    if (action === 'announce') await tellCaller(parts, { play: options.reconnect.announcement });
  } catch (error) {
    if (signal.aborted) return;
    parts.onFault(asTalkspurtError(error));
  }
  if (signal.aborted) return;
  // Who was not taken elsewhere is treated as without that wish.
  parts.over(action === 'transfer' ? hangupOnBackendFailure : action !== 'release');
}
