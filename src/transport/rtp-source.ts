/**
 * Whom we listen to: one synchronisation source at one address, and how well its packets come.
 *
 * What does it do? Locks on to the first source, follows its sequence number over losses and wraps (RFC 3550 A.1), counts what
 *   is lost (A.3) and the jitter (A.8). Another source takes its place only in a controlled way: by packets in
 *   sequence while the locked one says nothing, or at once where that is plausible (marker after a silence, BYE, re-INVITE).
 * Not for: judging what is in a packet; the caller says whether it is good enough to be locked on to.
 */
import { LIMITS } from '../limits.ts';
import type { RtpPacket } from './rtp-packet.ts';

/** What {@link RtpSource.accept} says of a packet that is not to be heard. */
export const REFUSED = -1;

/** RFC 3550 A.1: forward jumps up to here are losses, backward ones up to there are packets out of order. */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const SEQUENCE_NUMBERS = 0x10000;
const NO_SEQUENCE = SEQUENCE_NUMBERS + 1;
const MAX_LOST = 0x7fffff;

/** One receiving direction. Allocates nothing. */
export class RtpSource {
  readonly #clockRateHz: number;
  readonly #byAddress: boolean;
  locked = false;
  ssrc = 0;
  address = '';
  port = 0;
  /** Times that another source took over. */
  changes = 0;
  /** Packets of the locked source, and those that came behind a later one. */
  received = 0;
  behind = 0;
  /** The locked source is not the one of the packet before: numbers and timestamps start anew. */
  fresh = false;
  #lastMs = Number.NEGATIVE_INFINITY;
  #open = true;
  #maxSequence = 0;
  #cycles = 0;
  #baseSequence = 0;
  #badSequence = NO_SEQUENCE;
  #expectedPrior = 0;
  #receivedPrior = 0;
  #lostBefore = 0;
  #jitter = 0;
  #transit = 0;
  #hasTransit = false;
  #candidateSsrc = 0;
  #candidateAddress = '';
  #candidatePort = 0;
  #candidateNext = NO_SEQUENCE;
  #candidateRun = 0;

  /** `byAddress`: the same SSRC from another address is another source (symmetric RTP). */
  constructor(options: { readonly clockRateHz: number; readonly byAddress: boolean }) {
    this.#clockRateHz = options.clockRateHz;
    this.#byAddress = options.byAddress;
  }

  /** Highest sequence number received, with the cycles above its 16 bits (RFC 3550 §6.4.1). */
  get extendedSequence(): number {
    return this.#cycles + this.#maxSequence;
  }

  /** Packets that the locked source must have sent. */
  get expected(): number {
    return this.locked ? this.extendedSequence - this.#baseSequence + 1 : 0;
  }

  /** Packets of the locked source that never came; negative when duplicates outweigh them (RFC 3550 A.3). */
  get cumulativeLost(): number {
    return Math.max(-MAX_LOST - 1, Math.min(MAX_LOST, this.expected - this.received));
  }

  /** Packets of every source so far that never came. */
  get lost(): number {
    return this.#lostBefore + Math.max(0, this.cumulativeLost);
  }

  /** Interarrival jitter in units of the RTP clock (RFC 3550 A.8). */
  get jitter(): number {
    return this.#jitter;
  }

