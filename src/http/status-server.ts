/** The status server as a whole: routes for anybody, the API for those with a token, event streams and the live page. */
import type { Clock } from '../core/clock.ts';
import type { EventSink, TalkspurtEvent } from '../core/events.ts';
import { apiRoutes } from './api-routes.ts';
import { CallTimelines } from './call-timeline.ts';
import { EventStreams } from './event-streams.ts';
import type { HttpRoute } from './http-route.ts';
import { HttpServer } from './http-server.ts';
import { pageRoutes } from './live-page.ts';
import { LoopLag } from '../observe/loop-lag.ts';
import { isLoopback } from './request-origin.ts';
import { statusRoutes } from './status-routes.ts';
import type { StatusSource } from './status-source.ts';
import type { Tokens } from './token-gate.ts';

/** Where it listens, whom it lets in, what it reads from. */
export interface StatusServerOptions {
  readonly clock: Clock;
  readonly source: StatusSource;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tokens: Tokens;
  /** Names that requests may be for, besides those of loopback. */
  readonly hosts: readonly string[];
  /** Origins whose pages may read and command. */
  readonly origins: readonly string[];
  readonly requestsPerSecond: number;
  /** Whether numbers and what is said are shown to those with a token. */
  readonly personalData: boolean;
  /** Whether there is a live page. */
  readonly page: boolean;
  /** How late the event loop is, as the process itself measures it; it is not closed here. Absent: measured here. */
  readonly lag?: LoopLag;
}

/** Answers until it is closed; is shown every event. */
export class StatusServer implements EventSink {
  readonly #server: HttpServer;
  readonly #streams: EventStreams;
  readonly #timelines: CallTimelines;
  readonly #lag: LoopLag;
  readonly #ownLag: LoopLag | null;
  /** Every route, for the documentation and its test. */
  readonly routes: readonly HttpRoute[];

  constructor(options: StatusServerOptions) {
    const { clock, source, personalData, tokens, host } = options;
    this.#streams = new EventStreams({ clock, personalData, sessions: () => source.sessions() });
    this.#timelines = new CallTimelines(clock);
    this.#lag = options.lag ?? new LoopLag(clock);
    this.#ownLag = options.lag === undefined ? this.#lag : null;
    const callsOpen = tokens.read === '' && tokens.control === '' && isLoopback(host);
    this.routes = [
      ...statusRoutes(source, callsOpen),
      ...apiRoutes({ ...options, streams: this.#streams, timelines: this.#timelines, lag: this.#lag }),
      ...(options.page ? pageRoutes() : []),
    ];
    this.#server = new HttpServer({ ...options, routes: this.routes });
  }

  /** Event streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }

  emit(event: TalkspurtEvent): void {
    this.#timelines.emit(event);
    this.#streams.emit(event);
  }

  /** Resolves with the address it listens on. @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<{ host: string; port: number }> {
    try {
      return await this.#server.listen();
    } catch (error) {
      this.#ownLag?.close();
      throw error;
    }
  }

  /** Ends every stream and connection. Twice is harmless. */
  async close(): Promise<void> {
    this.#ownLag?.close();
    this.#streams.close();
    await this.#server.close();
  }
}
