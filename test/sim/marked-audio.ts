/** Audio whose every millisecond (of the agent's) and every frame (of the caller's) says which one it is: µ-law bytes at 8 kHz. */

/** Bytes of one millisecond. */
export const CELL_BYTES = 8;
export const FRAME_BYTES = 160;
export const SILENCE = 0xff;
/** The bytes that sounds of ours are made of. */
export const SOUND = 0x33;

const AGENT = 0xa5;
const CALLER = 0xc5;

/** `ms` of the agent's voice, from number `first` on. */
export function agentAudio(first: number, ms: number): Uint8Array {
  const audio = new Uint8Array(ms * CELL_BYTES);
  for (let cell = 0; cell < ms; cell += 1) {
    const number = first + cell;
    const at = cell * CELL_BYTES;
    audio[at] = AGENT;
    audio[at + 1] = number >> 16;
    audio[at + 2] = number >> 8;
    audio[at + 3] = number;
    audio[at + 4] = (number >> 16) ^ (number >> 8) ^ number ^ AGENT;
  }
  return audio;
}

/** The numbers in a frame that the caller hears; −1: not even aligned. Silence and sounds have none. */
export function agentNumbers(frame: Uint8Array, tell: (number: number) => void): void {
  for (let at = 0; at + CELL_BYTES <= frame.length; at += CELL_BYTES) {
    const mark = frame[at]!;
    if (mark === SILENCE || mark === SOUND) continue;
    const [high, middle, low] = [frame[at + 1]!, frame[at + 2]!, frame[at + 3]!];
    const whole = mark === AGENT && (frame[at + 4]! ^ high ^ middle ^ low ^ AGENT) === 0;
    tell(whole ? (high << 16) | (middle << 8) | low : -1);
  }
}

/** A frame of the caller's. */
export function callerFrame(number: number, speaking: boolean): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES).fill(SILENCE);
  frame[0] = CALLER;
  frame[1] = number >> 8;
  frame[2] = number;
  frame[3] = speaking ? 1 : 0;
  return frame;
}

/** Which frame of the caller's it is, or null: none. */
export function callerNumber(audio: Uint8Array, at = 0): number | null {
  return audio[at] === CALLER ? (audio[at + 1]! << 8) | audio[at + 2]! : null;
}

/** Whether the caller speaks in it. */
export function callerSpeaks(audio: Uint8Array, at = 0): boolean {
  return audio[at] === CALLER && audio[at + 3] === 1;
}
