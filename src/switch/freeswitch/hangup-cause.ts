/** ITU-T Q.850 causes and the names FreeSWITCH gives them. */
const NAMES: Readonly<Record<number, string>> = {
  1: 'UNALLOCATED_NUMBER',
  3: 'NO_ROUTE_DESTINATION',
  16: 'NORMAL_CLEARING',
  17: 'USER_BUSY',
  18: 'NO_USER_RESPONSE',
  19: 'NO_ANSWER',
  21: 'CALL_REJECTED',
  27: 'DESTINATION_OUT_OF_ORDER',
  31: 'NORMAL_UNSPECIFIED',
  34: 'NORMAL_CIRCUIT_CONGESTION',
  38: 'NETWORK_OUT_OF_ORDER',
  41: 'NORMAL_TEMPORARY_FAILURE',
  58: 'BEARERCAPABILITY_NOTAVAIL',
  88: 'INCOMPATIBLE_DESTINATION',
  102: 'RECOVERY_ON_TIMER_EXPIRE',
  127: 'INTERWORKING',
};
const NUMBERS = new Map(Object.entries(NAMES).map(([number, name]) => [name, Number(number)]));
const NORMAL_CLEARING = 16;
const NORMAL_UNSPECIFIED = 31;

/** FreeSWITCH's name of a Q.850 cause; NORMAL_CLEARING for one it does not know. */
export function hangupCauseName(cause: number): string {
  return NAMES[cause] ?? 'NORMAL_CLEARING';
}

/** The Q.850 number in a hang-up event: the given number where it is one, otherwise from the name. */
export function hangupCauseNumber(name: string | undefined, q850: string | undefined): number {
  const number = Number(q850);
  if (Number.isInteger(number) && number > 0 && number < 128) return number;
  if (name === undefined || name === '') return NORMAL_CLEARING;
  return NUMBERS.get(name) ?? NORMAL_UNSPECIFIED;
}
