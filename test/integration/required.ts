/**
 * What an integration test needs from the machine. In CI it must be there; elsewhere the test says loudly that it was left
 * out, and the runner's closing line counts what ran.
 */
export function required(present: boolean, what: string): boolean {
  if (present) return true;
  if (process.env['CI'] !== undefined && process.env['CI'] !== '')
    throw new Error(`${what}: not installed, and CI needs it`);
  process.stdout.write(`!!! skipped: ${what}: not installed here\n`);
  return false;
}
