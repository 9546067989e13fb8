/** ITU-T Q.850 causes and SIP statuses: the rows of RFC 3398 that a UAS needs. */
import type { SipField } from './sip-writer.ts';

/** Normal clearing. */
export const NORMAL_CLEARING = 16;
/** Recovery on timer expiry: no ACK, no refresh. */
export const TIMER_EXPIRED = 102;
/** Network out of order: the far end cannot be reached. */
export const UNREACHABLE = 38;

const STATUS_OF: Readonly<Record<number, number>> = {
  1: 404,
  17: 486,
  18: 408,
  19: 480,
  20: 480,
  21: 403,
  22: 410,
  28: 484,
  34: 503,
  38: 503,
  41: 503,
  42: 503,
  44: 503,
  47: 503,
  55: 403,
  57: 403,
  58: 503,
  65: 488,
  88: 488,
  102: 480,
};

const CAUSE_OF: Readonly<Record<number, number>> = {
  401: 21,
  403: 21,
  404: 1,
  405: 63,
  408: 102,
  410: 22,
  415: 79,
  420: 127,
  480: 18,
  484: 28,
  486: 17,
  488: 88,
  500: 41,
  503: 41,
  600: 17,
  603: 21,
};

/** The status that refuses a call for `cause`. */
export function statusOfCause(cause: number): number {
  return STATUS_OF[cause] ?? 480;
}

/** The cause that a refusal with `status` stands for. */
export function causeOfStatus(status: number): number {
  return CAUSE_OF[status] ?? 31;
}

/** The Reason field (RFC 3326) of our BYE or refusal; none for a number that is no cause. */
export function reasonField(cause: number | undefined): SipField[] {
  const known = cause !== undefined && Number.isInteger(cause) && cause > 0 && cause < 128;
  return known ? [['Reason', `Q.850;cause=${cause}`]] : [];
}
