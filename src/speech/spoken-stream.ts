/** One conversation of a backend that writes, as the stream of a call: hears through the backend, speaks through the voice. */
import type { BackendStream, HeardPhrase } from '../backend/backend.ts';
import type { AudioFormat } from '../core/media.ts';
import type { SpokenConversation } from './spoken-conversation.ts';

/** What the session is given; see the top of the file. */
export class SpokenStream implements BackendStream {
  readonly inputFormat: AudioFormat;
  readonly outputFormat: AudioFormat;
  readonly detectsTurns: boolean;
  readonly #inner: BackendStream;
  readonly #conversation: SpokenConversation;
  readonly expiresAtMs?: number;
  readonly mayOnlyListen?: boolean;
  readonly sendJson?: (json: string) => void;
  readonly sendMetadata?: (text: string) => void;
  readonly letDrain?: () => number;

  constructor(inner: BackendStream, conversation: SpokenConversation, outputFormat: AudioFormat) {
    this.#inner = inner;
    this.#conversation = conversation;
    this.inputFormat = inner.inputFormat;
    this.outputFormat = outputFormat;
    this.detectsTurns = inner.detectsTurns;
    // What the backend does not have must not be seen to be there.
    if (inner.expiresAtMs !== undefined) this.expiresAtMs = inner.expiresAtMs;
    if (inner.mayOnlyListen !== undefined) this.mayOnlyListen = inner.mayOnlyListen;
    if (inner.sendJson !== undefined) this.sendJson = (json) => inner.sendJson?.(json);
    if (inner.sendMetadata !== undefined) this.sendMetadata = (text) => inner.sendMetadata?.(text);
    if (inner.letDrain !== undefined) this.letDrain = () => inner.letDrain?.() ?? 0;
  }

  get droppedFrames(): number {
    return this.#inner.droppedFrames;
  }

  get interrupts(): boolean {
    return this.#inner.interrupts === true;
  }

  get reconnects(): number {
    return this.#inner.reconnects ?? 0;
  }

  get speech(): NonNullable<BackendStream['speech']> {
    const { stats, waiting, waitMs } = this.#conversation;
    return { ...stats, waiting, waitMs };
  }

  get unsaid(): NonNullable<BackendStream['unsaid']> {
    return this.#conversation.unsaid;
  }

  sendAudio(frame: Uint8Array, silentMs?: number): boolean {
    return this.#inner.sendAudio(frame, silentMs);
  }

  commitTurn(): void {
    this.#conversation.asked();
    this.#inner.commitTurn();
  }

  cancelResponse(itemId: string | null, playedMs: number, lastHeard?: HeardPhrase | null): void {
    this.#conversation.cancel(itemId === null ? lastHeard : { itemId, playedMs });
  }

  requestResponse(instructions?: string): void {
    this.#conversation.asked();
    this.#inner.requestResponse(instructions);
  }

  sendText(text: string): void {
    this.#conversation.asked();
    this.#inner.sendText(text);
  }

  sendToolResult(toolCallId: string, outputJson: string): void {
    this.#conversation.asked();
    this.#inner.sendToolResult(toolCallId, outputJson);
  }

  say(text: string, written = false): void {
    this.#conversation.say(text, written);
  }

  onItemPlayed(itemId: string, _playedMs: number, whole: boolean): void {
    this.#conversation.played(itemId, whole);
  }

  close(): Promise<void> {
    this.#conversation.close();
    return this.#inner.close();
  }
}
