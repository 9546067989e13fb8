/** The media path that a switch's calls go by: the configured one, or of `auto` the best that the connected Asterisk has. */
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { pathsFor } from './asterisk-capabilities.ts';
import type { AsteriskCapabilities, MediaPathKind, MediaWish } from './asterisk-capabilities.ts';
import type { AsteriskMediaPath, MediaWanted, PreparedMedia } from './media-path.ts';

/** What is chosen from. */
export interface MediaChoiceOptions extends MediaWish {
  /** Opens a way: once at most while that succeeds, and not before it is wanted. What it gives is owned by the choice. */
  open(kind: MediaPathKind): Promise<AsteriskMediaPath>;
  /** Before each choice; must not reject. */
  before?(): Promise<void>;
}

/** One path in place of several. What is open stays open until `close`: calls may be on it. */
export class MediaChoice implements AsteriskMediaPath {
  readonly #options: MediaChoiceOptions;
  readonly #open = new Map<MediaPathKind, Promise<AsteriskMediaPath>>();
  #chosen: AsteriskMediaPath | null = null;
  #capabilities: AsteriskCapabilities | null = null;
  #problem: TalkspurtError | null = null;
  #closed = false;

  constructor(options: MediaChoiceOptions) {
    this.#options = options;
  }

  get kind(): MediaPathKind {
    const { kind } = this.#options;
    return this.#chosen?.kind ?? (kind === 'auto' ? 'rtp' : kind);
  }

  /** Opens what is configured, before anything is known of Asterisk. @throws as `open`; of `auto` nothing is opened */
  async openConfigured(): Promise<void> {
    const { kind } = this.#options;
    if (kind !== 'auto') this.#chosen = await this.#opened(kind);
  }

  /**
   * Chooses for the Asterisk that is connected now, for calls to come.
   * @throws ERR_TALKSPURT_NOT_SUPPORTED when it has none that would do, which `prepare` then says too; else as `open`
   */
  async suit(capabilities: AsteriskCapabilities): Promise<void> {
    this.#capabilities = capabilities;
    await this.#options.before?.();
    try {
      this.#chosen = await this.#firstOf(pathsFor(capabilities, this.#options));
      if (!this.#closed) this.#problem = null;
    } catch (error) {
      this.#problem = asTalkspurtError(error);
      throw this.#problem;
    }
  }

  /** @throws what `suit` threw, and as the path that is taken */
  async prepare(wanted: MediaWanted): Promise<PreparedMedia> {
    if (this.#problem !== null) throw this.#problem;
    if (this.#chosen === null) {
      const message = `what Asterisk behind switch ${this.#options.switchName} can do is not known yet: try again once its link is up`;
      throw new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', message);
    }
    const known = this.#capabilities === null ? {} : { capabilities: this.#capabilities };
    return await this.#chosen.prepare({ ...wanted, ...known });
  }

  async close(): Promise<void> {
    this.#problem = closed();
    this.#closed = true;
    const opened = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    await Promise.all(opened.map(async (each) => (each.status === 'fulfilled' ? await each.value.close() : undefined)));
  }

  /** One that cannot be opened (its port is taken) leaves its place to the next. */
  async #firstOf(kinds: readonly MediaPathKind[]): Promise<AsteriskMediaPath> {
    let failure: unknown = null;
    for (const kind of kinds) {
      try {
        return await this.#opened(kind);
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  async #opened(kind: MediaPathKind): Promise<AsteriskMediaPath> {
    if (this.#closed) throw closed();
    const opening = this.#open.get(kind) ?? this.#options.open(kind);
    this.#open.set(kind, opening);
    try {
      return await opening;
    } catch (error) {
      // Tried anew the next time.
      this.#open.delete(kind);
      throw error;
    }
  }
}

function closed(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'the media of this switch are closed');
}
