/** Every class of `talkspurt/dsp` as a program uses it, with the crossing and both copies; arrays are given, none is made in a step. */
import { DspStages } from '../../src/dsp/library.ts';
import type { BenchContext, BenchRow, BenchStage } from '../../src/cli/bench/bench-row.ts';

export const stage: BenchStage = { name: 'talkspurt/dsp', order: 850, rows };

const FRAME = 160;
/** The agent's voice comes back so many frames later, this much weaker. */
const ECHO_FRAMES = 6;
const ECHO_GAIN = 0.3;

async function rows(bench: BenchContext): Promise<BenchRow[]> {
  const dsp = await DspStages.load();
  return [
    ...codecs(bench, dsp),
    ...rates(bench, dsp),
    ...listeners(bench, dsp),
    ...makers(bench, dsp),
    ...shapers(bench, dsp),
    ...texts(bench, dsp),
  ];
}

function codecs(bench: BenchContext, dsp: DspStages): BenchRow[] {
  const [narrow, wide] = [bench.frames(8000), bench.frames(16000)];
  const codes = bench.payloads({ codec: 'pcmu', sampleRateHz: 8000 });
  const [g711, g722, coder] = [dsp.g711({ law: 'ulaw' }), dsp.g722(), dsp.g722()];
  const wideCodes = wide.map((pcm) => coder.encode(pcm));
  const [pcm, pcm16, bytes] = [new Int16Array(FRAME), new Int16Array(2 * FRAME), new Uint8Array(FRAME)];
  return [
    { name: 'G711.decode', step: (n) => g711.decode(bench.at(codes, n), pcm) },
    { name: 'G711.encode', step: (n) => g711.encode(bench.at(narrow, n), bytes) },
    { name: 'G722.decode', step: (n) => g722.decode(bench.at(wideCodes, n), pcm16) },
    { name: 'G722.encode', step: (n) => g722.encode(bench.at(wide, n), bytes) },
  ];
}

function rates(bench: BenchContext, dsp: DspStages): BenchRow[] {
  return (
    [
      [8000, 24000],
      [24000, 8000],
    ] as const
  ).map(([fromHz, toHz]): BenchRow => {
    const resampler = dsp.resampler({ fromHz, toHz });
    const input = bench.frames(fromHz);
    const output = new Int16Array(resampler.mostSamples(fromHz / 50));
    return {
      name: `Resampler ${fromHz / 1000} → ${toHz / 1000} kHz`,
      step: (n) => resampler.process(bench.at(input, n), output),
    };
  });
}

function listeners(bench: BenchContext, dsp: DspStages): BenchRow[] {
  const input = bench.frames(8000);
  const codes = bench.payloads({ codec: 'pcmu', sampleRateHz: 8000 });
  const [neural, statistical] = [dsp.vad(), dsp.vad({ kind: 'statistical' })];
  const [digits, tones] = [dsp.dtmfDetector(), dsp.progressTones()];
  const watch = dsp.audioWatch({ codec: 'pcmu', sampleRateHz: 8000 });
  const canceller = dsp.echoCanceller({ mode: 'on' });
  const left = new Int16Array(FRAME);
  const echo = input.map((_, n) =>
    bench.at(input, n + input.length - ECHO_FRAMES).map((x) => Math.round(x * ECHO_GAIN)),
  );
  return [
    { name: 'Vad, neural', step: (n) => neural.process(bench.at(input, n)), bars: [{ of: 'time', atMost: 8_000 }] },
    { name: 'Vad, statistical', step: (n) => statistical.process(bench.at(input, n)) },
    {
      name: 'EchoCanceller, an echo at −10 dB',
      step: (n) => {
        const result = canceller.process(bench.at(echo, n), left);
        canceller.reference(bench.at(input, n));
        return result;
      },
      bars: [{ of: 'time', atMost: 60_000 }],
    },
    { name: 'DtmfDetector', step: (n) => digits.process(bench.at(input, n)).length },
    { name: 'ProgressTones', step: (n) => tones.process(bench.at(input, n)).length },
    { name: 'AudioWatch', step: (n) => watch.process(bench.at(codes, n)).length },
  ];
}

function makers(bench: BenchContext, dsp: DspStages): BenchRow[] {
  const input = bench.frames(8000);
  const tone = dsp.toneGenerator({ firstHz: 440, secondHz: 480 });
  const keys = dsp.dtmfGenerator();
  const line = dsp.ringBuffer({ capacity: 512 });
  const scale = dsp.timeScale();
  const concealer = dsp.concealer();
  const output = new Int16Array(FRAME);
  return [
    { name: 'ToneGenerator', step: () => tone.process(output) },
    {
      name: 'DtmfGenerator',
      step: () => {
        if (keys.samplesLeft === 0) keys.dial('0123456789*#');
        return keys.process(output);
      },
    },
    {
      name: 'RingBuffer, in and out',
      step: (n) => {
        line.write(bench.at(input, n));
        line.read(output);
        return output;
      },
    },
    {
      name: 'TimeScale, in and out',
      step: (n) => {
        scale.write(bench.at(input, n));
        scale.read(output);
        return output;
      },
    },
    {
      name: 'Concealer, one frame of ten lost',
      step: (n) => (n % 10 === 9 ? concealer.conceal(output) : concealer.process(bench.at(input, n), output)),
    },
  ];
}

function shapers(bench: BenchContext, dsp: DspStages): BenchRow[] {
  const input = bench.frames(8000);
  const output = new Int16Array(FRAME);
  const gain = dsp.gain({ gain: 0.5 });
  const compressor = dsp.compressor({ thresholdDb: -18, makeupDb: 3, lowPassHz: 3400 });
  const limiter = dsp.limiter({ gain: 4 });
  const agc = dsp.agc({ targetDbov: -22 });
  const highPass = dsp.highPass({ cutHz: 100 });
  const suppressor = dsp.noiseSuppressor();
  const mixer = dsp.mixer();
  return [
    { name: 'Gain', step: (n) => gain.process(bench.at(input, n), output) },
    { name: 'Compressor', step: (n) => compressor.process(bench.at(input, n), output) },
    { name: 'Limiter', step: (n) => limiter.process(bench.at(input, n), output) },
    { name: 'Agc', step: (n) => agc.process(bench.at(input, n), 0.9, output) },
    { name: 'HighPass', step: (n) => highPass.process(bench.at(input, n), output) },
    { name: 'NoiseSuppressor', step: (n) => suppressor.process(bench.at(input, n), output) },
    { name: 'Mixer', step: (n) => mixer.process(bench.at(input, n), bench.at(input, n + 7), output) },
  ];
}

function texts(bench: BenchContext, dsp: DspStages): BenchRow[] {
  const payloads = bench.payloads({ codec: 'l16', sampleRateHz: 24000 });
  const [builder, base64] = [dsp.messageBuilder(), dsp.base64()];
  const message = new Uint8Array(builder.messageBytes(960));
  const audio = new Uint8Array(960);
  const encoded = payloads.map((bytes) => base64.encode(bytes));
  return [
    {
      name: 'MessageBuilder, l16/24000',
      per: 'message',
      step: (n) => builder.process(bench.at(payloads, n), message),
      bars: [{ of: 'time', atMost: 2_000 }],
    },
    { name: 'Base64.decode, l16/24000', per: 'message', step: (n) => base64.decode(bench.at(encoded, n), audio) },
  ];
}
