/** What the end of a WebSocket says of trying again (RFC 6455 §7.4, and the registry of its codes). */

/** RFC 6455 §7.4.1: a goodbye without a code, which many servers say. */
export const CLOSED_WITHOUT_CODE = 1005;

/** Ends that say nothing against trying again: cut off, going away, internal error, restart, try later, bad gateway. */
export const PASSING_CLOSE_CODES: readonly number[] = [1001, 1006, 1011, 1012, 1013, 1014];
