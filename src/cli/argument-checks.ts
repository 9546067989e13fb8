/** Checks of command-line arguments that the parser does not make by itself; each throws what the user reads. */

type Given = Readonly<Record<string, unknown>>;

/** The option was given once at the most: given twice it is a list. */
export function checkedOnce(given: Given, ...options: readonly string[]): true {
  for (const option of options)
    if (Array.isArray(given[option])) throw new Error(`--${option} was given more than once.`);
  return true;
}

/** The option is not given, or a number within its bounds. */
export function checkedNumber(given: Given, option: string, minimum: number, maximum: number): true {
  checkedOnce(given, option);
  const value = given[option];
  if (value === undefined || (typeof value === 'number' && value >= minimum && value <= maximum)) return true;
  throw new Error(`--${option} is a number from ${minimum} to ${maximum}.`);
}
