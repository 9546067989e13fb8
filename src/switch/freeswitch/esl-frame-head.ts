/** The header block of one Event Socket frame, read strictly: what two readers could read differently is malformed. */
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';

/** What a header block says that anybody here reads. */
export interface EslFrameHead {
  readonly contentType: string;
  readonly bodyBytes: number;
  /** `Reply-Text`, or empty. */
  readonly replyText: string;
  /** A goodbye that is still to come: `Content-Disposition: linger` of a disconnect notice. */
  readonly lingers: boolean;
}

const HEADER_LINE = /^([!-9;-~]+): /;
const DIGITS = /^\d{1,9}$/;

/**
 * Reads `head`: its lines without the blank one that ends them.
 * @throws ERR_TALKSPURT_LINK_PROTOCOL; what the peer sent is not repeated
 */
export function parseFrameHead(head: string): EslFrameHead {
  let [bodyBytes, contentType, replyText]: [number | null, string | null, string] = [null, null, ''];
  let lingers = false;
  for (const line of head.split('\n')) {
    const name = HEADER_LINE.exec(line)?.[1];
    if (name === undefined) throw malformed('a header line without a name');
    const value = line.slice(name.length + 2);
    switch (name.toLowerCase()) {
      case 'content-type':
        contentType ??= value;
        break;
      case 'content-length':
        if (bodyBytes !== null || name !== 'Content-Length' || !DIGITS.test(value)) {
          throw malformed('a bad Content-Length');
        }
        bodyBytes = Number(value);
        break;
      case 'reply-text':
        replyText = value;
        break;
      case 'content-disposition':
        lingers = value === 'linger';
        break;
      default:
      // Nothing that a link needs to know.
    }
  }
  if (contentType === null) throw malformed('no Content-Type');
  if (bodyBytes !== null && bodyBytes > LIMITS.eslBodyBytes) {
    throw malformed(`a body of more than ${LIMITS.eslBodyBytes} bytes`);
  }
  return { contentType, bodyBytes: bodyBytes ?? 0, replyText, lingers };
}

/** The bytes are not an Event Socket's. What the peer sent stays out of the message: it may hold anything. */
export function malformed(what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', `the switch sent ${what}: is this an Event Socket port?`);
}
