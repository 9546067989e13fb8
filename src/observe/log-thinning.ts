/**
 * What of a flood is written: the first few faults of a kind in a call and then one word that the rest is only counted, a
 * bounded number of lines in a second for each call, and a bounded number for each kind of event.
 */
import { LIMITS } from '../limits.ts';

/** What becomes of a line: it is written (`suppressed` were not, since the last one), said to be the last for now, or left out. */
export type LineFate = { readonly write: 'line' | 'last'; readonly suppressed: number } | null;

/** A line that wants to be written. */
export interface LineRequest {
  /** The call; or the peer, or the link; `''`: the process. */
  readonly scope: string;
  /** Scopes of calls have a budget of lines in a second. */
  readonly isCall: boolean;
  readonly kind: string;
  readonly repeats: boolean;
  /** The last line of a call: always written, with all that was left out. */
  readonly ends: boolean;
}

/** Lines of a kind since `sinceMs`, and of those the ones that were left out. */
interface Window {
  sinceMs: number;
  lines: number;
  suppressed: number;
  /** Windows before this one, without a pause, that left something out. */
  round: number;
}

interface Scope {
  /** When the latest lines were written, oldest first. */
  readonly recentMs: number[];
  /** Lines that were one too many for their second. */
  suppressed: number;
  readonly repeats: Map<string, Window>;
}

const SECOND_MS = 1_000;
/** The first few are written; the next one says that the rest is counted. */
const FATE_LINE: LineFate = { write: 'line', suppressed: 0 };

/** Decides line by line. Its memory is bounded by {@link LIMITS.logScopes}. */
export class LogThinning {
  readonly #scopes = new Map<string, Scope>();
  readonly #kinds = new Map<string, Window>();

  /** `nowMs`: monotonic ms. */
  fateOf(request: LineRequest, nowMs: number): LineFate {
    const scope = this.#scope(request.scope);
    if (request.ends) {
      this.#scopes.delete(request.scope);
      let { suppressed } = scope;
      for (const window of scope.repeats.values()) suppressed += window.suppressed;
      return { write: 'line', suppressed };
    }
    const kind = windowOf(this.#kinds, request.kind, nowMs);
    const burst = opened(kind, nowMs, SECOND_MS);
    if (kind.lines >= LIMITS.logBurstLines) return leftOut(kind);
    const fate = request.repeats ? repeatFate(windowOf(scope.repeats, request.kind, nowMs), nowMs) : FATE_LINE;
    if (fate === null) return null;
    if (request.isCall && !admitted(scope.recentMs, nowMs)) {
      scope.suppressed += 1;
      return null;
    }
    kind.lines += 1;
    const { suppressed } = scope;
    scope.suppressed = 0;
    return { write: fate.write, suppressed: fate.suppressed + burst + suppressed };
  }

  /** The scope, as the one heard of last; of too many the first one goes. */
  #scope(name: string): Scope {
    const known = this.#scopes.get(name);
    const scope: Scope = known ?? { recentMs: [], suppressed: 0, repeats: new Map<string, Window>() };
    if (known !== undefined) this.#scopes.delete(name);
    this.#scopes.set(name, scope);
    const oldest = this.#scopes.keys().next();
    if (this.#scopes.size > LIMITS.logScopes && oldest.done !== true) this.#scopes.delete(oldest.value);
    return scope;
  }
}

/** Whether one more is within the bound of the second that ends now. */
function admitted(recentMs: number[], nowMs: number): boolean {
  if (recentMs.length >= LIMITS.logCallLines) {
    if (nowMs - (recentMs[0] ?? nowMs) < SECOND_MS) return false;
    recentMs.shift();
  }
  recentMs.push(nowMs);
  return true;
}

function windowOf(windows: Map<string, Window>, kind: string, nowMs: number): Window {
  let window = windows.get(kind);
  if (window === undefined) windows.set(kind, (window = { sinceMs: nowMs, lines: 0, suppressed: 0, round: 0 }));
  return window;
}

/** Begins `window` anew when it is over; how many lines it left out then, else 0. */
function opened(window: Window, nowMs: number, lengthMs: number): number {
  if (nowMs - window.sinceMs < lengthMs) return 0;
  const { suppressed } = window;
  const round = suppressed > 0 ? Math.min(window.round + 1, LIMITS.logRepeatRounds) : 0;
  Object.assign(window, { sinceMs: nowMs, lines: 0, suppressed: 0, round });
  return suppressed;
}

function leftOut(window: Window): null {
  window.suppressed += 1;
  return null;
}

function repeatFate(window: Window, nowMs: number): LineFate {
  // What never stops is said more and more seldom.
  const suppressed = opened(window, nowMs, LIMITS.logRepeatResetMs * 2 ** window.round);
  if (window.lines > LIMITS.logRepeats) return leftOut(window);
  window.lines += 1;
  if (window.lines <= LIMITS.logRepeats) return { write: 'line', suppressed };
  window.suppressed += 1;
  return { write: 'last', suppressed: 1 };
}
