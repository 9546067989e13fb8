/**
 * From how much of a delay on is heard that one frequency comes later than the others: J. Blauert and P. Laws, "Group delay
 * distortions in electroacoustical systems", J. Acoust. Soc. Am. 63 (1978), pp. 1478–1483: figures as later authors quote them.
 */
const THRESHOLDS: readonly (readonly [hz: number, ms: number])[] = [
  [500, 3.2],
  [1000, 2],
  [2000, 1],
  [4000, 1.5],
];

/** The threshold at `hz`, ms: straight lines over the logarithm of the frequency; as the first or last beyond them. */
export function heardDelayMs(hz: number): number {
  const at = THRESHOLDS.findIndex(([edge]) => edge >= hz);
  const [highHz, highMs] = THRESHOLDS[at < 0 ? THRESHOLDS.length - 1 : at]!;
  const [lowHz, lowMs] = THRESHOLDS[Math.max(0, at < 0 ? THRESHOLDS.length - 1 : at - 1)]!;
  if (highHz === lowHz) return highMs;
  return lowMs + ((highMs - lowMs) * Math.log(hz / lowHz)) / Math.log(highHz / lowHz);
}
