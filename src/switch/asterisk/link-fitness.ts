/** Whether the Asterisk that is connected can carry our calls: asked whenever a link comes up, and again while it cannot. */
import type { Clock, Timer } from '../../core/clock.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { ProcessEvent } from '../../core/events.ts';
import { LIMITS } from '../../limits.ts';
import type { LinkFitness } from '../switch-adapter.ts';
import type { AriLink } from './ari-link.ts';
import { askCapabilities } from './asterisk-capabilities.ts';
import type { AsteriskCapabilities, MediaPathKind } from './asterisk-capabilities.ts';
import type { AsteriskMediaPath } from './media-path.ts';

/** What is asked, and who is told. */
export interface AsteriskFitnessParts {
  readonly name: string;
  readonly link: AriLink;
  readonly clock: Clock;
  readonly media: AsteriskMediaPath;
  /** What was found, where it differs from what was found before. */
  onFound(event: Extract<ProcessEvent, { type: 'link.capabilities' }>): void;
}

/** One switch's. */
export class AsteriskFitness {
  readonly #parts: AsteriskFitnessParts;
  #version: string | null = null;
  #capabilities: AsteriskCapabilities | null = null;
  #problem: TalkspurtError | null = null;
  #asking: Promise<void> | null = null;
  #retry: Timer | null = null;
  #told = '';
  #closed = false;

  constructor(parts: AsteriskFitnessParts) {
    this.#parts = parts;
  }

  /** What is known now. */
  get status(): LinkFitness {
    const media = this.#capabilities === null || this.#problem !== null ? null : this.#parts.media.kind;
    return { version: this.#version, media, problem: this.#problem?.message ?? null };
  }

  /** The link is up, to an Asterisk of this version. Resolves when it has been asked; never rejects. */
  async onUp(version: string): Promise<void> {
    this.#version = version;
    // What an earlier connection is still asked may be about another Asterisk.
    await this.#asking;
    await this.#ask();
  }

  /** Why no call can be taken; null: one can. While there is a reason Asterisk is asked anew. Never rejects. */
  async problem(): Promise<TalkspurtError | null> {
    if (this.#asking !== null) await this.#asking;
    else if (this.#problem !== null) await this.#ask();
    return this.#problem;
  }

  /** Asks nothing any more. */
  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#retry = null;
  }

  async #ask(): Promise<void> {
    this.#asking ??= this.#run();
    await this.#asking;
  }

  async #run(): Promise<void> {
    const { link, media } = this.#parts;
    this.#retry?.cancel();
    this.#retry = null;
    let again = false;
    try {
      const capabilities = await askCapabilities(link, this.#version ?? '');
      this.#capabilities = capabilities;
      await media.suit?.(capabilities);
      this.#problem = null;
    } catch (error) {
      const failure = asTalkspurtError(error);
      // Down again: its return asks. Slow, or what is no answer: what was known stands, and it is asked again.
      if (!failure.code.startsWith('ERR_TALKSPURT_LINK_')) this.#problem = failure;
      again = true;
    }
    this.#asking = null;
    if (again && !this.#closed) this.#retry = this.#parts.clock.after(LIMITS.ariCapabilityRetryMs, () => this.#later());
    if (this.#capabilities !== null) this.#tell(this.#capabilities);
  }

  #later(): void {
    this.#retry = null;
    if (this.#parts.link.up) void this.#ask();
  }

  #tell(capabilities: AsteriskCapabilities): void {
    const { name, media } = this.#parts;
    const formatsOf = (kind: MediaPathKind): string => capabilities.paths[kind].formats.join(' ');
    const found = {
      type: 'link.capabilities' as const,
      link: name,
      media: this.#problem === null ? media.kind : 'none',
      rtp: formatsOf('rtp'),
      audiosocket: formatsOf('audiosocket'),
      websocket: formatsOf('websocket'),
      missing: capabilities.missing.join(' '),
    };
    const telling = JSON.stringify([found, this.#problem?.message]);
    if (telling === this.#told) return;
    this.#told = telling;
    this.#parts.onFound({ ...found, ...(this.#problem === null ? {} : { error: this.#problem }) });
  }
}
