/** What watches over a call, how long it waits, and what it does then. One of them for all calls of a process. */

/** A watchdog that waits for `limitMs`; 0: it does not watch. */
export interface DogOptions<A extends string> {
  readonly limitMs: number;
  readonly action: A;
}

/** All of a call's. docs/watchdogs.md has them in a table. */
export interface WatchdogOptions {
  /** No frame comes from the switch. */
  readonly capture: DogOptions<'event' | 'announce' | 'end'>;
  /** An answer is due, and the backend says nothing at all. */
  readonly engine: DogOptions<'event' | 'reconnect' | 'announce' | 'end'>;
  /** A text is due, and our own voice does not speak it. */
  readonly speech: DogOptions<'event' | 'announce' | 'end'>;
  /** The call lasts longer than its profile lets it (`maxDurationMs`): it is ended, with or without a word. */
  readonly session: { readonly action: 'end' | 'announce' };
  /** What the agent says is heard that much later than it could have been: told; dropped from `dropMs` on. 0: neither. */
  readonly playout: { readonly limitMs: number; readonly dropMs: number };
  /** What `announce` plays: a sound; empty: three short notes. */
  readonly announcement: string;
}

/** What no configuration says otherwise. */
export const DEFAULT_WATCHDOGS: WatchdogOptions = {
  capture: { limitMs: 5_000, action: 'event' },
  engine: { limitMs: 30_000, action: 'reconnect' },
  speech: { limitMs: 30_000, action: 'event' },
  session: { action: 'end' },
  playout: { limitMs: 30_000, dropMs: 120_000 },
  announcement: '',
};
