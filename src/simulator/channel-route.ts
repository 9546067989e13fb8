/** Where a simulated channel goes next: what a transfer, a park or a bridge asks of it, until its next turn. */
import { parseInline } from './application-text.ts';
import type { Application } from './application-text.ts';
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
    this.#life.sentTo = destination;
    this.#life.dialplan = inline ? 'inline' : dialplan;
    this.#life.mark('transferMs');
    this.#next = { states: script === null ? ['CS_ROUTING'] : ['CS_ROUTING', 'CS_EXECUTE'], script: script ?? [] };
  }

  /** Work without a dialplan: after an `originate`. */
  work(application: Application): void {
    this.#next = { states: ['CS_EXECUTE'], script: [application] };
  }

  /** A channel that is in CS_PARK already changes no state: it leaves its park loop, and nothing takes its place. */
  park(): void {
    if (this.#life.state === 'CS_PARK')
      this.#next = { states: [], script: [{ name: 'limbo', data: '', unannounced: true }] };
    else this.#next = { states: ['CS_PARK'], script: [{ name: 'park', data: '', unannounced: true }] };
  }

  /** `uuid_bridge`: who leaves a bridge that it announced is on the way already. */
  bridge(otherUuid: string, how: 'asks' | 'is asked' | 'itself', fromBridge: boolean): void {
    const script = [{ name: 'uuid_bridge', data: otherUuid, unannounced: true }];
    const first: ChannelState[] = how === 'itself' ? ['CS_CONSUME_MEDIA'] : fromBridge ? [] : ['CS_HIBERNATE'];
    const last: ChannelState[] = how === 'is asked' ? [] : ['CS_SOFT_EXECUTE'];
    this.#next = { states: [...first, 'CS_RESET', ...last], script };
  }
}
