/** The npm package `ari-client` as tests use it: the independent client, and somebody else's. */
import { createRequire } from 'node:module';
import { required } from '../../integration/required.ts';

/** Of a client of the package, what tests use. */
export interface AriClient {
  start(app: string | string[]): Promise<void>;
  stop(): void;
  ping(): void;
  on(name: string, listener: (...args: unknown[]) => void): void;
  listenerCount(name: string): number;
  readonly channels: { list(): Promise<unknown[]> };
}

/** The package, or null where it is not installed. Throws in CI, which needs it. */
export function ariClientPackage(): { connect(url: string, user: string, pass: string): Promise<AriClient> } | null {
  const load = createRequire(import.meta.url);
  let path = '';
  try {
    path = load.resolve('ari-client');
  } catch {
    // Said by what follows.
  }
  return required(path !== '', 'ari-client 2.2.0') ? (load(path) as ReturnType<typeof ariClientPackage>) : null;
}
