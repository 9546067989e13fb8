/**
 * What a server sends to be heard, as phrases (items) of the agent: each audio message is one, and so is each burst of
 * binary messages. Sounds are decoded a piece at a time; what comes meanwhile waits its turn.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { AudioFormat } from '../core/media.ts';
import { bytesPerMs } from '../core/media.ts';
import type { DspLibrary } from '../dsp/library.ts';
import { LIMITS } from '../limits.ts';
import type { BackendSink } from './backend.ts';
import { StreamClip } from './stream-clip.ts';
import type { StreamSound } from './stream-clip.ts';
import { StreamMarks } from './stream-marks.ts';
import type { MarkEvent } from './stream-marks.ts';

/** What a playback is made of; it owns none of it. */
export interface StreamPlaybackParts {
  /** The stream's name, for messages. */
  readonly name: string;
  readonly format: AudioFormat;
  readonly clock: Clock;
  readonly dsp: DspLibrary;
  readonly sink: BackendSink;
  /** A recoverable fault. */
  readonly report: (error: TalkspurtError) => void;
  /** A defect of ours in a timer: ends the stream. */
  readonly fail: (error: TalkspurtError) => void;
  readonly answerMark: (name: string, event: MarkEvent) => void;
}

type Entry =
  | { readonly kind: 'clip'; readonly clip: StreamClip; readonly bytes: number; itemId: string | null }
  | { readonly kind: 'burst'; readonly audio: Buffer; readonly bytes: number }
  | { readonly kind: 'mark'; readonly name: string; readonly bytes: number };

type Status = 'completed' | 'cancelled' | 'incomplete';

/** Binary messages that are further apart belong to different phrases. */
const BURST_GAP_MS = 200;
/** After a barge-in the rest of the burst is dropped: up to the next gap, but no longer than this. */
const CUT_OFF_MS = 2_000;
/** After an order to drop, what is new waits until the call has dropped what is old, but no longer than this. */
const FLUSH_MS = 100;
/** What an entry costs besides its audio. */
const ENTRY_BYTES = 64;

/** One stream's playback; see the top of the file. */
export class StreamPlayback {
  readonly #parts: StreamPlaybackParts;
  readonly #marks: StreamMarks;
  readonly #queue: Entry[] = [];
  #queuedBytes = 0;
  #items = 0;
  /** The phrase of the burst that is under way. */
  #burstId: string | null = null;
  #lastBinaryMs = Number.NEGATIVE_INFINITY;
  /** Binary messages before this are the rest of what the caller cut off, ms; past: nothing is dropped. */
  #cutOffUntilMs = Number.NEGATIVE_INFINITY;
  /** The first half of a sample, -1: none. */
  #half = -1;
  #pump: Timer | null = null;
  #burstEnd: Timer | null = null;
  /** Runs while the call drops what is old. */
  #flushing: Timer | null = null;
  readonly #farewells = new Set<Timer>();
  #droppedBytes = 0;
  #over = false;

  constructor(parts: StreamPlaybackParts) {
    this.#parts = parts;
    this.#marks = new StreamMarks(bytesPerMs(parts.format), parts.answerMark);
  }

  /** Phrases so far. */
  get items(): number {
    return this.#items;
  }

