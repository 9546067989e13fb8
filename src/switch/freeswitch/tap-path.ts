/** How what an eavesdropper hears gets to us, and back. */
import type { TalkspurtError } from '../../core/errors.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { EslEvent } from './esl-link.ts';

/** Whoever delivers a switch's events: the adapter. */
export interface TapChannels {
  /** From now on events of this channel come to `onEvent`. @throws as `EslLink.watch` */
  watch(uuid: string, onEvent: (event: EslEvent) => void): Promise<void>;
  /** …and no longer. Never rejects. */
  unwatch(uuid: string): Promise<void>;
}

/** The channel that is listened to, as far as an eavesdropper's audio has to fit it. */
export interface TapTarget {
  readonly uuid: string;
  readonly codec: string;
  readonly rateHz: number;
}

/** One way. Opened once, closed by whoever made it. */
export interface EavesdropPath {
  /** Where the switch is to call, with what it is to call with, as `name=value`. */
  readonly dial: string;
  readonly variables: readonly string[];
  /**
   * Opens the audio of the eavesdropper `uuid`; `originated` resolves when the switch has made it. When it rejects, or has
   * been aborted, `close` frees what there is.
   */
  open(uuid: string, originated: Promise<void>, signal: AbortSignal): Promise<MediaTransport>;
  /** The link was lost; it is back. */
  onBlind(): void;
  onSighted(): Promise<void>;
  /** Frees what is ours. Never rejects: what cannot be told to the switch ends with the eavesdropper. */
  close(): Promise<void>;
}

/** What becomes of `promise`, or sooner the signal's reason. The promise stays its owner's to wait for. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reasonOf(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Why a signal was aborted. */
export function reasonOf(signal: AbortSignal): TalkspurtError {
  return asTalkspurtError(signal.reason);
}
