/** What a backend says of one call, handed to the turn, the scheduler and the events; deaf once another took its place. */
import type { BackendSink } from '../backend/backend.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { CallEvent } from '../core/events.ts';
import type { CallControls } from './call-controls.ts';
import type { ConversationRecord } from './conversation-record.ts';
import type { MediaScheduler } from './media-scheduler.ts';
import type { TurnKeeper } from './turn-keeper.ts';

/** What a feed is made of. */
export interface BackendFeedParts {
  readonly backend: string;
  readonly clock: Clock;
  readonly scheduler: MediaScheduler;
  readonly controls: CallControls;
  readonly turns: TurnKeeper;
  readonly record: ConversationRecord;
  /** What its phrases begin with, so that they are no other stream's; empty: they are as the backend calls them. */
  readonly prefix: string;
  emit(event: CallEvent): void;
  /** The stream is over. */
  onClosed(error: TalkspurtError | null): void;
}

/** The sink of one stream of one call. */
export class BackendFeed implements BackendSink {
  readonly #parts: BackendFeedParts;
  #deaf = false;
  #lively = false;
  #activeMs = Number.NaN;
  /** The backend's name of the phrase that came last, and ours. */
  #itemId = '';
  #phraseId = '';

  constructor(parts: BackendFeedParts) {
    this.#parts = parts;
  }

  /** Whether it has ever answered or heard somebody speak. */
  get lively(): boolean {
    return this.#lively;
  }

  /** When it was last heard of, ms of the clock; NaN: never. */
  get activeMs(): number {
    return this.#activeMs;
  }

  /** Nothing that still comes is heard. */
  deafen(): void {
    this.#deaf = true;
  }

  onAudio(audio: Uint8Array, itemId: string): void {
    if (this.#deaf) return;
    const { turns, scheduler, clock } = this.#parts;
    const nowMs = clock.nowMs();
    this.#lively = true;
    this.#activeMs = nowMs;
    turns.onAudio(audio, this.#phrase(itemId));
    // A burst of messages holds the timer back as a burst of packets does.
    scheduler.poke(nowMs);
  }

  onAudioDone(itemId: string): void {
    this.#stir();
    if (!this.#deaf) this.#parts.turns.onAudioDone(this.#phrase(itemId));
  }

  onResponseStarted(responseId: string): void {
    this.#stir();
    if (this.#deaf) return;
    this.#parts.record.responseStarted();
    this.#parts.turns.onResponseStarted(responseId);
  }

  onResponseDone(responseId: string): void {
    this.#stir();
    if (!this.#deaf) this.#parts.turns.onResponseDone(responseId, this.#parts.clock.nowMs());
  }

  onSpeech(edge: 'started' | 'stopped'): void {
    this.#stir();
    if (!this.#deaf) this.#parts.turns.onBackendSpeech(edge, this.#parts.clock.nowMs());
  }

  onTranscript(by: 'caller' | 'agent', text: string, final: boolean, itemId = ''): void {
    this.#stir();
    // What was said while the caller was masked is written down nowhere.
    if (this.#deaf || this.#parts.controls.masked) return;
    this.#parts.record.transcript(by, text, final, itemId === '' ? '' : this.#phrase(itemId));
    this.#emit({ type: 'transcript', by, text, final });
  }

  onPhraseSpoken(itemId: string, words?: string): void {
    // Masked or not: it adds nothing to what was written down.
    if (this.#deaf) return;
    this.#parts.record.spoken(this.#phrase(itemId), words);
  }

  onToolCall(toolCallId: string, name: string, argumentsJson: string): void {
    this.#stir();
    if (this.#deaf) return;
    this.#parts.turns.onToolCall();
    this.#parts.record.toolCall({ toolCallId, name, argumentsJson });
    this.#emit({ type: 'tool.call', toolCallId, name, argumentsJson });
  }

  onMessage(text: string): void {
    this.#stir(false);
    this.#emit({ type: 'backend.message', backend: this.#parts.backend, text });
  }

  onFlush(): void {
    if (!this.#deaf) this.#parts.turns.breakOff(this.#parts.clock.nowMs());
  }

  onError(error: TalkspurtError): void {
    this.#emit({ type: 'backend.error', backend: this.#parts.backend, error });
  }

  onExpiring(inMs: number): void {
    const message = `the backend ends its session in ${Math.round(inMs / 1000)} s`;
    this.onError(new TalkspurtError('ERR_TALKSPURT_BACKEND_SESSION_EXPIRED', message));
  }

  onClosed(error: TalkspurtError | null): void {
    this.#emit({ type: 'backend.closed', backend: this.#parts.backend, ...(error === null ? {} : { error }) });
    if (this.#deaf) return;
    this.#parts.onClosed(error);
  }

  /** `answers`: it is one that does, not only one that says something. */
  #stir(answers = true): void {
    this.#lively ||= answers;
    this.#activeMs = this.#parts.clock.nowMs();
  }

  #phrase(itemId: string): string {
    if (this.#parts.prefix === '') return itemId;
    if (itemId !== this.#itemId) {
      this.#itemId = itemId;
      this.#phraseId = this.#parts.prefix + itemId;
    }
    return this.#phraseId;
  }

  #emit(event: CallEvent): void {
    if (!this.#deaf) this.#parts.emit(event);
  }
}
