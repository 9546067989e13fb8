/** What listening to the line costs: keys, progress tones, lie detector; rows for the bench of the signal chain. */
import type { DspModule } from '../../src/dsp/dsp-module.ts';

/** One measured thing: runs one frame of 20 ms at 8 kHz and returns its result. */
export interface HearingRow {
  readonly name: string;
  readonly frame: (n: number) => number;
}

/** `pcm` and `ulaw` are the same frames of 20 ms, as samples and as codes. */
export function hearingRows(module: DspModule, pcm: readonly Int16Array[], ulaw: readonly Uint8Array[]): HearingRow[] {
  const dtmf = module.instantiate();
  dtmf.dtmfStart();
  const dtmfIn = new Int16Array(dtmf.memory.buffer, dtmf.CAPTURE_PCM.value, 160);
  const progress = module.instantiate();
  progress.progressStart();
  const progressIn = new Int16Array(progress.memory.buffer, progress.CAPTURE_PCM.value, 160);
  const lies = module.instantiate();
  lies.suspectStart(lies.CODEC_L16.value, 8000);
  const liesIn = new Int16Array(lies.memory.buffer, lies.WIRE_IN.value, 160);
  const narrow = module.instantiate();
  narrow.suspectStart(narrow.CODEC_PCMU.value, 8000);
  const narrowIn = new Uint8Array(narrow.memory.buffer, narrow.WIRE_IN.value, 160);
  const rate = module.instantiate();
  rate.rateStart(8000);
  const rateIn = new Int16Array(rate.memory.buffer, rate.CAPTURE_PCM.value, 160);
  return [
    {
      name: 'wrong rate, its sums included',
      frame: (n) => {
        rateIn.set(pcm[n % pcm.length]!);
        return rate.rateHear(160);
      },
    },
    {
      name: 'DTMF receiver',
      frame: (n) => {
        dtmfIn.set(pcm[n % pcm.length]!);
        return dtmf.dtmfHear(dtmf.CAPTURE_PCM.value, 160);
      },
    },
    {
      name: 'progress tones',
      frame: (n) => {
        progressIn.set(pcm[n % pcm.length]!);
        return progress.progressHear(progress.CAPTURE_PCM.value, 160);
      },
    },
    {
      name: 'lie detector, L16',
      frame: (n) => {
        liesIn.set(pcm[n % pcm.length]!);
        return lies.suspectHear(lies.CODEC_L16.value, 160);
      },
    },
    {
      name: 'lie detector, µ-law and its decoding',
      frame: (n) => {
        narrowIn.set(ulaw[n % ulaw.length]!);
        return narrow.suspectHear(narrow.CODEC_PCMU.value, 160);
      },
    },
  ];
}