  get jitterMs(): number {
    return (this.#jitter * 1000) / this.#clockRateHz;
  }

  /** The next other source may take over at once: the far end said goodbye, or was given another address. */
  expectChange(): void {
    this.#open = true;
  }

  /**
   * The extended sequence number of a packet that is to be heard, or REFUSED. `good`: it may be locked on to.
   * {@link fresh} tells whether it starts a new source.
   */
  accept(packet: RtpPacket, good: boolean, address: string, port: number, nowMs: number): number {
    this.fresh = false;
    if (this.locked && packet.ssrc === this.ssrc && this.#isFrom(address, port)) {
      this.#candidateRun = 0;
      const number = this.#follow(packet.sequenceNumber);
      if (number !== REFUSED) this.#lastMs = nowMs;
      return number;
    }
    if (!good || !this.#mayTakeOver(packet, address, port, nowMs)) return REFUSED;
    if (this.locked) {
      this.#lostBefore += Math.max(0, this.cumulativeLost);
      this.changes += 1;
    }
    this.locked = true;
    this.#open = false;
    this.fresh = true;
    this.ssrc = packet.ssrc;
    this.address = address;
    this.port = port;
    this.#lastMs = nowMs;
    this.#candidateRun = 0;
    this.#hasTransit = false;
    this.#start(packet.sequenceNumber);
    this.received = 1;
    return packet.sequenceNumber;
  }

  /** Takes an audio packet's arrival into the jitter. Events repeat their timestamp and are no measure. */
  measure(timestamp: number, nowMs: number): void {
    const arrival = Math.floor((nowMs * this.#clockRateHz) / 1000);
    const transit = (arrival - timestamp) | 0;
    const difference = Math.abs((transit - this.#transit) | 0);
    this.#transit = transit;
    const measured = this.#hasTransit;
    this.#hasTransit = true;
    // A second is no jitter: the sender stood still or set its clock.
    if (!measured || difference > this.#clockRateHz) return;
    this.#jitter += (difference - this.#jitter) / 16;
  }

  /** Share of packets lost since it was last asked, in 256ths (RFC 3550 A.3). */
  takeFractionLost(): number {
    const expected = this.expected - this.#expectedPrior;
    const lost = expected - (this.received - this.#receivedPrior);
    this.#expectedPrior = this.expected;
    this.#receivedPrior = this.received;
    return expected <= 0 || lost <= 0 ? 0 : Math.min(255, Math.floor((lost * 256) / expected));
  }

  #isFrom(address: string, port: number): boolean {
    return !this.#byAddress || (port === this.port && address === this.address);
  }

  #mayTakeOver(packet: RtpPacket, address: string, port: number, nowMs: number): boolean {
    if (this.#open) return true;
    if (packet.marker && nowMs - this.#lastMs >= LIMITS.rtpSourceSilentMs) return true;
    const same =
      this.#candidateRun > 0 &&
      packet.ssrc === this.#candidateSsrc &&
      port === this.#candidatePort &&
      address === this.#candidateAddress &&
      packet.sequenceNumber === this.#candidateNext;
    this.#candidateRun = same ? this.#candidateRun + 1 : 1;
    this.#candidateSsrc = packet.ssrc;
    this.#candidatePort = port;
    this.#candidateAddress = address;
    this.#candidateNext = (packet.sequenceNumber + 1) & 0xffff;
    return this.#candidateRun >= LIMITS.rtpProbationPackets;
  }

  #start(sequenceNumber: number): void {
    this.#baseSequence = sequenceNumber;
    this.#maxSequence = sequenceNumber;
    this.#badSequence = NO_SEQUENCE;
    this.#cycles = 0;
    this.received = 0;
    this.#expectedPrior = 0;
    this.#receivedPrior = 0;
  }

  /** RFC 3550 A.1's update_seq. */
  #follow(sequenceNumber: number): number {
    const delta = (sequenceNumber - this.#maxSequence) & 0xffff;
    let number = 0;
    if (delta < MAX_DROPOUT) {
      if (sequenceNumber < this.#maxSequence) this.#cycles += SEQUENCE_NUMBERS;
      this.#maxSequence = sequenceNumber;
      number = this.#cycles + sequenceNumber;
    } else if (delta <= SEQUENCE_NUMBERS - MAX_MISORDER) {
      if (sequenceNumber !== this.#badSequence) {
        this.#badSequence = (sequenceNumber + 1) & 0xffff;
        return REFUSED;
      }
      // Two in a row: the sender started over without telling.
      this.#lostBefore += Math.max(0, this.cumulativeLost);
      this.#start(sequenceNumber);
      this.fresh = true;
      number = sequenceNumber;
    } else {
      this.behind += 1;
      number = this.#cycles + this.#maxSequence - (SEQUENCE_NUMBERS - delta);
    }
    this.received += 1;
    return number;
  }
}
