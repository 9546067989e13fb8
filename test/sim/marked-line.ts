/** A caller behind a network that loses, repeats, delays and drifts, and the leg of a switch that it comes in by. */
import type { Timer } from '../../src/core/clock.ts';
import { delay } from '../../src/core/clock.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { MediaFormat } from '../../src/core/media.ts';
import { LIMITS } from '../../src/limits.ts';
import type { CallLeg, LegListener } from '../../src/switch/switch-adapter.ts';
import type { MediaSink, MediaTransport } from '../../src/transport/media-transport.ts';
import type { FakeClock } from './fake-clock.ts';
import type { LegFault, Weather } from './fault-plan.ts';
import { callerFrame } from './marked-audio.ts';
import type { AgentVoice } from './marked-voice.ts';
import { seededRandom } from './network-model.ts';

const LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
const CALM: Weather = { loss: 0, duplicated: 0, jitterMs: 0, driftPpm: 0 };
const FRAME_SAMPLES = 160;
/** Sequence numbers begin shortly before they wrap. */
const FIRST_SEQUENCE = 65_400;

/** The caller's end of one call's audio, and its transport. */
export class MarkedLine implements MediaTransport {
  readonly kind = 'marked';
  readonly format = LEG;
  readonly stats = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  weather: Weather = CALM;
  closed = false;
  lost = 0;
  readonly #clock: FakeClock;
  readonly #voice: AgentVoice;
  readonly #random: () => number;
  /** Packets that are on their way, by their arrival. */
  readonly #air: Packet[] = [];
  #sink: MediaSink | null = null;
  #timer: Timer | null = null;
  #number = 0;
  #speakUntilMs = Number.NEGATIVE_INFINITY;
  #silentUntilMs = Number.NEGATIVE_INFINITY;
  #dueMs = 0;

  constructor(clock: FakeClock, voice: AgentVoice, seed: number) {
    this.#clock = clock;
    this.#voice = voice;
    this.#random = seededRandom(seed);
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
    this.#dueMs = this.#clock.nowMs() + this.#random() * LEG.ptimeMs;
    this.#arm();
  }

  speak(forMs: number): void {
    this.#speakUntilMs = this.#clock.nowMs() + forMs;
  }

  /** Nothing is sent at all. */
  silence(forMs: number): void {
    this.#silentUntilMs = this.#clock.nowMs() + forMs;
  }

  /** The wind drops. */
  calm(): void {
    this.weather = CALM;
    this.#silentUntilMs = Number.NEGATIVE_INFINITY;
  }

  send(payload: Uint8Array): void {
    if (this.closed) {
      this.lost += 1;
      return;
    }
    this.stats.sentFrames += 1;
    this.#voice.hear(payload);
  }

  playedFrames(): null {
    return null;
  }

  flush(): void {
    // Nothing of it waits there.
  }

  close(): Promise<void> {
    this.closed = true;
    this.#timer?.cancel();
    return Promise.resolve();
  }

  #arm(): void {
    const nextMs = Math.min(this.#dueMs, this.#air[0]?.atMs ?? Number.POSITIVE_INFINITY);
    this.#timer = this.#clock.after(nextMs - this.#clock.nowMs(), () => this.#flow());
  }

  /** What was sent up to now flies; what has arrived is delivered, in the order of its arrival, however late we look. */
  #flow(): void {
    const nowMs = this.#clock.nowMs();
    while (this.#dueMs <= nowMs) this.#emit();
    while (!this.closed && this.#air[0] !== undefined && this.#air[0].atMs <= nowMs) {
      const { frame, number } = this.#air.shift()!;
      this.stats.receivedFrames += 1;
      const sequence = (FIRST_SEQUENCE + number) & 0xffff;
      this.#sink?.onFrame(frame, sequence, (number * FRAME_SAMPLES) >>> 0, nowMs);
    }
    if (!this.closed) this.#arm();
  }

  #emit(): void {
    const { loss, duplicated, jitterMs, driftPpm } = this.weather;
    const [sentMs, number] = [this.#dueMs, this.#number];
    this.#dueMs += LEG.ptimeMs / (1 + driftPpm / 1e6);
    this.#number += 1;
    // Chance is asked for each frame alike, whatever the weather is.
    const [lost, again, late, later] = [this.#random(), this.#random(), this.#random(), this.#random()];
    if (sentMs < this.#silentUntilMs || lost < loss) return;
    const frame = callerFrame(number + 1, sentMs < this.#speakUntilMs);
    this.#fly({ frame, number, atMs: sentMs + late * jitterMs });
    if (again < duplicated) this.#fly({ frame, number, atMs: sentMs + later * jitterMs });
  }

  #fly(packet: Packet): void {
    const behind = this.#air.findLastIndex(({ atMs }) => atMs <= packet.atMs);
    this.#air.splice(behind + 1, 0, packet);
  }
}

interface Packet {
  readonly frame: Uint8Array;
  readonly number: number;
  readonly atMs: number;
}

/** One channel of the simulated switch. */
export class MarkedLeg implements CallLeg {
  readonly id: string;
  readonly switchName = 'pbx';
  readonly from = '100';
  readonly to = '200';
  readonly variables = new Map<string, string>();
  readonly line: MarkedLine;
  listener: LegListener | null = null;
  /** The channel is on the switch. */
  alive = true;
  /** It was given back, or hung up. */
  returned = false;
  opened = false;
  readonly #clock: FakeClock;
  readonly #fault: LegFault;

  constructor(id: string, line: MarkedLine, clock: FakeClock, fault: LegFault) {
    this.id = id;
    this.line = line;
    this.#clock = clock;
    this.#fault = fault;
  }

  /** Of a hang-up between the attachment and this the legs of real switches tell now. */
  listen(listener: LegListener): void {
    this.listener = listener;
    if (!this.alive) listener.onHangup(16);
  }

  async answer(signal: AbortSignal): Promise<void> {
    if (this.#fault === 'answer-hangs') await this.#hang(signal, LIMITS.eslCommandMs, 'ERR_TALKSPURT_LINK_TIMEOUT');
    if (this.#fault === 'answer-fails') throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'not answered');
  }

  async openMedia(signal: AbortSignal): Promise<MediaTransport> {
    if (this.#fault === 'media-hangs') await this.#hang(signal, LIMITS.mediaOpenMs, 'ERR_TALKSPURT_UNICAST_SILENT');
    if (this.#fault === 'media-fails') throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'no such codec');
    this.opened = true;
    return this.line;
  }

  sendDtmf(): Promise<void> {
    return Promise.resolve();
  }

  transfer(destination: string): Promise<void> {
    if (destination === 'nobody') {
      return Promise.reject(new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'nobody is there'));
    }
    return Promise.resolve();
  }

  /** Nobody answers, after a while. */
  consult(_destination: string, signal: AbortSignal): Promise<void> {
    return this.#hang(signal, CONSULT_MS, 'ERR_TALKSPURT_SWITCH_COMMAND');
  }

  hangup(): Promise<void> {
    this.alive = false;
    return this.release();
  }

  async release(): Promise<void> {
    this.returned = true;
    if (this.#fault === 'release-hangs') await new Promise(() => undefined);
  }

  /** The switch does not answer for `ms`, and that is taken for a failure. */
  #hang(signal: AbortSignal, ms: number, code: ErrorCode): Promise<never> {
    return delay(this.#clock, ms, signal).then(() => {
      throw new TalkspurtError(code, 'the switch does not answer', { details: { hangupCause: 17 } });
    });
  }
}

const CONSULT_MS = 2_500;
