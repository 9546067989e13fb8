import {
  call,
  captureLies,
  decode,
  dtmfGenerator,
  dtmfReceiver,
  gainControl,
  highPass,
  noiseSuppression,
  progressTones,
  rateSuspicion,
  renderLies,
} from './call';
import {
  CODEC_L16,
  MEASURED_SUMS,
  RENDER_PCM,
  REPORT_CAPTURE_SUSPECTS,
  REPORT_DIGIT,
  REPORT_DIGIT_MS,
  REPORT_PROGRESS,
  REPORT_RENDER_SUSPECTS,
  REPORTS,
  SAID,
  SCRATCH_PCM,
  WIRE_IN,
} from './layout';

/**
 * What does it do? Listens to both sides for what is no voice: keys and progress tones, and audio that is not what it says.
 * How does it work? Each receiver that is on is given the caller's 8 kHz view, each lie detector the frames as they came; what
 *   they make out is written to REPORTS.
 * How do I use it? `hear` and `suspect…` on each frame; the host reads REPORTS behind `capture` and `render`.
 * Not for: voices; see voice-activity.ts.
 */
export function hear(narrow: usize, samples: i32): void {
  if (dtmfReceiver.active) {
    dtmfReceiver.hear(narrow, samples);
    report(REPORT_DIGIT, dtmfReceiver.digit);
    report(REPORT_DIGIT_MS, dtmfReceiver.durationMs);
  }
  if (progressTones.active) {
    progressTones.hear(narrow, samples);
    report(REPORT_PROGRESS, progressTones.heard);
  }
}

/** Of this call nothing has been heard, and nothing of the caller's side is on. */
export function restCaller(): void {
  call.cleaned = false;
  highPass.active = false;
  noiseSuppression.active = false;
  gainControl.active = false;
  dtmfReceiver.active = false;
  progressTones.active = false;
  captureLies.active = false;
  renderLies.active = false;
  dtmfGenerator.start(0, 40, 40, 1.0, 1.0, 8000);
  memory.fill(REPORTS, 0, 32);
}

/** A frame that came from the leg, decoded to `pcm`. */
export function suspectCapture(pcm: usize, samples: i32): void {
  captureLies.hear(WIRE_IN, pcm, samples, MEASURED_SUMS, SCRATCH_PCM);
  report(REPORT_CAPTURE_SUSPECTS, captureLies.suspects);
}

/** A whole frame of the backend, at SAID. */
export function suspectRender(): void {
  const samples = call.outputSamples;
  // The other readings need the scratch; the leg's own samples are made anew behind this.
  const pcm = call.outputCodec == CODEC_L16 ? SAID : RENDER_PCM;
  if (pcm != SAID) decode(call.outputCodec, pcm, SAID, samples);
  renderLies.hear(SAID, pcm, samples, MEASURED_SUMS, SCRATCH_PCM);
  // Only of the agent: a caller's frames of another rate have another size, and never come this far.
  rateSuspicion.hear(pcm, samples);
  report(REPORT_RENDER_SUSPECTS, renderLies.suspects | rateSuspicion.suspects);
}

function report(index: i32, value: i32): void {
  store<i32>(REPORTS + ((<usize>index) << 2), value);
}
