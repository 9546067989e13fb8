/** API commands about one channel, and the errors that come of them. */
import { TalkspurtError } from '../../core/errors.ts';
import { parseJsonHeaders } from './esl-event.ts';
import type { EslLink } from './esl-link.ts';

/** Whose channel it is. */
export interface ChannelApiParts {
  readonly uuid: string;
  readonly switchName: string;
  readonly link: EslLink;
  /** Whether it is known to be gone: then nothing is sent. */
  readonly gone: () => boolean;
}

/** One channel's commands. */
export class ChannelApi {
  readonly #parts: ChannelApiParts;

  constructor(parts: ChannelApiParts) {
    this.#parts = parts;
  }

  /** @throws ERR_TALKSPURT_SWITCH_COMMAND for a refusal, ERR_TALKSPURT_CALL_GONE, ERR_TALKSPURT_LINK_* */
  async command(line: string): Promise<string> {
    const { switchName, link, gone } = this.#parts;
    if (gone()) throw this.goneError();
    const reply = await link.api(line);
    if (!reply.startsWith('-')) return reply;
    if (/no such channel|cannot locate|not found|invalid uuid/i.test(reply)) throw this.goneError();
    const verb = line.split(' ', 1)[0] ?? '';
    const message = `${switchName} refused ${verb}: ${reply.trim().slice(0, 200)}`;
    throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message);
  }

  /** What the switch knows of the channel. @throws as {@link command} */
  async dump(): Promise<Readonly<Record<string, string | undefined>>> {
    return parseJsonHeaders(await this.command(`uuid_dump ${this.#parts.uuid} json`));
  }

  /** The switch did not do `what` in time. */
  late(what: string): TalkspurtError {
    return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', `${this.#parts.switchName} did not ${what} in time`);
  }

  /** The switch has dialled the channel, and it rings: `uuid_answer` says `+OK` to that, and does nothing. */
  ringingError(): TalkspurtError {
    const message = `the call was dialled by ${this.#parts.switchName} and is not answered yet: start when whoever is called has answered`;
    return new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message);
  }

  goneError(): TalkspurtError {
    const message = `the channel is no longer on ${this.#parts.switchName}`;
    return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', message);
  }
}
