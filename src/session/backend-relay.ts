/**
 * Stands between a call and its streams once one of them was lost or changed: keeps the caller's audio while there is none, hands
 * it on faster than real time when there is one again, and keeps the phrases of one stream apart from another's.
 *
 * Order: nothing overtakes the audio that is kept. A turn of the caller that ended within it is told when its audio has been sent.
 */
import type { BackendStream, HeardPhrase } from '../backend/backend.ts';
import { bytesPerMs, sameAudio } from '../core/media.ts';
import type { AudioFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import { CallerBacklog } from './caller-backlog.ts';

/** How much is kept, and how fast it is handed on. */
export interface RelayOptions {
  readonly ptimeMs: number;
  /** Caller audio that is kept, ms. */
  readonly bufferMs: number;
  /** Frames that are sent for each that comes, until none is left. */
  readonly catchUpRate: number;
}

/** From one format to another; null: what was kept cannot be converted, and is lost. */
export type ConvertAudio = (audio: Uint8Array, from: AudioFormat, to: AudioFormat) => Uint8Array | null;

/** One call's. */
export class BackendRelay implements BackendStream {
  readonly #options: RelayOptions;
  #target: BackendStream | null = null;
  /** What the phrases of the stream in use are called by, here. */
  #prefix = '';
  #inputFormat: AudioFormat;
  #outputFormat: AudioFormat;
  #detectsTurns: boolean;
  #wantsPlayed: boolean;
  #interrupts: boolean;
  #backlog: CallerBacklog | null = null;
  /** Frames that were lost here: of a backlog that was full, or that could not be converted. */
  #lost = 0;
  /** How many kept frames go before each turn's end; rising. */
  readonly #turnEnds: number[] = [];

  /** In the place of `stream`, whose formats the call goes on in. */
  constructor(stream: BackendStream, options: RelayOptions) {
    this.#options = options;
    this.#inputFormat = stream.inputFormat;
    this.#outputFormat = stream.outputFormat;
    this.#detectsTurns = stream.detectsTurns;
    this.#wantsPlayed = stream.wantsPlayed === true;
    this.#interrupts = stream.interrupts === true;
  }

  get inputFormat(): AudioFormat {
    return this.#inputFormat;
  }

  get outputFormat(): AudioFormat {
    return this.#outputFormat;
  }

  get detectsTurns(): boolean {
    return this.#detectsTurns;
  }

  get interrupts(): boolean {
    return this.#interrupts;
  }

  /** Caller audio that waits, ms. */
  get keptMs(): number {
    return (this.#backlog?.size ?? 0) * this.#options.ptimeMs;
  }

  /** Frames that did not fit here. */
  get lostFrames(): number {
    return this.#lost + (this.#backlog?.dropped ?? 0);
  }

  get droppedFrames(): number {
    return this.#target?.droppedFrames ?? 0;
  }

  /** Also while there is no stream: another party's audio is taken in step, and goes nowhere. */
  get wantsPlayed(): boolean {
    return this.#wantsPlayed;
  }

  /** There is no stream: what the caller says from now on is kept. The room for it is made here. */
  detach(): void {
    this.#target = null;
    this.#ring();
  }

  /** There is one, whose phrases are called by `prefix`: what was kept goes first. Nothing is sent yet. */
  attach(stream: BackendStream, prefix: string, convert: ConvertAudio | null): void {
    if (!sameAudio(stream.inputFormat, this.#inputFormat)) this.#convertBacklog(stream.inputFormat, convert);
    this.#target = stream;
    this.#prefix = prefix;
    this.#inputFormat = stream.inputFormat;
    this.#outputFormat = stream.outputFormat;
    this.#detectsTurns = stream.detectsTurns;
    this.#wantsPlayed = stream.wantsPlayed === true;
    this.#interrupts = stream.interrupts === true;
  }

  /** Where nothing waits, the caller's turns that have ended are told. */
  commitPassed(): void {
    if (this.keptMs > 0) return;
    for (let ends = this.#turnEnds.splice(0).length; ends > 0; ends -= 1) this.#target?.commitTurn();
  }

  /** What was kept is in a hurry, whatever is in it: `silentMs` counts once nothing waits. */
  sendAudio(frame: Uint8Array, silentMs = 0): boolean {
    const backlog = this.#backlog;
    const target = this.#target;
    if (target === null) return backlog !== null && this.#keep(backlog, frame);
    if (backlog === null || backlog.size === 0) return target.sendAudio(frame, silentMs);
    for (let sent = 0; sent < this.#options.catchUpRate; sent += 1) {
      const kept = backlog.pop();
      if (kept === null) return target.sendAudio(frame);
      // What the agent said meanwhile is not kept.
      if (target.wantsPlayed === true) target.sendPlayed?.(null);
      target.sendAudio(kept);
      if (this.#turnEnds.length > 0) this.#passed(target);
    }
    return this.#keep(backlog, frame);
  }

  letDrain(): number {
    return this.#target?.letDrain?.() ?? 0;
  }

  sendPlayed(frame: Uint8Array | null): void {
    if (this.#backlog === null || this.#backlog.size === 0) this.#target?.sendPlayed?.(frame);
  }

  /** Of a turn whose beginning waits here, its end says enough. */
  startTurn(): void {
    if (this.keptMs === 0) this.#target?.startTurn?.();
  }

  commitTurn(): void {
    const waiting = this.#backlog?.size ?? 0;
    if (waiting === 0 && this.#target !== null) {
      this.#target.commitTurn();
      return;
    }
    this.#turnEnds.push(waiting);
    if (this.#turnEnds.length > LIMITS.backlogTurns) this.#turnEnds.shift();
  }

  cancelResponse(itemId: string | null, playedMs: number, lastHeard?: HeardPhrase | null): void {
    const own = this.#own(itemId);
    if (own !== null) this.#target?.cancelResponse(own, playedMs);
    // Whoever is heard is another one: this one's turn had not come.
    else if (itemId !== null) this.#target?.cancelResponse(null, 0, null);
    else this.#target?.cancelResponse(null, 0, this.#ownPhrase(lastHeard));
  }

  onItemPlayed(itemId: string, playedMs: number, whole: boolean): void {
    const own = this.#own(itemId);
    if (own !== null) this.#target?.onItemPlayed?.(own, playedMs, whole);
  }

  requestResponse(instructions?: string): void {
    this.#target?.requestResponse(instructions);
  }

  sendText(text: string): void {
    this.#target?.sendText(text);
  }

  sendToolResult(toolCallId: string, outputJson: string): void {
    this.#target?.sendToolResult(toolCallId, outputJson);
  }

  /** Whoever owns the streams closes them. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The stream's own name of a phrase; null: it is not of this one. */
  #own(itemId: string | null): string | null {
    if (itemId === null || !itemId.startsWith(this.#prefix)) return null;
    const own = itemId.slice(this.#prefix.length);
    return own.startsWith(PREFIX_MARK) ? null : own;
  }

  #ownPhrase(phrase: HeardPhrase | null | undefined): HeardPhrase | null | undefined {
    const itemId = phrase === undefined || phrase === null ? phrase : this.#own(phrase.itemId);
    return typeof itemId === 'string' ? { itemId, playedMs: phrase?.playedMs ?? 0 } : itemId;
  }

  #keep(backlog: CallerBacklog, frame: Uint8Array): boolean {
    const { dropped } = backlog;
    const taken = backlog.push(frame);
    if (!taken) this.#lost += 1;
    if (backlog.dropped > dropped) this.#moved();
    return taken;
  }

  /** One frame less waits before each turn's end. */
  #moved(): void {
    for (let index = 0; index < this.#turnEnds.length; index += 1) {
      this.#turnEnds[index] = Math.max(0, (this.#turnEnds[index] ?? 0) - 1);
    }
  }

  #passed(target: BackendStream): void {
    this.#moved();
    while (this.#turnEnds.length > 0 && (this.#turnEnds[0] ?? 0) <= 0) {
      this.#turnEnds.shift();
      target.commitTurn();
    }
  }

  #ring(): CallerBacklog {
    const { ptimeMs, bufferMs } = this.#options;
    return (this.#backlog ??= new CallerBacklog(
      bytesPerMs(this.#inputFormat) * ptimeMs,
      Math.floor(Math.min(bufferMs, LIMITS.backlogMs) / ptimeMs),
    ));
  }

  #convertBacklog(to: AudioFormat, convert: ConvertAudio | null): void {
    const before = this.#backlog;
    this.#backlog = null;
    if (before === null) return;
    const from = this.#inputFormat;
    const audio = before.size === 0 ? new Uint8Array(0) : (convert?.(before.read(), from, to) ?? null);
    this.#lost += before.dropped + (audio === null ? before.size : 0);
    if (audio === null || audio.length === 0) {
      this.#turnEnds.length = 0;
      return;
    }
    this.#inputFormat = to;
    const after = this.#ring();
    for (let at = 0; at + after.frameBytes <= audio.length; at += after.frameBytes) {
      after.push(audio.subarray(at, at + after.frameBytes));
    }
  }
}

/** No backend calls a phrase so. */
const PREFIX_MARK = '\u0001';

/** What the phrases of a call's stream number `generation` begin with; those of the first are as they are. */
export function phrasePrefix(generation: number): string {
  return generation === 0 ? '' : `${PREFIX_MARK}${generation}${PREFIX_MARK}`;
}
