/** Times of RFC 3261, table 4. */

/** Estimate of a round trip, ms. */
export const T1_MS = 500;
/** Longest gap between retransmissions, ms. */
export const T2_MS = 4_000;
/** How long a message may stay in the network, ms. */
export const T4_MS = 5_000;
/** How long a transaction tries, ms: timers B, F, H, J and L. */
export const TRANSACTION_MS = 64 * T1_MS;
