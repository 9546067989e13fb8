/**
 * Turns a trained net (`train.py`'s JSON) into `assembly/voice-weights.ts` and `voice-gate-weights.ts`: 8 bits a weight, a
 * scale for each row.
 *
 *   node --import tsx bench/vad/write-weights.ts .cache/vad/net.json && npx prettier --write assembly/voice-*weights.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The net as it was trained; matrices by rows of inputs. */
interface Net {
  readonly dense: readonly (readonly number[])[];
  readonly dense_bias: readonly number[];
  readonly input: readonly (readonly number[])[];
  readonly state: readonly (readonly number[])[];
  readonly bias: readonly number[];
  readonly out: readonly number[];
  readonly out_bias: readonly number[];
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  readonly thresholds: readonly number[];
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Rows that the kernel sums at a time, and in one accumulator. */
const [ROWS, LANES] = [32, 4];

/** Weights in the kernel's order (blocks of 32 rows; pairs of columns; 4 rows × 2 columns), and the scale of each row. */
function quantise(matrix: readonly (readonly number[])[]): { bytes: Int8Array; scales: number[] } {
  const columns = matrix.length;
  const rows = matrix[0]?.length ?? 0;
  const at = (column: number, row: number): number => matrix[column]?.[row] ?? 0;
  const scales = Array.from({ length: rows }, (_, row) => {
    const greatest = matrix.reduce((most, values) => Math.max(most, Math.abs(values[row] ?? 0)), 1e-9);
    return greatest / 127;
  });
  const bytes = new Int8Array(rows * columns);
  let next = 0;
  for (let block = 0; block < rows; block += ROWS) {
    for (let pair = 0; pair < columns; pair += 2) {
      for (let lane = 0; lane < ROWS * 2; lane += 1) {
        const row = block + Math.floor(lane / (2 * LANES)) * LANES + ((lane >> 1) % LANES);
        const column = pair + (lane & 1);
        bytes[next] = Math.round(at(column, row) / (scales[row] ?? 1));
        next += 1;
      }
    }
  }
  return { bytes, scales };
}

function declareBytes(name: string, says: string, bytes: Int8Array): string {
  const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
  const digits = Array.from(words, (word) => `0x${word.toString(16).padStart(16, '0')}`);
  return `/** ${says} */\nexport const ${name}: usize = memory.data<u64>([${digits.join(', ')}]);\n`;
}

function declareFloats(name: string, says: string, values: readonly number[]): string {
  const digits = values.map((value) =>
    Math.fround(value)
      .toPrecision(7)
      .replace(/^(-?\d+)$/, '$1.0'),
  );
  return `/** ${says} */\nexport const ${name}: usize = memory.data<f32>([${digits.join(', ')}]);\n`;
}

const net = JSON.parse(readFileSync(process.argv[2] ?? join(root, '.cache', 'vad', 'net.json'), 'utf8')) as Net;
const dense = quantise(net.dense);
const gates = quantise([...net.input, ...net.state]);
const head = (what: string): string =>
  [
    '/**',
    ` * ${what} of the neural detector. Written by bench/vad/write-weights.ts from what bench/vad/train.py learned; not`,
  ]
    .concat([
      ' * to be changed by hand. Bytes stand in the order in which voice-network.ts multiplies them.',
      ' */',
      '',
    ])
    .join('\n');
const scaled = (scales: readonly number[], unit: number): number[] => scales.map((scale) => scale / unit);
const WORTH = 'What one unit of a row’s sum is worth.';
const ADDED = 'What is added to each row.';
write('voice-weights.ts', [
  head('The weights around the units'),
  declareFloats('FEATURE_MEAN', 'Mean of each feature.', net.mean),
  declareFloats('FEATURE_SCALE', 'One over its deviation.', net.scale),
  declareBytes('DENSE_WEIGHTS', '32 rows × 48 columns, i8.', dense.bytes),
  declareFloats('DENSE_SCALE', WORTH, scaled(dense.scales, 2048)),
  declareFloats('DENSE_BIAS', ADDED, net.dense_bias),
  declareFloats('OUT_WEIGHTS', 'From the 64 states to the answer.', net.out),
  declareFloats('OUT_BIAS', 'What is added to the answer.', net.out_bias),
  declareFloats('THRESHOLDS', 'What is taken off it, for aggressiveness 0 to 3.', net.thresholds),
]);
write('voice-gate-weights.ts', [
  head('The weights of the 64 units'),
  declareBytes('GATE_WEIGHTS', '128 rows (64 gates, 64 values) × 96 columns (32 inputs, 64 states), i8.', gates.bytes),
  declareFloats('GATE_SCALE', WORTH, scaled(gates.scales, 32767)),
  declareFloats('GATE_BIAS', ADDED, net.bias),
]);
process.stdout.write(`${dense.bytes.length + gates.bytes.length} weights\n`);

function write(name: string, parts: readonly string[]): void {
  writeFileSync(join(root, 'assembly', name), parts.join('\n'));
}
