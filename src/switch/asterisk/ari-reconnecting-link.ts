/** The life of an ARI link: dialled, proven, and dialled again, whoever speaks the wire. */
import { randomUUID } from 'node:crypto';
import { Backoff } from '../../core/backoff.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { asTalkspurtError, hasCode } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { AriApplicationLook } from './ari-application.ts';
import type { AriConnection, AriDial } from './ari-connection.ts';
import type { AriEvent, AriLink, AriLinkListener, AriRequest } from './ari-link.ts';
import { NOT_INSTALLED, deaf, down, protocolError, readOnly, replaced } from './ari-link-error.ts';
import { AriProof } from './ari-proof.ts';

/** The port over any {@link AriDial}. */
export class AriReconnectingLink implements AriLink {
  readonly name: string;
  readonly app: string;
  readonly #clock: Clock;
  readonly #dial: AriDial;
  readonly #isTaken: AriApplicationLook;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  #listener: AriLinkListener | null = null;
  #connection: AriConnection | null = null;
  /** Dialled, and not up yet. */
  #unproven: AriConnection | null = null;
  #attempt: Promise<void> = Promise.resolve();
  #timer: Timer | null = null;
  /** Of the connection that is up, or on its way: see ari-proof.ts. */
  #proof: AriProof | null = null;
  #proofTimer: Timer | null = null;
  /** Somebody else took the application: it is theirs until they are gone. */
  #replaced = false;

  constructor(
    options: { readonly name: string; readonly app: string; readonly clock: Clock },
    dial: AriDial,
    isTaken: AriApplicationLook,
  ) {
    this.name = options.name;
    this.app = options.app;
    this.#clock = options.clock;
    this.#dial = dial;
    this.#isTaken = isTaken;
    const baseMs = LIMITS.linkBackoffBaseMs;
    const capMs = LIMITS.linkBackoffCapMs;
    this.#backoff = new Backoff({ baseMs, capMs, random: () => options.clock.random() });
  }

  get up(): boolean {
    return this.#connection !== null;
  }

  async start(listener: AriLinkListener): Promise<void> {
    this.#listener = listener;
    this.#attempt = this.#connect();
    await this.#attempt;
  }

  async request(request: AriRequest): Promise<unknown> {
    if (this.#connection === null) throw down(`the link to ${this.name} is down: see its log lines for why`);
    return await this.#connection.request(request);
  }

  async close(): Promise<void> {
    const closed = down(`the link to ${this.name} was closed`);
    this.#closing.abort(closed);
    this.#timer?.cancel();
    this.#timer = null;
    this.#unproven?.close(closed);
    this.#drop(closed);
    await this.#attempt;
  }

  /** One attempt; never rejects. */
  async #connect(): Promise<void> {
    const { signal } = this.#closing;
    const attempt = new Attempt();
    const proof = new AriProof(this.app, this.#clock);
    this.#proof = proof;
    let connection: AriConnection | null = null;
    try {
      if (this.#replaced && (await this.#isTaken(this.#clock, signal))) throw replaced(this.app);
      connection = await this.#dial(
        {
          onEvent: (event) => {
            if (proof.take(event)) return;
            if (attempt.isUp) this.#deliver(event);
            else attempt.keep(event);
          },
          onFault: (error) => this.#fault(error),
          onClosed: (error) => {
            attempt.ended ??= error;
            proof.end(error);
            if (connection !== null && this.#connection === connection) this.#onLost(error);
          },
        },
        this.#clock,
        signal,
      );
      this.#unproven = connection;
      await checkWriting(connection);
      if (!(await proof.ask(connection))) throw deaf(this.app);
      if (attempt.ended !== null) throw attempt.ended;
      signal.throwIfAborted();
    } catch (error) {
      const failure = attempt.ended ?? asTalkspurtError(error, 'ERR_TALKSPURT_LINK_PROTOCOL');
      connection?.close(failure);
      this.#retry(failure);
      return;
    } finally {
      this.#unproven = null;
    }
    this.#connection = connection;
    this.#proveLater(connection, proof);
    this.#replaced = false;
    this.#backoff.reset();
    this.#listener?.onUp(connection.info);
    // A call that came while the link was being proven is a call all the same.
    attempt.release((event) => {
      if (this.#connection === connection) this.#deliver(event);
    });
  }

  /** Whoever comes after us may lose the application as well, and late: an end of before ours that Asterisk sees only now. */
  #proveLater(connection: AriConnection, proof: AriProof): void {
    this.#proofTimer = this.#clock.after(LIMITS.ariProofEveryMs, () => void this.#prove(connection, proof));
  }

  /** Never rejects. */
  async #prove(connection: AriConnection, proof: AriProof): Promise<void> {
    // A question that broke off or was not answered proves nothing: of a link that is dead its own signs of life tell.
    const isHeard = await proof.ask(connection).catch(() => true);
    if (this.#connection !== connection) return;
    if (isHeard) this.#proveLater(connection, proof);
    else this.#onLost(deaf(this.app));
  }

  #deliver(event: AriEvent): void {
    try {
      this.#listener?.onEvent(event);
    } catch (error) {
      this.#fault(asTalkspurtError(error));
    }
  }

  #fault(error: TalkspurtError): void {
    this.#listener?.onFault?.(error);
  }

  #onLost(error: TalkspurtError): void {
    this.#drop(error);
    this.#retry(error);
  }

  #drop(error: TalkspurtError): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#proofTimer?.cancel();
    this.#proof?.end(error);
    connection?.close(error);
  }

  #retry(error: TalkspurtError): void {
    if (this.#closing.signal.aborted) return;
    this.#replaced ||= error.code === 'ERR_TALKSPURT_LINK_REPLACED';
    const retryInMs = this.#backoff.nextMs() + (isLasting(error) ? LIMITS.linkRefusedRetryMs : 0);
    this.#timer = this.#clock.after(retryInMs, () => {
      this.#timer = null;
      this.#attempt = this.#connect();
    });
    this.#listener?.onDown(error, retryInMs);
  }
}

/** Nothing changes soon about a refused password, or somebody else's being here: asking often would only fill logs. */
function isLasting(error: TalkspurtError): boolean {
  const { code, details } = error;
  const lasting = ['ERR_TALKSPURT_LINK_AUTH', 'ERR_TALKSPURT_LINK_DENIED', 'ERR_TALKSPURT_LINK_REPLACED'];
  return lasting.includes(code) || details['reason'] === NOT_INSTALLED;
}

/**
 * A user who may only read is let in like any other. Nothing is changed by hanging up a channel that is not there.
 * @throws ERR_TALKSPURT_LINK_DENIED, or as `AriLink.request`
 */
async function checkWriting(connection: AriConnection): Promise<void> {
  try {
    await connection.request({ method: 'DELETE', path: `channels/talkspurt-${randomUUID()}` });
  } catch (error) {
    if (!hasCode(error, 'ERR_TALKSPURT_ARI_REFUSED')) throw error;
    if (error.details['status'] === 403) throw readOnly();
  }
}

/** What comes before a connection is up. */
class Attempt {
  isUp = false;
  ended: TalkspurtError | null = null;
  readonly #early: AriEvent[] = [];

  keep(event: AriEvent): void {
    if (this.#early.length < LIMITS.ariEarlyEvents) this.#early.push(event);
    else this.ended ??= protocolError(`more than ${LIMITS.ariEarlyEvents} events before its first answer`);
  }

  /** Hands on what came, in order, and what comes from within. */
  release(deliver: (event: AriEvent) => void): void {
    for (const event of this.#early) deliver(event);
    this.#early.length = 0;
    this.isUp = true;
  }
}
