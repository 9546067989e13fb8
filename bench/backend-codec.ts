/**
 * What the wire of a Realtime backend costs: CPU time to make one append message, and to read one audio delta, beside
 * JSON.stringify and JSON.parse doing the same in the same run. Figures move with the machine; the ratios are what to
 * compare. The hash covers every message made and every byte read.
 */
import { createHash } from 'node:crypto';
import { Bench } from 'tinybench';
import { AgentAudio } from '../src/backend/agent-audio.ts';
import { AudioAppendMessage } from '../src/backend/audio-append.ts';
import { AudioDeltaScanner } from '../src/backend/openai-audio-delta.ts';
import { decodeServerEvent } from '../src/backend/openai-event-decoder.ts';
import type { AudioFormat } from '../src/core/media.ts';
import { describeAudio, frameBytes } from '../src/core/media.ts';

/** Messages of one measured iteration, so that the clock's own cost does not count. */
const MESSAGES = 100;
const PCMU: AudioFormat = { codec: 'pcmu', sampleRateHz: 8000 };
const PCM_24K: AudioFormat = { codec: 'l16', sampleRateHz: 24000 };

/** One measured thing; `peerOf` names the row that it is compared with. */
interface Row {
  readonly name: string;
  readonly peerOf?: string;
  readonly run: () => Buffer;
}

/** Bytes that look like nothing in particular, the same every time. */
function noise(bytes: number): Buffer {
  let state = 1;
  return Buffer.from(
    Uint8Array.from({ length: bytes }, () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 24),
  );
}

function appendRows(format: AudioFormat): Row[] {
  const frame = noise(frameBytes({ ...format, ptimeMs: 20 }));
  const message = new AudioAppendMessage(frame.length);
  const name = `append ${describeAudio(format)}, 20 ms`;
  return [
    { name, run: () => message.build(frame) },
    {
      name: 'JSON.stringify',
      peerOf: name,
      run: () => Buffer.from(JSON.stringify({ type: 'input_audio_buffer.append', audio: frame.toString('base64') })),
    },
  ];
}

function deltaRows(format: AudioFormat, ms: number): Row[] {
  const audio = noise((frameBytes({ ...format, ptimeMs: 20 }) * ms) / 20);
  const data = Buffer.from(
    JSON.stringify({
      type: 'response.output_audio.delta',
      event_id: 'event_Cz1AbCdEfGhIjKlMnOpQr',
      response_id: 'resp_Cz1AbCdEfGhIjKlMnOpQr',
      item_id: 'item_Cz1AbCdEfGhIjKlMnOpQr',
      output_index: 0,
      content_index: 0,
      delta: audio.toString('base64'),
    }),
  );
  const scanner = new AudioDeltaScanner();
  const agent = new AgentAudio(format);
  const name = `delta ${describeAudio(format)}, ${ms} ms`;
  return [
    {
      name,
      run: () => {
        if (!scanner.scan(data)) throw new Error('the scanner gave up');
        return agent.decode(scanner.itemId, data, scanner.deltaFrom, scanner.deltaTo) ?? Buffer.alloc(0);
      },
    },
    {
      name: 'JSON.parse',
      peerOf: name,
      run: () => Buffer.from((JSON.parse(data.toString()) as { delta: string }).delta, 'base64'),
    },
    {
      // The way of every other event, with its fields checked.
      name: 'our slow path',
      peerOf: name,
      run: () => {
        const event = decodeServerEvent(data);
        if (event.type !== 'response.output_audio.delta') throw new Error('another event');
        const text = Buffer.from(event.delta, 'utf8');
        return agent.decode(event.itemId, text, 0, text.length) ?? Buffer.alloc(0);
      },
    },
  ];
}

/** Measures and prints. `small` is for a check that it runs; its figures mean little. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const rows = [
    ...appendRows(PCMU),
    ...appendRows(PCM_24K),
    ...deltaRows(PCMU, 20),
    ...deltaRows(PCMU, 200),
    ...deltaRows(PCM_24K, 200),
  ];
  const hash = createHash('sha256');
  for (const row of rows) hash.update(row.run());
  const bench = new Bench({ time: small ? 40 : 1000, warmupTime: small ? 20 : 200 });
  let bytes = 0;
  rows.forEach((row, index) => {
    bench.add(String(index), () => {
      for (let n = 0; n < MESSAGES; n += 1) bytes += row.run().length;
    });
  });
  await bench.run();
  if (bytes === 0) throw new Error('the bench measured nothing');

  const nanoseconds = bench.tasks.map(({ result }) =>
    'latency' in result ? (result.latency.p50 * 1e6) / MESSAGES : Number.NaN,
  );
  console.log('backend codec: ns of CPU per message (median)');
  rows.forEach((row, index) => {
    const own = nanoseconds[index] ?? Number.NaN;
    const ours = nanoseconds[rows.findIndex(({ name }) => name === row.peerOf)];
    const label = row.peerOf === undefined ? row.name : `  ${row.name}`;
    const ratio = ours === undefined ? '' : `${(own / ours).toFixed(1)} × ours`;
    console.log(`  ${label.padEnd(36)}${own.toFixed(0).padStart(8)}  ${ratio}`.trimEnd());
  });
  console.log(`  hash of every result: ${hash.digest('hex').slice(0, 16)}`);
}
