/** Checks of what a program asks the signal chain for: a clear error in place of a trap or of noise. */
import { TalkspurtError } from '../core/errors.ts';
import type { SampleRateHz } from '../core/media.ts';
import { isSampleRateHz } from '../core/media.ts';

/** @throws ERR_TALKSPURT_DSP_OPTIONS unless `value` is a mapping of options. */
export function requireOptions(value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null) throw refusal('options', 'options: use an object');
}

/** @throws ERR_TALKSPURT_DSP_OPTIONS unless `value` is a rate of the chain. */
export function requireRate(option: string, value: number): asserts value is SampleRateHz {
  if (isSampleRateHz(value)) return;
  throw refusal(option, `${option} ${shown(value)} Hz: use 8000, 16000, 24000 or 48000`);
}

/** @throws ERR_TALKSPURT_DSP_OPTIONS unless `value` is a number from `low` to `high`. */
export function requireRange(option: string, value: number, low: number, high: number): void {
  // `null >= 0` holds: what is no number at all must not pass for one.
  if (typeof value === 'number' && value >= low && value <= high) return;
  throw refusal(option, `${option} ${shown(value)}: use ${low} to ${high}`);
}

/** @throws ERR_TALKSPURT_DSP_OPTIONS unless `value` is a whole number from `low` to `high`. */
export function requireWhole(option: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw refusal(option, `${option} ${shown(value)}: use a whole number from ${low} to ${high}`);
}

/** @throws ERR_TALKSPURT_DSP_OPTIONS unless `value` is one of `choices`. */
export function requireChoice(option: string, value: unknown, choices: readonly (string | number)[]): void {
  if ((choices as readonly unknown[]).includes(value)) return;
  throw refusal(option, `${option} ${shown(value)}: use ${choices.join(' or ')}`);
}

/** @throws ERR_TALKSPURT_DSP_OPTIONS unless `value` is an Int16Array whose length is a multiple of `multiple`. */
export function requireSamples(option: string, value: unknown, multiple = 1): asserts value is Int16Array {
  if (!(value instanceof Int16Array)) throw refusal(option, `${option}: use an Int16Array`);
  requireHeld(option, value);
  if (value.length % multiple === 0) return;
  throw refusal(option, `${option} of ${value.length} samples: use a multiple of ${multiple}`);
}

/** @throws ERR_TALKSPURT_DSP_OPTIONS unless `value` is a Uint8Array. */
export function requireBytes(option: string, value: unknown): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw refusal(option, `${option}: use a Uint8Array`);
  requireHeld(option, value);
}

/**
 * An array whose buffer was given away (`postMessage` with a transfer list) has no length and looks as if nothing were in it.
 * @throws ERR_TALKSPURT_DSP_OPTIONS for one
 */
export function requireHeld(option: string, value: Int16Array | Uint8Array): void {
  if (value.length > 0) return;
  try {
    // What a view of it says in every engine: `ArrayBuffer.detached` is younger than Node 20.
    void new Uint8Array(value.buffer);
  } catch {
    throw refusal(option, `${option}: its buffer was transferred, the samples are elsewhere`);
  }
}

/** For a message: never calls what `value` brings along, which may throw. */
export function shown(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? 'an object'
    : typeof value === 'function'
      ? 'a function'
      : String(value);
}

/** The error for an option that cannot be. */
export function refusal(option: string, message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_DSP_OPTIONS', message, { details: { option } });
}
