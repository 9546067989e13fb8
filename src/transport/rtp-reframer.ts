/**
 * RTP packets → numbered frames of one ptime.
 *
 * What does it do? Gives every packet its place in the audio, counted in ticks of the RTP clock, and cuts the audio into frames
 *   of our ptime with consecutive numbers, whatever the packets' own duration is.
 * How does it work? A place is the sum of what came before it, not the sequence number: telephone-events and comfort noise
 *   share the sequence numbers but take no room in the audio, so the audio around them stays gapless. A missing packet takes
 *   the room of the last one. The places of the last 64 packets are remembered, so that one that comes behind finds its own.
 *   Packets of whole frames in whole places are cut where they are, in any order; others are put together, in order only.
 * Not for: waiting. Nothing is held back but the rest of a frame.
 */
import type { RtpWireFormat } from './rtp-wire-format.ts';

/** Gets a frame as it is on the wire (borrowed), its number and the RTP timestamp of its first sample. */
export type WireFrameHandler = (wire: Uint8Array, frameNumber: number, timestamp: number, nowMs: number) => void;

/** Packets whose places are remembered: a power of two. */
const REMEMBERED = 64;
/** {@link RtpReframer.place} of a packet too old to have one. */
export const NO_PLACE = -1;

/** One direction of one call. Made once, never allocates again. */
export class RtpReframer {
  readonly #frameTicks: number;
  readonly #bytesPerTick: number;
  readonly #frame: Uint8Array;
  readonly #onFrame: WireFrameHandler;
  readonly #places = new Float64Array(REMEMBERED);
  readonly #numbers = new Float64Array(REMEMBERED).fill(-1);
  #newest = -1;
  /** Where the newest packet ends. */
  #end = -1;
  /** Duration of the last audio packet, in ticks. */
  #packetTicks: number;
  /** The frame that is being put together: where it ends so far, and how much it has. */
  #partEnd = -1;
  #partTicks = 0;
  /** Packets that came too late for their frame. */
  late = 0;

  constructor(format: RtpWireFormat, onFrame: WireFrameHandler) {
    this.#frameTicks = format.frameTicks;
    this.#bytesPerTick = format.bytesPerTick;
    this.#frame = new Uint8Array(format.wireBytes);
    this.#packetTicks = format.frameTicks;
    this.#onFrame = onFrame;
  }

  /** The sender started over: the next packet follows what was there. */
  restart(): void {
    this.#newest = -1;
    this.#numbers.fill(-1);
    this.#partTicks = 0;
  }

  /**
   * The place of the packet `number` (extended, rising) that holds `ticks` of audio, 0 for none. `gapIsAudio`: what is missing
   * before it was audio. `aligned`: it starts a new frame.
   */
  place(number: number, ticks: number, gapIsAudio: boolean, aligned: boolean): number {
    if (this.#newest === -1) {
      // The first frame has its packet's number.
      const start = this.#end === -1 ? (number & 0xffff) * this.#frameTicks : this.#frameEnd(this.#end);
      return this.#remember(number, start, ticks);
    }
    if (number <= this.#newest) {
      const index = number & (REMEMBERED - 1);
      return this.#numbers[index] === number ? this.#places[index]! : NO_PLACE;
    }
    const missingTicks = gapIsAudio ? this.#packetTicks : 0;
    const missing = number - this.#newest - 1;
    for (let back = Math.min(missing, REMEMBERED - 1); back > 0; back -= 1) {
      const index = (number - back) & (REMEMBERED - 1);
      this.#numbers[index] = number - back;
      this.#places[index] = this.#end + (missing - back) * missingTicks;
    }
    const start = this.#end + missing * missingTicks;
    return this.#remember(number, aligned ? this.#frameEnd(start) : start, ticks);
  }

  /** Cuts the audio at `start` of `datagram`, which has the place `place` and lasts `ticks`, into frames. */
  cut(datagram: Uint8Array, start: number, place: number, ticks: number, timestamp: number, nowMs: number): void {
    const frameTicks = this.#frameTicks;
    if (place % frameTicks === 0 && ticks % frameTicks === 0) {
      this.#partTicks = 0;
      for (let done = 0; done < ticks; done += frameTicks) {
        this.#copy(datagram, start + done * this.#bytesPerTick, 0, frameTicks);
        this.#emit(place + done, (timestamp + done) >>> 0, nowMs);
      }
      return;
    }
    this.#assemble(datagram, start, place, ticks, timestamp, nowMs);
  }

  #assemble(datagram: Uint8Array, start: number, place: number, ticks: number, timestamp: number, nowMs: number): void {
    const frameTicks = this.#frameTicks;
    let done = 0;
    if (this.#partTicks === 0 || place !== this.#partEnd) {
      if (place < this.#partEnd) {
        this.late += 1;
        return;
      }
      // What is before the next frame has lost its other part.
      done = this.#frameEnd(place) - place;
      this.#partTicks = 0;
    }
    while (done < ticks) {
      const taken = Math.min(frameTicks - this.#partTicks, ticks - done);
      this.#copy(datagram, start + done * this.#bytesPerTick, this.#partTicks, taken);
      this.#partTicks += taken;
      done += taken;
      if (this.#partTicks < frameTicks) break;
      this.#partTicks = 0;
      this.#emit(place + done - frameTicks, (timestamp + done - frameTicks) >>> 0, nowMs);
    }
    this.#partEnd = place + ticks;
  }

  #copy(datagram: Uint8Array, from: number, atTick: number, ticks: number): void {
    const at = atTick * this.#bytesPerTick;
    const count = ticks * this.#bytesPerTick;
    for (let i = 0; i < count; i += 1) this.#frame[at + i] = datagram[from + i]!;
  }

  #emit(place: number, timestamp: number, nowMs: number): void {
    this.#onFrame(this.#frame, (place / this.#frameTicks) % 0x10000, timestamp, nowMs);
  }

  #remember(number: number, start: number, ticks: number): number {
    const index = number & (REMEMBERED - 1);
    this.#numbers[index] = number;
    this.#places[index] = start;
    this.#newest = number;
    this.#end = start + ticks;
    if (ticks > 0) this.#packetTicks = ticks;
    return start;
  }

  #frameEnd(place: number): number {
    return Math.ceil(place / this.#frameTicks) * this.#frameTicks;
  }
}
