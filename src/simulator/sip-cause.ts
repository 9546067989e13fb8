/** SIP's answers as hangup causes, the way FreeSWITCH 1.11.2 maps them. */

const CAUSES: Readonly<Record<number, number>> = {
  400: 41,
  401: 21,
  402: 21,
  403: 21,
  404: 1,
  405: 63,
  406: 79,
  407: 21,
  408: 102,
  410: 22,
  413: 127,
  414: 127,
  415: 79,
  416: 127,
  420: 127,
  421: 127,
  423: 127,
  480: 18,
  481: 41,
  482: 25,
  483: 25,
  484: 28,
  485: 3,
  486: 17,
  487: 487,
  488: 88,
  500: 41,
  501: 79,
  502: 38,
  503: 41,
  504: 102,
  505: 127,
  513: 127,
  600: 17,
  603: 21,
  604: 3,
  606: 88,
  607: 819,
  608: 21,
};

const NORMAL_UNSPECIFIED = 31;

/** The cause with which a call ends that got this final answer. */
export function causeOfStatus(status: number): number {
  return CAUSES[status] ?? NORMAL_UNSPECIFIED;
}