  /** Audio that was dropped: after a barge-in, or because too much waited. */
  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  /** Plays a sound as a phrase of its own. */
  playSound(sound: StreamSound): void {
    const clip = new StreamClip(sound, this.#parts.format.sampleRateHz, this.#parts.dsp);
    if (clip.done) return;
    this.#enqueue({ kind: 'clip', clip, bytes: sound.bytes.length, itemId: null });
  }

  /** Plays L16 of the stream's own rate; `audio` is ours to keep. */
  playBinary(audio: Buffer): void {
    if (audio.length === 0 || this.#isCutOff(audio)) return;
    if (this.#queue.length === 0 && this.#flushing === null) this.#playBurst(audio);
    else this.#enqueue({ kind: 'burst', audio, bytes: audio.length });
  }

  /** Answers when everything before it was heard. What comes after it is another phrase. */
  mark(name: string): void {
    if (this.#queue.length === 0 && this.#flushing === null) this.#setMark(name);
    else this.#enqueue({ kind: 'mark', name, bytes: 0 });
  }

  clearMarks(): void {
    for (const entry of this.#queue) if (entry.kind === 'mark') this.#parts.answerMark(entry.name, 'cleared');
    this.#retain((entry) => entry.kind !== 'mark');
    this.#marks.clearMarks();
  }

  /** The server takes back what was not heard. */
  flush(): void {
    const pending = this.#marks.unheard || this.#queue.length > 0;
    const open = this.#dropAll(null, 0);
    this.#cutOffUntilMs = Number.NEGATIVE_INFINITY;
    if (pending && this.#parts.sink.onFlush !== undefined) {
      this.#flushing?.cancel();
      this.#flushing = this.#after(FLUSH_MS, () => this.#endFlush());
    }
    for (const itemId of open) this.#parts.sink.onAudioDone(itemId);
    this.#parts.sink.onFlush?.();
    for (const itemId of open) this.#parts.sink.onResponseDone(itemId, 'cancelled');
  }

  /**
   * The call has dropped what was not heard: because the caller cut in after `playedMs` of `itemId`, which is what true
   * says, or because {@link flush} asked for it.
   */
  cancel(itemId: string | null, playedMs: number): boolean {
    if (this.#flushing !== null) {
      this.#endFlush();
      return false;
    }
    if (this.#burstId !== null) this.#cutOffUntilMs = this.#parts.clock.nowMs() + CUT_OFF_MS;
    const open = this.#dropAll(itemId, playedMs);
    // Not from within the caller's own effect.
    for (const id of open) {
      this.#later(() => {
        this.#parts.sink.onAudioDone(id);
        this.#parts.sink.onResponseDone(id, 'cancelled');
      });
    }
    return true;
  }

  heard(itemId: string, whole: boolean): void {
    this.#marks.heard(itemId, whole);
  }

  /** The server is gone: what came of its phrase is all there will be, and its marks concern nobody any more. */
  interrupt(): void {
    const head = this.#queue[0];
    if (head?.kind === 'clip' && head.itemId !== null) this.#end(head.itemId, 'incomplete');
    this.#endBurst('incomplete');
    this.#retain(() => false);
    this.#marks.forget();
    this.#cutOffUntilMs = Number.NEGATIVE_INFINITY;
    this.#half = -1;
  }

  /** No call-back after this. */
  dispose(): void {
    this.#over = true;
    this.#retain(() => false);
    this.#marks.forget();
    for (const timer of [this.#pump, this.#burstEnd, this.#flushing, ...this.#farewells]) timer?.cancel();
  }

  #enqueue(entry: Entry): void {
    const bytes = entry.bytes + ENTRY_BYTES;
    if (this.#queue.length > 0 && this.#queuedBytes + bytes > LIMITS.streamQueuedBytes) {
      this.#droppedBytes += entry.bytes;
      if (entry.kind === 'mark') this.#parts.answerMark(entry.name, 'cleared');
      this.#parts.report(
        new TalkspurtError(
          'ERR_TALKSPURT_BACKEND_OVERFLOW',
          `stream '${this.#parts.name}' sends audio faster than it can be decoded: some was dropped`,
          { details: { limitBytes: LIMITS.streamQueuedBytes, droppedBytes: entry.bytes } },
        ),
      );
      return;
    }
    this.#queue.push(entry);
    this.#queuedBytes += bytes;
    // The first piece goes out at once: that is what the caller waits for.
    if (this.#queue.length === 1 && this.#flushing === null) this.#work();
  }

  /** Works off the queue up to one piece of a sound; the rest comes when others have had their turn. */
  #work(): void {
    this.#pump?.cancel();
    this.#pump = null;
    let decoded = false;
    while (!decoded) {
      const entry = this.#queue[0];
      if (entry === undefined) return;
      if (entry.kind === 'clip') decoded = true;
      if (entry.kind === 'clip' && !this.#playPiece(entry)) break;
      // A sink may have had everything dropped meanwhile.
      if (this.#queue[0] !== entry) return;
      this.#queue.shift();
      this.#queuedBytes -= entry.bytes + ENTRY_BYTES;
      if (entry.kind === 'burst') this.#playBurst(entry.audio);
      else if (entry.kind === 'mark') this.#setMark(entry.name);
    }
    if (this.#queue.length > 0 && this.#pump === null) this.#pump = this.#after(0, () => this.#work());
  }

  /** True when that was the last of it. */
  #playPiece(entry: Entry & { kind: 'clip' }): boolean {
    if (entry.itemId === null) {
      this.#endBurst('completed');
      entry.itemId = this.#begin();
    }
    const { itemId, clip } = entry;
    this.#give(clip.next(), itemId);
    if (!clip.done) return false;
    if (this.#queue[0] === entry) this.#end(itemId, 'completed');
    return true;
  }

  #playBurst(audio: Buffer): void {
    const bytes = this.#wholeSamples(audio);
    if (bytes.length === 0) return;
    this.#burstId ??= this.#begin();
    this.#lastBinaryMs = this.#parts.clock.nowMs();
    this.#give(bytes, this.#burstId);
    this.#burstEnd ??= this.#after(BURST_GAP_MS, () => this.#checkBurst());
  }

  #checkBurst(): void {
    this.#burstEnd = null;
    const silentMs = this.#parts.clock.nowMs() - this.#lastBinaryMs;
    if (silentMs >= BURST_GAP_MS) this.#endBurst('completed');
    else if (this.#burstId !== null) {
      this.#burstEnd = this.#after(BURST_GAP_MS - silentMs, () => this.#checkBurst());
    }
  }

  /** Whether this is the rest of what the caller cut off. */
  #isCutOff(audio: Buffer): boolean {
    const nowMs = this.#parts.clock.nowMs();
    if (nowMs >= this.#cutOffUntilMs || nowMs - this.#lastBinaryMs >= BURST_GAP_MS) {
      this.#cutOffUntilMs = Number.NEGATIVE_INFINITY;
      return false;
    }
    this.#lastBinaryMs = nowMs;
    this.#droppedBytes += audio.length;
    return true;
  }

  /** Half a sample at the end waits for the next message. */
  #wholeSamples(audio: Buffer): Buffer {
    const joined = this.#half < 0 ? audio : Buffer.concat([Buffer.of(this.#half), audio]);
    const whole = joined.length & ~1;
    this.#half = whole === joined.length ? -1 : joined[whole]!;
    return whole === joined.length ? joined : joined.subarray(0, whole);
  }

  #setMark(name: string): void {
    this.#endBurst('completed');
    this.#marks.add(name);
  }

  #begin(): string {
    this.#items += 1;
    const itemId = `${this.#parts.name}-${this.#items}`;
    this.#parts.sink.onResponseStarted(itemId);
    return itemId;
  }

  #give(audio: Uint8Array, itemId: string): void {
    if (audio.length === 0) return;
    this.#marks.received(itemId, audio.length);
    this.#parts.sink.onAudio(audio, itemId);
  }

