/** A blind transfer that we asked for: REFER and the NOTIFY requests that tell of it (RFC 3515). */
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import type { ClientOutcome } from './client-transaction.ts';
import { isAbsoluteUri, parseSipUri, percentEncoded } from './sip-uri.ts';

/** Where to, as the value of Refer-To. `uriAtFarEnd` makes a URI of a bare user. @throws ERR_TALKSPURT_SWITCH_COMMAND */
export function referTo(target: string, uriAtFarEnd: (user: string) => string): string {
  const text = target.trim();
  const other = /^tel:\+?[0-9A-Fa-f*#().;=-]+$/.test(text);
  if (other || (/^sips?:/i.test(text) && parseSipUri(text) !== null)) return `<${text}>`;
  const bare = text !== '' && !isAbsoluteUri(text) && !/[\s<>"@]/.test(text);
  if (!bare) throw refused('the target is neither a SIP or tel URI nor a bare user');
  return `<${uriAtFarEnd(percentEncoded(text))}>`;
}

/** Settles {@link BlindTransfer.done} by the first thing that tells how it went. */
export class BlindTransfer {
  #settle: ((error: TalkspurtError | null) => void) | null = null;
  readonly #timer: Timer;
  /** Resolves when the far end has transferred the call, and also when it took the request and then said nothing more. */
  readonly done: Promise<void>;

  constructor(clock: Clock) {
    this.done = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === null ? resolve() : reject(error));
    });
    this.#timer = clock.after(LIMITS.sipReferMs, () => this.#end(null));
  }

  /** The response to REFER. */
  onOutcome(outcome: ClientOutcome): void {
    if (outcome === 'timeout' || outcome === 'transport') this.#end(refused('the far end did not answer'));
    else if (outcome.status >= 300) this.#end(refused('the far end refused it', outcome.status));
  }

  /** A NOTIFY: `sipfrag` begins with a status line. `terminated`: no further one follows. */
  onNotify(sipfrag: string, terminated: boolean): void {
    const status = Number(/^SIP\/2\.0 (\d{3})/i.exec(sipfrag.trim())?.[1] ?? 0);
    if (status >= 300) this.#end(refused('the far end could not reach the target', status));
    else if (status >= 200 || terminated) this.#end(null);
  }

  /** The dialog is over. A far end that hangs up during a transfer has taken it on. */
  onDialogEnded(byFarEnd: boolean): void {
    this.#end(
      byFarEnd ? null : new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the call ended while it was being transferred'),
    );
  }

  #end(error: TalkspurtError | null): void {
    this.#timer.cancel();
    this.#settle?.(error);
    this.#settle = null;
  }
}

/** The target is personal: it is never part of the text. */
function refused(why: string, status?: number): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', `cannot transfer the call: ${why}`, {
    details: { status },
  });
}
