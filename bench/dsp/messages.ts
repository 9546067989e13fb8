/** The text of a Realtime backend: append messages made, audio deltas read, alone and with the audio path around them. */
import { AgentAudio } from '../../src/backend/agent-audio.ts';
import { AudioAppendMessage } from '../../src/backend/audio-append.ts';
import { AudioDeltaScanner } from '../../src/backend/openai-audio-delta.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { describeAudio } from '../../src/core/media.ts';
import type {
  BenchContext,
  BenchFigure,
  BenchOutput,
  BenchRow,
  BenchStage,
  BenchStep,
  NpmPeer,
} from '../../src/cli/bench/bench-row.ts';

const PCMU: AudioFormat = { codec: 'pcmu', sampleRateHz: 8000 };
const PCM_24K: AudioFormat = { codec: 'l16', sampleRateHz: 24000 };
const BAR = [{ of: 'time', atMost: 2000 }] as const;

export const stage: BenchStage = { name: 'messages', order: 800, rows };

function rows(bench: BenchContext): BenchRow[] {
  return [
    ...[PCMU, PCM_24K].map((format) => appendRow(bench, format)),
    wholeAppendRow(bench),
    ...[PCMU, PCM_24K].map((format) => deltaRow(bench, format)),
    wholeDeltaRow(bench),
  ];
}

function appendRow(bench: BenchContext, format: AudioFormat): BenchRow {
  const payloads = bench.payloads(format);
  const message = new AudioAppendMessage(payloads[0]?.length ?? 0);
  const step = (n: number): Uint8Array => message.build(bench.at(payloads, n));
  const peer = stringifying((n) => bench.at(payloads, n));
  return {
    name: `append of ${describeAudio(format)}`,
    per: 'message',
    step,
    npm: [peer],
    figures: [unlike('JSON.stringify', step, peer.step)],
    bars: BAR,
  };
}

function stringifying(frame: (n: number) => Uint8Array): NpmPeer {
  return {
    name: 'JSON.stringify',
    step: (n) => {
      const bytes = frame(n);
      const audio = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
      return Buffer.from(JSON.stringify({ type: 'input_audio_buffer.append', audio }));
    },
  };
}

/** From 160 bytes of the wire to the message: decode, resample, base64 and what stands around it. */
function wholeAppendRow(bench: BenchContext): BenchRow {
  const core = bench.core();
  core.resampleStart(8000, 24000, core.RESAMPLING_STRICT.value);
  const payloads = bench.payloads(PCMU);
  const [wireAt, pcmAt, heardAt] = [core.WIRE_IN.value, core.CAPTURE_PCM.value, core.HEARD.value];
  const wire = bench.bytes(core, wireAt, 160);
  const heard = bench.bytes(core, heardAt, 960);
  const message = new AudioAppendMessage(960);
  return {
    name: 'from µ-law on the wire to an append of l16/24000',
    per: 'message',
    step: (n) => {
      wire.set(bench.at(payloads, n));
      core.decodeUlaw(pcmAt, wireAt, 160);
      core.resample(heardAt, pcmAt, 160);
      return message.build(heard);
    },
    bars: BAR,
  };
}

/** How many of a second's messages come out other than the peer has them. */
function unlike(peer: string, ours: BenchStep, theirs: BenchStep): BenchFigure {
  const text = (output: BenchOutput): string =>
    typeof output === 'number'
      ? ''
      : Buffer.from(output.buffer, output.byteOffset, output.byteLength).toString('latin1');
  const value = Array.from({ length: 50 }, (_, n) => text(ours(n)) !== text(theirs(n))).filter(Boolean).length;
  return { name: `unlike ${peer}`, value, unit: '', digits: 0 };
}

function deltas(bench: BenchContext, format: AudioFormat): Buffer[] {
  return bench.payloads(format).map((audio) =>
    Buffer.from(
      JSON.stringify({
        type: 'response.output_audio.delta',
        event_id: 'event_Cz1AbCdEfGhIjKlMnOpQr',
        response_id: 'resp_Cz1AbCdEfGhIjKlMnOpQr',
        item_id: 'item_Cz1AbCdEfGhIjKlMnOpQr',
        output_index: 0,
        content_index: 0,
        delta: Buffer.from(audio).toString('base64'),
      }),
    ),
  );
}

/** Reads one delta as a stream does. */
function reader(format: AudioFormat): (data: Buffer) => Buffer {
  const scanner = new AudioDeltaScanner();
  const agent = new AgentAudio(format);
  return (data) => {
    if (!scanner.scan(data)) throw new Error('the scanner gave up');
    const audio = agent.decode(scanner.itemId, data, scanner.deltaFrom, scanner.deltaTo);
    if (audio === null) throw new Error('no base64');
    return audio;
  };
}

function deltaRow(bench: BenchContext, format: AudioFormat): BenchRow {
  const messages = deltas(bench, format);
  const read = reader(format);
  const step = (n: number): Buffer => read(bench.at(messages, n));
  const parsing = (n: number): Buffer => {
    const { delta } = JSON.parse(bench.at(messages, n).toString()) as { delta: string };
    return Buffer.from(delta, 'base64');
  };
  return {
    name: `delta of ${describeAudio(format)}`,
    per: 'message',
    step,
    npm: [{ name: 'JSON.parse', step: parsing }],
    figures: [unlike('JSON.parse', step, parsing)],
    bars: BAR,
  };
}

/** From the message to 160 bytes for the wire: scan, base64, resample, encode. */
function wholeDeltaRow(bench: BenchContext): BenchRow {
  const core = bench.core();
  core.resampleStart(24000, 8000, core.RESAMPLING_STRICT.value);
  const messages = deltas(bench, PCM_24K);
  const read = reader(PCM_24K);
  const [saidAt, pcmAt, wireAt] = [core.SAID.value, core.RENDER_PCM.value, core.WIRE_OUT.value];
  const said = bench.bytes(core, saidAt, 960);
  const wire = bench.bytes(core, wireAt, 160);
  return {
    name: 'from a delta of l16/24000 to µ-law on the wire',
    per: 'message',
    step: (n) => {
      said.set(read(bench.at(messages, n)));
      core.resample(pcmAt, saidAt, 480);
      core.encodeUlaw(wireAt, pcmAt, 160);
      return wire;
    },
    bars: BAR,
  };
}
