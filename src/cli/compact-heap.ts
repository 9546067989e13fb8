import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 keep the heap of this process compact. As it comes, V8 leaves pages of old objects up to 70 % empty, and lets the place for
 * young ones grow and shrink with the load: the memory of a gateway then rises for most of an hour and wanders by tens of MB
 * afterwards, which looks like a leak to whoever watches it. The price is a few collections more; `npm run bench -- soak` runs so.
 * For processes of our own only: a library has no say in its host's memory.
 */
export function keepHeapCompact(): void {
  // Read whenever V8 collects, so it counts from now on. On the command line it would also shrink the place for young objects for good.
  setFlagsFromString('--optimize-for-size');
}
