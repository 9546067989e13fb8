/** `uuid_record` of the simulated switch. */
import { delay } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import { CallRecording, recordingOptions } from './call-recording.ts';
import { commandWords } from './command-words.ts';
import { isFifo, openRecordFile } from './record-file.ts';
import type { RecordFile } from './record-file.ts';
import type { SimulatedChannel } from './simulated-channel.ts';

/** What the command works on. */
export interface RecordHost {
  readonly clock: Clock;
  readonly channels: ReadonlyMap<string, SimulatedChannel>;
  readonly closing: AbortSignal;
}

const USAGE = '-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]\n';
/** How often a FIFO without a reader is looked at. */
const READER_MS = 20;
const HEADERLESS = /\.(r8|r16|raw|ul)$/i;

/** Recordings by channel and path. A writer that waits for a reader keeps its command from being answered, as the real one does. */
export class SwitchRecorder {
  readonly #recordings = new WeakMap<SimulatedChannel, Map<string, { recording: CallRecording; stop: () => void }>>();

  async run(argument: string, host: RecordHost): Promise<string> {
    const [uuid = '', action = '', path = ''] = commandWords(argument, 5);
    if (path === '') return USAGE;
    const channel = host.channels.get(uuid);
    if (channel === undefined) return '-ERR Cannot locate session!\n';
    const running = this.#of(channel);
    switch (action.toLowerCase()) {
      case 'start':
        return running.has(path) ? '+OK Success\n' : this.#start(channel, path, host);
      case 'stop':
        return this.#stop(running, path);
      case 'mask':
      case 'unmask': {
        const found = running.get(path);
        if (found === undefined) return '-ERR Cannot mask recording session!\n';
        found.recording.masked = action.toLowerCase() === 'mask';
        return '+OK Success\n';
      }
      default:
        return USAGE;
    }
  }

  async #start(channel: SimulatedChannel, path: string, host: RecordHost): Promise<string> {
    const failed = '-ERR Cannot record session!\n';
    // A WAV header has to be written twice, which a FIFO cannot do; other headers are not simulated.
    if (!HEADERLESS.test(path) || !channel.mediaUp) return failed;
    const buffered = !/^(false|no|off|0)$/i.test(channel.variables.get('enable_file_write_buffering') ?? '');
    const file = await this.#open(channel, path, buffered, host);
    if (file === null) return failed;
    const running = this.#of(channel);
    channel.fire('RECORD_START', [['Record-File-Path', path]]);
    const recording = new CallRecording(file, recordingOptions(channel.variables, channel.format, path), () => {
      running.delete(path);
      channel.fire('RECORD_STOP', [['Record-File-Path', path]]);
    });
    const stop = channel.attach(recording, { function: 'session_record', target: path });
    running.set(path, { recording, stop });
    return '+OK Success\n';
  }

  #stop(running: Map<string, { stop: () => void }>, path: string): string {
    const wanted = path === 'all' ? [...running.values()] : [running.get(path)];
    if (wanted.length === 0 || wanted.includes(undefined)) return '-ERR Cannot stop record session!\n';
    for (const each of wanted) each?.stop();
    return '+OK Success\n';
  }

  /** Null: the file system says no, or the call has gone while nobody read. */
  async #open(
    channel: SimulatedChannel,
    path: string,
    buffered: boolean,
    host: RecordHost,
  ): Promise<RecordFile | null> {
    try {
      for (;;) {
        const file = openRecordFile(path, buffered);
        if (file !== null) {
          if (!channel.gone) return file;
          file.close();
          return null;
        }
        if (!isFifo(path)) return null;
        await delay(host.clock, READER_MS, host.closing);
      }
    } catch {
      return null;
    }
  }

  #of(channel: SimulatedChannel): Map<string, { recording: CallRecording; stop: () => void }> {
    const known = this.#recordings.get(channel);
    if (known !== undefined) return known;
    const made = new Map<string, { recording: CallRecording; stop: () => void }>();
    this.#recordings.set(channel, made);
    return made;
  }
}
