/** What differs between the modules: how a stream is started and stopped, what their events and messages are called. */
import { TalkspurtError } from '../../../core/errors.ts';
import { LIMITS } from '../../../limits.ts';
import type { ModuleDetection } from './module-detection.ts';

/** One stream as it is asked for. */
export interface ModuleStart {
  readonly uuid: string;
  readonly url: string;
  readonly mix: 'mono' | 'mixed' | 'stereo';
  readonly sampleRateHz: number;
  /** Sent to us as the first text, or nearly; the modules lose it at times. */
  readonly metadata: string | null;
  readonly play: boolean;
}

/** Name of our stream among those of one channel, where the module tells them apart. */
const STREAM_NAME = 'talkspurt';
/** What would end an argument, or be changed by the switch on its way: quotes, backslashes, line breaks. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const ALTERED = /['\\\u0000-\u001f]/;

/** The command that starts a stream. @throws ERR_TALKSPURT_COMMAND_SYNTAX for metadata that would not arrive as it is */
export function startCommand(detection: ModuleDetection, start: ModuleStart): string {
  const { uuid, url, mix, sampleRateHz, play } = start;
  const metadata = start.metadata === null || start.metadata === '' ? null : checkedMetadata(start.metadata);
  const words = [detection.command, uuid, 'start', url, mix, rateWord(sampleRateHz)];
  if (detection.edition === 'jambonz') {
    // Single quotes hold an empty argument's place.
    words.push(STREAM_NAME, `'${metadata ?? ''}'`, String(play), String(play), String(sampleRateHz));
  } else if (detection.named) {
    words.push(STREAM_NAME);
    if (metadata !== null) words.push(`'${metadata}'`);
  } else if (metadata !== null) {
    words.push(`'${metadata}'`);
  }
  return words.join(' ');
}

/** The command that ends it. */
export function stopCommand(detection: ModuleDetection, uuid: string): string {
  return `${detection.command} ${uuid} stop${detection.named ? ` ${STREAM_NAME}` : ''}`;
}

/** Subclasses of the module's events that a stream lives by. */
export function moduleEvents(detection: ModuleDetection): {
  readonly play: string;
  readonly failures: readonly string[];
} {
  return detection.module === 'mod_audio_stream'
    ? { play: 'mod_audio_stream::play', failures: ['mod_audio_stream::error'] }
    : { play: 'mod_audio_fork::play_audio', failures: ['mod_audio_fork::connect_failed'] };
}

/** A message that has the module write base64 of L16 to a file. `batch` comes back in its event. */
export function playMessage(detection: ModuleDetection, base64: string, sampleRateHz: number, batch: number): string {
  return detection.module === 'mod_audio_stream'
    ? JSON.stringify({
        type: 'streamAudio',
        data: { audioDataType: 'raw', sampleRate: sampleRateHz, talkspurt: batch, audioData: base64 },
      })
    : JSON.stringify({
        type: 'playAudio',
        data: { audioContentType: 'raw', sampleRate: sampleRateHz, talkspurt: batch, audioContent: base64 },
      });
}

/** Channel variables that a stream of ours needs. The module leaves two of them to chance where they are not set. */
export function streamVariables(detection: ModuleDetection, play: boolean, sampleRateHz: number): readonly string[] {
  if (detection.module === 'mod_audio_fork') return [];
  const variables = ['STREAM_BUFFER_SIZE=20', 'STREAM_HEART_BEAT=30', 'STREAM_SUPPRESS_LOG=true'];
  if (detection.edition === 'commercial' && play) {
    variables.push('STREAM_PLAYBACK=true', `STREAM_SAMPLE_RATE=${sampleRateHz}`);
  }
  return variables;
}

function rateWord(sampleRateHz: number): string {
  return sampleRateHz === 8000 ? '8k' : sampleRateHz === 16000 ? '16k' : String(sampleRateHz);
}

function checkedMetadata(metadata: string): string {
  if (Buffer.byteLength(metadata) >= LIMITS.commandMetadataBytes) {
    throw syntax(`metadata of ${LIMITS.commandMetadataBytes} bytes or more, which the module cuts off`);
  }
  if (ALTERED.test(metadata)) {
    throw syntax('metadata with a single quote, a backslash or a control character, which the switch would change');
  }
  return metadata;
}

function syntax(what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', `not sent: ${what}`);
}
