/** Where a simulated channel goes next: what a transfer, a park or a bridge asks of it, until its next turn. */
import { parseInline } from './application-text.ts';
import type { Application } from './channel-applications.ts';
import type { ChannelState } from './channel-headers.ts';
import type { ChannelLife } from './channel-life.ts';

/** Through these states, then to work. An empty script has no extension to run. */
export interface Route {
  readonly states: readonly ChannelState[];
  readonly script: readonly Application[];
}

/** At most one route waits; a later one replaces it. */
export class ChannelRoute {
  readonly #life: ChannelLife;
  readonly #extension: (number: string) => readonly Application[] | null;
  #next: Route | null = null;

  constructor(life: ChannelLife, extension: (number: string) => readonly Application[] | null) {
    this.#life = life;
    this.#extension = extension;
  }

  get waits(): boolean {
    return this.#next !== null;
  }

  /** The route that waits, once. */
  take(): Route | null {
    const next = this.#next;
    this.#next = null;
    return next;
  }

  transfer(destination: string, dialplan: string): void {
    const inline = dialplan.toLowerCase() === 'inline';
    const script = inline ? parseInline(destination) : this.#extension(destination);
    if (!inline) this.#life.to = destination;
    this.#life.dialplan = inline ? 'inline' : dialplan;
    this.#life.mark('transferMs');
    this.#next = { states: script === null ? ['CS_ROUTING'] : ['CS_ROUTING', 'CS_EXECUTE'], script: script ?? [] };
  }

  /** Work without a dialplan: after an `originate`. */
  work(application: Application): void {
    this.#next = { states: ['CS_EXECUTE'], script: [application] };
  }

  park(): void {
    this.#next = { states: ['CS_PARK'], script: [{ name: 'park', data: '', unannounced: true }] };
  }

  /** `uuid_bridge`. */
  bridge(otherUuid: string): void {
    const script = [{ name: 'uuid_bridge', data: otherUuid }];
    this.#next = { states: ['CS_HIBERNATE', 'CS_RESET', 'CS_SOFT_EXECUTE'], script };
  }
}
