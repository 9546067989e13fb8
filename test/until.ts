/** How long a socket may take, real ms: turns of the loop are no measure, for a fast machine has many before the kernel has one. */
const LIMIT_MS = 10_000;

/** Lets sockets and promises move until `condition` holds. @throws Error when it does not come to hold */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const lastMs = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > lastMs) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
