/**
 * How a leg lets go of its channel: its last words once, then its media, then the channel is nobody's. Last words that could
 * not be said because the link was down are owed: the leg stays held until the link is back and they are said, or the channel is gone.
 */
import { TalkspurtError, hasCode } from '../../core/errors.ts';

/** One end. */
export interface ChannelEndingSteps {
  /** Brings what is on its way to its end. Never rejects. */
  prepare(): Promise<void>;
  /** What the channel is told; may be called again. @throws when it could not */
  lastWords(): Promise<void>;
  /** Frees what is ours, whatever became of the words. */
  free(): Promise<void>;
}

/** What an ending works with. */
export interface ChannelEndingParts {
  readonly linkUp: () => boolean;
  /** Nothing of ours is left on the channel. Called once. */
  onReleased(): Promise<void>;
}

/** The end of one leg. */
export class ChannelEnding {
  readonly #parts: ChannelEndingParts;
  #ending: Promise<void> | null = null;
  #owed: (() => Promise<void>) | null = null;

  constructor(parts: ChannelEndingParts) {
    this.#parts = parts;
  }

  get begun(): boolean {
    return this.#ending !== null;
  }

  get owed(): boolean {
    return this.#owed !== null;
  }

  /** Ends, once; later ones wait for the first. @throws what the words did, unless they are owed now */
  async run(steps: ChannelEndingSteps): Promise<void> {
    this.#ending ??= this.#run(steps);
    await this.#ending;
  }

  async #run(steps: ChannelEndingSteps): Promise<void> {
    await steps.prepare();
    try {
      await steps.lastWords();
    } catch (error) {
      if (!(error instanceof TalkspurtError)) throw error;
      if (!this.#parts.linkUp() && !hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) this.#owed = () => steps.lastWords();
      else if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
    } finally {
      await steps.free();
      if (this.#owed === null) await this.#parts.onReleased();
    }
  }

  /** The link is back: what is owed is said. @throws what the words did; while the link is down they stay owed */
  async pay(): Promise<void> {
    const lastWords = this.#owed;
    if (lastWords === null) return;
    try {
      await lastWords();
    } catch (error) {
      if (!this.#parts.linkUp()) throw error;
      // Refused, or the channel is gone: saying it again would change nothing.
      if (!(error instanceof TalkspurtError)) throw error;
    }
    await this.forgive();
  }

  /** The channel is gone, and what was owed with it. */
  async forgive(): Promise<void> {
    if (this.#owed === null) return;
    this.#owed = null;
    await this.#parts.onReleased();
  }
}