  #end(itemId: string, status: Status): void {
    this.#marks.done(itemId);
    this.#parts.sink.onAudioDone(itemId);
    this.#parts.sink.onResponseDone(itemId, status);
  }

  #endBurst(status: Status): void {
    this.#burstEnd?.cancel();
    this.#burstEnd = null;
    this.#half = -1;
    const itemId = this.#burstId;
    this.#burstId = null;
    if (itemId !== null) this.#end(itemId, status);
  }

  /** Drops what was not heard; returns the phrases that were still coming. */
  #dropAll(itemId: string | null, playedMs: number): string[] {
    const open = this.#burstId === null ? [] : [this.#burstId];
    const head = this.#queue[0];
    if (head?.kind === 'clip' && head.itemId !== null) open.push(head.itemId);
    const names = this.#queue.flatMap((entry) => (entry.kind === 'mark' ? [entry.name] : []));
    for (const entry of this.#queue) this.#droppedBytes += entry.bytes;
    this.#retain(() => false);
    this.#burstEnd?.cancel();
    this.#burstEnd = null;
    this.#burstId = null;
    this.#half = -1;
    this.#marks.cutOff(itemId, playedMs);
    for (const name of names) this.#parts.answerMark(name, 'cleared');
    return open;
  }

  #endFlush(): void {
    this.#flushing?.cancel();
    this.#flushing = null;
    if (this.#queue.length > 0 && this.#pump === null) this.#pump = this.#after(0, () => this.#work());
  }

  #retain(wanted: (entry: Entry) => boolean): void {
    const kept = this.#queue.filter(wanted);
    this.#queue.splice(0, this.#queue.length, ...kept);
    this.#queuedBytes = kept.reduce((sum, entry) => sum + entry.bytes + ENTRY_BYTES, 0);
    if (kept.length > 0) return;
    this.#pump?.cancel();
    this.#pump = null;
  }

  #later(work: () => void): void {
    const timer = this.#after(0, () => {
      this.#farewells.delete(timer);
      work();
    });
    this.#farewells.add(timer);
  }

  /** A timer whose work may not take the process with it. */
  #after(delayMs: number, work: () => void): Timer {
    return this.#parts.clock.after(delayMs, () => {
      if (this.#over) return;
      try {
        work();
      } catch (error) {
        this.#parts.fail(asTalkspurtError(error));
      }
    });
  }
}
