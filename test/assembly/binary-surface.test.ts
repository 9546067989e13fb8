/** The binary itself: what it may need, hold and offer. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const binary = await readFile(fileURLToPath(import.meta.resolve('#talkspurt.wasm')));
const document = await readFile(new URL('../../docs/signal-chain.md', import.meta.url), 'utf8');

/** A reader of the binary format (WebAssembly core specification, §5). */
class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.at];
    if (value === undefined) throw new Error('the section ends too early');
    this.at += 1;
    return value;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  take(count: number): Uint8Array {
    const part = this.#bytes.subarray(this.at, this.at + count);
    this.at += count;
    return part;
  }

  /** Skips a constant expression: up to and with the `end` of i32, i64, f32 or f64.const. */
  skipConstant(): void {
    const opcode = this.byte();
    if (opcode === 0x41 || opcode === 0x42) this.u32();
    else if (opcode === 0x43) this.take(4);
    else if (opcode === 0x44) this.take(8);
    else throw new Error(`not a constant: 0x${opcode.toString(16)}`);
    assert.is(this.byte(), 0x0b);
  }
}

function sections(bytes: Uint8Array): Map<number, Reader> {
  const reader = new Reader(bytes);
  reader.take(8);
  const found = new Map<number, Reader>();
  while (!reader.done) {
    const id = reader.byte();
    found.set(id, new Reader(reader.take(reader.u32())));
  }
  return found;
}

const IMPORT = 2;
const MEMORY = 5;
const GLOBAL = 6;
const EXPORT = 7;

test('needs nothing from outside', () => {
  assert.not(sections(binary).has(IMPORT));
});

test('has one memory of fixed size', () => {
  const reader = sections(binary).get(MEMORY);
  assert.ok(reader);
  assert.is(reader.u32(), 1, 'memories');
  assert.is(reader.byte(), 1, 'has a maximum, not shared');
  assert.is(reader.u32(), reader.u32(), 'minimum is maximum');
});

test('keeps no state outside of its memory: every global is constant', () => {
  const reader = sections(binary).get(GLOBAL);
  assert.ok(reader);
  const count = reader.u32();
  assert.ok(count > 0);
  for (let global = 0; global < count; global += 1) {
    reader.byte();
    assert.is(reader.byte(), 0, `global ${global} is mutable`);
    reader.skipConstant();
  }
});

test('exports exactly what docs/signal-chain.md names', () => {
  const reader = sections(binary).get(EXPORT);
  assert.ok(reader);
  const names: string[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    names.push(Buffer.from(reader.take(reader.u32())).toString());
    reader.byte();
    reader.u32();
  }
  const table = /<!-- exports -->([\s\S]*?)<!-- \/exports -->/.exec(document)?.[1] ?? '';
  const named = [...table.matchAll(/^\| (.*?) \|/gm)]
    .flatMap((row) => [...(row[1] ?? '').matchAll(/`(\w+)`/g)])
    .map((match) => match[1]);
  assert.equal(names.sort(), named.sort());
});

test.run();
