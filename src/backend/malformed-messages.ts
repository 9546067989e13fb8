/** Messages of a peer that are not what they should be: each is told, and too many in a row end the stream. */
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';

/** Whose messages they are, and who hears of them. */
export interface MalformedMessagesOptions {
  /** The backend's name, for messages. */
  readonly backend: string;
  /** Tells of one; the stream goes on. */
  readonly tell: (error: TalkspurtError) => void;
  /** Ends the stream: more than `LIMITS.backendMalformedMessages` came one after the other. */
  readonly end: (error: TalkspurtError) => void;
}

/** The malformed messages of one stream; see the top of the file. */
export class MalformedMessages {
  readonly #options: MalformedMessagesOptions;
  #count = 0;
  #inARow = 0;

  constructor(options: MalformedMessagesOptions) {
    this.#options = options;
  }

  /** All that ever came. */
  get count(): number {
    return this.#count;
  }

  /** One more: `of` is what it was meant to be, `field` what is wrong in it. Neither is the peer's text. */
  add(of: string, field: string): void {
    this.#count += 1;
    this.#inARow += 1;
    const { backend, tell, end } = this.#options;
    const error = new TalkspurtError(
      'ERR_TALKSPURT_BACKEND_PROTOCOL',
      `backend '${backend}' sent a malformed ${of} (${field})`,
      { details: { event: of, field, count: this.#count } },
    );
    if (this.#inARow > LIMITS.backendMalformedMessages) end(error);
    else tell(error);
  }

  /** A sound one came between them. Hot path. */
  sound(): void {
    this.#inARow = 0;
  }
}
