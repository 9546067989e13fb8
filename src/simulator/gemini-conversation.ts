/** Conversations with the embedded Gemini Live server: what outlives a connection, and the handles by which it is found again. */
import { randomBytes } from 'node:crypto';
import { LIMITS } from '../limits.ts';
import type { Dialogue, DialogueCall } from './dialogue.ts';
import { DialogueTalk } from './dialogue-talk.ts';
import type { GeminiUsage } from './gemini-message.ts';
import { GeminiRefusal } from './gemini-refusal.ts';

/** Tokens: 25 a second of audio, one for four characters. */
const AUDIO_TOKEN_MS = 40;
const TOKEN_CHARACTERS = 4;
/** Calls that are over, and whose results may still be on their way. */
const SETTLED = 64;

/** The place in the script, and all that was counted on the way there. */
export class GeminiConversation {
  readonly model: string;
  readonly talk: DialogueTalk;
  /** When it began, by the clock's ms. */
  readonly startedMs: number;
  /** The function calls that wait for their result; they outlive a connection. */
  readonly calls = new Map<string, DialogueCall>();
  readonly #settled = new Set<string>();
  /** What the caller wrote last and nobody has answered. */
  unanswered: string | null = null;
  /** Connections that hold it, and when the last of them ended. */
  connections = 0;
  leftMs = 0;
  #audioTokens = 0;
  #textTokens = 0;

  constructor(model: string, dialogue: Dialogue, startedMs: number) {
    this.model = model;
    this.talk = new DialogueTalk(dialogue);
    this.startedMs = startedMs;
  }

  addAudio(audioMs: number): void {
    this.#audioTokens += Math.ceil(audioMs / AUDIO_TOKEN_MS);
  }

  addText(text: string): void {
    this.#textTokens += Math.ceil(text.length / TOKEN_CHARACTERS);
  }

  /** A call is answered or called off. */
  settle(id: string): void {
    this.calls.delete(id);
    this.#settled.add(id);
    for (const oldest of this.#settled) {
      if (this.#settled.size <= SETTLED) break;
      this.#settled.delete(oldest);
    }
  }

  /** Whether this was the id of a call once. */
  knowsCall(id: string): boolean {
    return this.calls.has(id) || this.#settled.has(id);
  }

  /** What an answer of `answerMs` costs; from then on it is part of what is read. */
  bill(answerMs: number): GeminiUsage {
    const audio = this.#audioTokens;
    const text = this.#textTokens;
    const answer = Math.ceil(answerMs / AUDIO_TOKEN_MS);
    this.addAudio(answerMs);
    return {
      promptTokenCount: audio + text,
      responseTokenCount: answer,
      totalTokenCount: audio + text + answer,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: text },
        { modality: 'AUDIO', tokenCount: audio },
      ],
      responseTokensDetails: [{ modality: 'AUDIO', tokenCount: answer }],
    };
  }
}

/** Every conversation that can be gone on with; owned by the server. */
export class GeminiConversations {
  readonly #handleMs: number;
  readonly #resumeAfterMs: number;
  readonly #byHandle = new Map<string, GeminiConversation>();

  /** A conversation can be gone on with for `handleMs` after its last connection, and not before `resumeAfterMs`. */
  constructor(handleMs: number, resumeAfterMs = 0) {
    this.#handleMs = handleMs;
    this.#resumeAfterMs = resumeAfterMs;
  }

  /** A new handle. Any handle of a conversation leads to all of it, not to what it was when it was given out. */
  handleOf(conversation: GeminiConversation): string {
    const handle = randomBytes(27).toString('base64url');
    this.#byHandle.set(handle, conversation);
    for (const oldest of this.#byHandle.keys()) {
      if (this.#byHandle.size <= LIMITS.simulatedHandles) break;
      this.#byHandle.delete(oldest);
    }
    return handle;
  }

  /** @throws GeminiRefusal for a handle that is not known, or no longer, or not yet, and for another model */
  find(handle: string, model: string, nowMs: number): GeminiConversation {
    const conversation = this.#byHandle.get(handle);
    if (conversation === undefined) throw GeminiRefusal.unknownSession();
    const awayMs = conversation.connections > 0 ? null : nowMs - conversation.leftMs;
    if (awayMs !== null && awayMs > this.#handleMs) {
      this.#byHandle.delete(handle);
      throw GeminiRefusal.unknownSession();
    }
    if (conversation.model !== model) throw GeminiRefusal.invalid();
    if (awayMs !== null && awayMs < this.#resumeAfterMs) throw GeminiRefusal.internal();
    return conversation;
  }
}
