/** How agent audio gets to the call through a module: one of these a call. */
import type { EslEvent } from '../esl-link.ts';

/** Made for one connection; nothing of it throws for what the far end does. */
export interface ModulePlayback {
  /** One frame; borrowed. Whether it was taken. */
  send(frame: Uint8Array, startsTalkspurt: boolean): boolean;
  /** Frames of those that were taken which need not be waited for: heard, or dropped. Null: there is no way to know. */
  playedFrames(): number | null;
  /** Drops what the switch still holds, where it can. */
  flush(): void;
  /** A text of the module. */
  onText(text: string): void;
  /** An event of the channel, or of the module about it. */
  onEvent(event: EslEvent): void;
}

/** The JSON object that `text` is, or null. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
