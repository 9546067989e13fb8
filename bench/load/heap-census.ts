/** What a heap snapshot holds, in two parts: what a program made, and what V8 made of the program. */
import { readFileSync } from 'node:fs';

/** Bytes and things of one part. */
export interface HeapPart {
  readonly bytes: number;
  readonly count: number;
}

/** `made`: objects, arrays, strings, closures, numbers and what hangs outside the heap. `compiled`: code, and what V8 notes down for it. */
export interface HeapCensus {
  readonly made: HeapPart;
  readonly compiled: HeapPart;
}

/** The part of the format that is read, as V8 describes it in the file itself. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: { readonly node_fields: readonly string[]; readonly node_types: readonly unknown[] };
  };
  readonly nodes: readonly number[];
}

const COMPILED: ReadonlySet<string> = new Set(['code', 'hidden', 'object shape']);

/** Reads a file of `v8.writeHeapSnapshot`. */
export function heapCensus(file: string): HeapCensus {
  const { snapshot, nodes } = JSON.parse(readFileSync(file, 'utf8')) as Snapshot;
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, size] = [fields.indexOf('type'), fields.indexOf('self_size')];
  const names = types[type] as readonly string[];
  const made = { bytes: 0, count: 0 };
  const compiled = { bytes: 0, count: 0 };
  for (let at = 0; at < nodes.length; at += fields.length) {
    const part = COMPILED.has(names[nodes[at + type]!]!) ? compiled : made;
    part.bytes += nodes[at + size]!;
    part.count += 1;
  }
  return { made, compiled };
}
