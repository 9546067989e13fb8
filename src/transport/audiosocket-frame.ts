/**
 * The frames of AudioSocket, out of a TCP stream: kind (1 byte), length (2 bytes, big endian), payload.
 *
 *      0               1               2               3
 *     ┌───────────────┬───────────────────────────────┬───────────────
 *     │     kind      │            length             │   payload …
 *     └───────────────┴───────────────────────────────┴───────────────
 *
 * What does it do? Tells audio as it comes, in borrowed parts, without waiting for the rest of its frame; everything else once it
 *   is whole. A frame that is wrong is told as a fault and passed over: its length still says where the next one begins.
 * Not for: judging how many faults are too many, nor what order the frames come in.
 */
import type { SampleRateHz } from '../core/media.ts';

/** Kinds that are not audio. */
export const AUDIO_SOCKET_KIND = { hangup: 0x00, uuid: 0x01, digit: 0x03, error: 0xff } as const;
/** Bytes before a payload. */
export const AUDIO_SOCKET_HEADER_BYTES = 3;

/** Why a frame was passed over: its kind is not known, its length does not fit its kind, or its digit is none. */
export type AudioSocketFault = 'kind' | 'length' | 'digit';

/** Gets frames while they are parsed. Must not throw. */
export interface AudioSocketHandler {
  /** Lower case, with hyphens. */
  onUuid(uuid: string): void;
  /** `bytes[start, end)` (borrowed) go on with the audio of a frame of this kind; may end in the middle of a sample. */
  onAudio(kind: number, bytes: Uint8Array, start: number, end: number): void;
  /** One of `0-9*#A-D`. Personal. */
  onDigit(digit: string): void;
  onHangup(): void;
  /** What the far end's error frame says; null: nothing. */
  onError(code: number | null): void;
  onFault(fault: AudioSocketFault): void;
}

const AUDIO_RATES_HZ = [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000] as const;
const FIRST_AUDIO_KIND = 0x10;
const DIGITS = '0123456789*#ABCD';
const UUID_BYTES = 16;

/** The sampling rate of an audio kind, or 0 for a kind that is none. */
export function audioSocketRateHz(kind: number): number {
  return AUDIO_RATES_HZ[kind - FIRST_AUDIO_KIND] ?? 0;
}

/** The kind of 16-bit audio at a rate of the signal chain. */
export function audioSocketKind(rateHz: SampleRateHz): number {
  return FIRST_AUDIO_KIND + AUDIO_RATES_HZ.indexOf(rateHz);
}

/** The parser of one connection. Made once; its audio path allocates nothing. */
export class AudioSocketParser {
  readonly #handler: AudioSocketHandler;
  readonly #header = new Uint8Array(AUDIO_SOCKET_HEADER_BYTES);
  readonly #body = new Uint8Array(UUID_BYTES);
  #headerFilled = 0;
  /** Of the frame under way: bytes of its payload that are kept, and bytes to come. */
  #bodyFilled = 0;
  #remaining = 0;
  /** Its payload is not wanted. */
  #passedOver = false;
  #held = false;

  constructor(handler: AudioSocketHandler) {
    this.#handler = handler;
  }

  /** From inside a handler: {@link push} returns after this frame. */
  hold(): void {
    this.#held = true;
  }

  /** Parses `chunk` from `start` on. Returns where it stopped: at its end, or where {@link hold} was called. */
  push(chunk: Uint8Array, start = 0): number {
    let at = start;
    this.#held = false;
    while (at < chunk.length && !this.#held) {
      if (this.#headerFilled < AUDIO_SOCKET_HEADER_BYTES) {
        this.#header[this.#headerFilled] = chunk[at]!;
        this.#headerFilled += 1;
        at += 1;
        if (this.#headerFilled === AUDIO_SOCKET_HEADER_BYTES) this.#begin();
      } else {
        at = this.#payload(chunk, at);
      }
    }
    return at;
  }

  /** A header is whole. A frame without a payload is told here. */
  #begin(): void {
    const kind = this.#header[0]!;
    this.#remaining = this.#header[1]! * 256 + this.#header[2]!;
    this.#bodyFilled = 0;
    const fault = faultOf(kind, this.#remaining);
    this.#passedOver = fault !== null;
    if (this.#remaining === 0) this.#headerFilled = 0;
    if (fault !== null) this.#handler.onFault(fault);
    else if (this.#remaining === 0) this.#tell(kind);
  }

  #payload(chunk: Uint8Array, at: number): number {
    const kind = this.#header[0]!;
    const end = Math.min(chunk.length, at + this.#remaining);
    this.#remaining -= end - at;
    if (this.#remaining === 0) this.#headerFilled = 0;
    if (this.#passedOver) return end;
    if (audioSocketRateHz(kind) > 0) {
      this.#handler.onAudio(kind, chunk, at, end);
      return end;
    }
    for (let i = at; i < end && this.#bodyFilled < UUID_BYTES; i += 1) {
      this.#body[this.#bodyFilled] = chunk[i]!;
      this.#bodyFilled += 1;
    }
    if (this.#remaining === 0) this.#tell(kind);
    return end;
  }

  #tell(kind: number): void {
    const handler = this.#handler;
    if (kind === AUDIO_SOCKET_KIND.hangup) handler.onHangup();
    else if (kind === AUDIO_SOCKET_KIND.uuid) handler.onUuid(uuidOf(this.#body));
    else if (kind === AUDIO_SOCKET_KIND.error) handler.onError(this.#bodyFilled === 0 ? null : this.#body[0]!);
    else this.#digit();
  }

  #digit(): void {
    const digit = String.fromCharCode(this.#body[0]!).toUpperCase();
    if (DIGITS.includes(digit)) this.#handler.onDigit(digit);
    else this.#handler.onFault('digit');
  }
}

/** The 16 raw bytes of a UUID; null for a text that is none. */
export function audioSocketUuidBytes(uuid: string): Uint8Array | null {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) return null;
  return Uint8Array.from(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

function faultOf(kind: number, length: number): AudioSocketFault | null {
  if (audioSocketRateHz(kind) > 0) return length > 0 && length % 2 === 0 ? null : 'length';
  if (kind === AUDIO_SOCKET_KIND.hangup) return length === 0 ? null : 'length';
  if (kind === AUDIO_SOCKET_KIND.uuid) return length === UUID_BYTES ? null : 'length';
  if (kind === AUDIO_SOCKET_KIND.digit) return length === 1 ? null : 'length';
  return kind === AUDIO_SOCKET_KIND.error ? null : 'kind';
}

function uuidOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
