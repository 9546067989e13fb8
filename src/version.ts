/** The package's version, from its own package.json. */
import { createRequire } from 'node:module';

const manifest = createRequire(import.meta.url)('talkspurt/package.json') as { readonly version: string };

/** Semantic version of this build. */
export const VERSION = manifest.version;
