/** A sink that writes everything down, and on which a test can wait. */
import type { BackendSink } from '../../src/backend/backend.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';

export type Delivered =
  | { kind: 'audio'; itemId: string; audio: Buffer }
  | { kind: 'audio-done'; itemId: string }
  | { kind: 'started'; responseId: string }
  | { kind: 'done'; responseId: string; status: string }
  | { kind: 'speech'; edge: string }
  | { kind: 'transcript'; by: string; text: string; final: boolean }
  | { kind: 'tool'; toolCallId: string; name: string; argumentsJson: string }
  | { kind: 'error'; error: TalkspurtError }
  | { kind: 'expiring'; inMs: number }
  | { kind: 'closed'; error: TalkspurtError | null };

export class RecordingSink implements BackendSink {
  readonly all: Delivered[] = [];
  readonly #waiters: { matches: () => boolean; resolve: () => void }[] = [];

  of<Kind extends Delivered['kind']>(kind: Kind): Extract<Delivered, { kind: Kind }>[] {
    return this.all.filter((entry): entry is Extract<Delivered, { kind: Kind }> => entry.kind === kind);
  }

  /** Resolves with the `count`th delivery of `kind`. */
  async until<Kind extends Delivered['kind']>(kind: Kind, count = 1): Promise<Extract<Delivered, { kind: Kind }>> {
    const matches = (): boolean => this.of(kind).length >= count;
    if (!matches()) await new Promise<void>((resolve) => this.#waiters.push({ matches, resolve }));
    return this.of(kind).at(count - 1)!;
  }

  /** All audio of an item, joined. */
  audioOf(itemId: string): Buffer {
    return Buffer.concat(this.of('audio').flatMap((entry) => (entry.itemId === itemId ? [entry.audio] : [])));
  }

  onAudio(audio: Uint8Array, itemId: string): void {
    // Borrowed: copied before it is written over.
    this.#add({ kind: 'audio', itemId, audio: Buffer.from(audio) });
  }

  onAudioDone(itemId: string): void {
    this.#add({ kind: 'audio-done', itemId });
  }

  onResponseStarted(responseId: string): void {
    this.#add({ kind: 'started', responseId });
  }

  onResponseDone(responseId: string, status: string): void {
    this.#add({ kind: 'done', responseId, status });
  }

  onSpeech(edge: string): void {
    this.#add({ kind: 'speech', edge });
  }

  onTranscript(by: string, text: string, final: boolean): void {
    this.#add({ kind: 'transcript', by, text, final });
  }

  onToolCall(toolCallId: string, name: string, argumentsJson: string): void {
    this.#add({ kind: 'tool', toolCallId, name, argumentsJson });
  }

  onError(error: TalkspurtError): void {
    this.#add({ kind: 'error', error });
  }

  onExpiring(inMs: number): void {
    this.#add({ kind: 'expiring', inMs });
  }

  onClosed(error: TalkspurtError | null): void {
    this.#add({ kind: 'closed', error });
  }

  #add(entry: Delivered): void {
    this.all.push(entry);
    for (const waiter of this.#waiters.filter(({ matches }) => matches())) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}
