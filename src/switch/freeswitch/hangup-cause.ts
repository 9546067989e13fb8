/** Causes of hang-ups as FreeSWITCH says and takes them. */
import { q850Name, q850Number } from '../../core/hangup-causes.ts';

const NORMAL_CLEARING = 16;
const NORMAL_UNSPECIFIED = 31;

/** FreeSWITCH's name of a Q.850 cause; NORMAL_CLEARING for one it does not know. */
export function hangupCauseName(cause: number): string {
  return q850Name(cause) ?? 'NORMAL_CLEARING';
}

/** The Q.850 number in a hang-up event: the given number where it is one, otherwise from the name. */
export function hangupCauseNumber(name: string | undefined, q850: string | undefined): number {
  const number = Number(q850);
  if (Number.isInteger(number) && number > 0 && number < 128) return number;
  if (name === undefined || name === '') return NORMAL_CLEARING;
  return q850Number(name) ?? NORMAL_UNSPECIFIED;
}
