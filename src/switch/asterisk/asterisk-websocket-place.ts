/** A place at the server that Asterisk's chan_websocket dials, kept for one channel. */
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import type { ChanWebSocketConnection } from '../../transport/chan-websocket-connection.ts';
import type { ChanWebSocketStart } from '../../transport/chan-websocket-message.ts';

/** A connection that has said which channel it is. Closed by whoever expected it. */
export interface StartedChanWebSocket {
  readonly connection: ChanWebSocketConnection;
  readonly start: ChanWebSocketStart;
}

/** A place that is kept for one channel. */
export interface ExpectedChanWebSocket {
  /**
   * The channel's connection, which may be there already. Once only.
   * @throws ERR_TALKSPURT_MEDIA_CONNECTION when it does not come in time, or the server was closed; the signal's reason
   */
  arrived(withinMs: number, signal?: AbortSignal): Promise<StartedChanWebSocket>;
  /** Lets nobody in any more, and closes what came and was not taken. Twice is harmless. */
  abandon(): Promise<void>;
}

/** What has come for one channel, or who waits for it. `leave` takes it off the server's list. */
export class WebSocketPlace implements ExpectedChanWebSocket {
  readonly #clock: Clock;
  readonly #leave: () => void;
  #outcome: StartedChanWebSocket | TalkspurtError | null = null;
  #taken = false;
  #onOutcome: (() => void) | null = null;

  constructor(clock: Clock, leave: () => void) {
    this.#clock = clock;
    this.#leave = leave;
  }

  /** The channel is here. */
  resolve(started: StartedChanWebSocket): void {
    this.#outcome = started;
    this.#onOutcome?.();
  }

  /** It will not come. */
  refuse(error: TalkspurtError): void {
    this.#outcome ??= error;
    this.#onOutcome?.();
  }

  async arrived(withinMs: number, signal?: AbortSignal): Promise<StartedChanWebSocket> {
    let timer: Timer | undefined;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<StartedChanWebSocket>((resolve, reject) => {
        onAbort = () => reject(asTalkspurtError(signal?.reason));
        if (signal?.aborted === true) return onAbort();
        this.#onOutcome = () => {
          if (this.#outcome === null) return;
          if (this.#outcome instanceof TalkspurtError) return reject(this.#outcome);
          this.#taken = true;
          resolve(this.#outcome);
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        timer = this.#clock.after(withinMs, () => reject(late(withinMs)));
        this.#onOutcome();
      });
    } finally {
      timer?.cancel();
      this.#onOutcome = null;
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }

  async abandon(): Promise<void> {
    this.#leave();
    if (this.#taken || this.#outcome === null || this.#outcome instanceof TalkspurtError) return;
    await this.#outcome.connection.close();
  }
}

function late(withinMs: number): TalkspurtError {
  const message = `Asterisk's WebSocket did not come within ${withinMs} ms: does websocket_client.conf have our address, path, user and password, and are we allowed to be reached?`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
}
