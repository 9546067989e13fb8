/** A switch with a simulated module, a link to it, and our server: real sockets, a clock in the hands of the test. */
import { ModuleClient } from '../../../../src/simulator/module-client.ts';
import type { ModuleKind, ModuleStream } from '../../../../src/simulator/module-stream.ts';
import type { TalkspurtError } from '../../../../src/core/errors.ts';
import type { EslEvent, EslLink } from '../../../../src/switch/freeswitch/esl-link.ts';
import { detectModules } from '../../../../src/switch/freeswitch/module/module-detection.ts';
import { ModuleMedia } from '../../../../src/switch/freeswitch/module/module-opening.ts';
import type { ModuleMediaOptions } from '../../../../src/switch/freeswitch/module/module-opening.ts';
import { ModuleServer } from '../../../../src/switch/freeswitch/module/module-server.ts';
import type { ModuleServerOptions } from '../../../../src/switch/freeswitch/module/module-server.ts';
import type { MediaSink } from '../../../../src/transport/media-transport.ts';
import { FakeClock } from '../../../sim/fake-clock.ts';
import { until } from '../../../until.ts';

export const UUID = '0f1e2d3c-aaaa-4bbb-8ccc-0123456789ab';

export { until };

export function moduleEvent(subclass: string, body: string, uuid = UUID): EslEvent {
  return { name: 'CUSTOM', uuid, headers: { 'Event-Subclass': subclass, 'Unique-ID': uuid }, body };
}

export function playbackStart(file: string): EslEvent {
  return { name: 'PLAYBACK_START', uuid: UUID, headers: { 'Playback-File-Path': file }, body: '' };
}

/** Samples that say which they are. */
export function ramp(from: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i += 1) view.setInt16(i * 2, from + i, true);
  return bytes;
}

export class RecordingSink implements MediaSink {
  readonly frames: { payload: Uint8Array; sequenceNumber: number; timestamp: number; nowMs: number }[] = [];
  readonly losses: TalkspurtError[] = [];

  onFrame(payload: Uint8Array, sequenceNumber: number, timestamp: number, nowMs: number): void {
    this.frames.push({ payload: Uint8Array.from(payload), sequenceNumber, timestamp, nowMs });
  }

  onLost(error: TalkspurtError): void {
    this.losses.push(error);
  }
}

export class ModuleRig {
  readonly clock = new FakeClock();
  readonly variables = new Map<string, string>();
  readonly module: ModuleClient;
  readonly server: ModuleServer;
  /** Commands and messages to the switch, in order. */
  readonly said: string[] = [];
  readonly subscribed: string[] = [];
  readonly texts: string[] = [];
  readonly faults: TalkspurtError[] = [];
  readonly refused: number[] = [];
  /** What the channel was told to play and has not begun. */
  readonly playlist: string[] = [];
  /** Answers instead of the switch. */
  answer: (command: string) => string | Error | undefined = () => undefined;
  media: ModuleMedia | null = null;
  readonly link: EslLink;

  constructor(kind: ModuleKind, server: Partial<ModuleServerOptions> = {}, losesMetadata = false) {
    this.module = new ModuleClient({
      kind,
      channels: new Map([[UUID, this.variables]]),
      losesMetadata,
      onEvent: (uuid, subclass, body) => this.media?.onEvent(moduleEvent(subclass, body, uuid)),
    });
    this.server = new ModuleServer({
      clock: this.clock,
      host: '127.0.0.1',
      port: 0,
      onRefused: (status) => this.refused.push(status),
      ...server,
    });
    this.link = {
      api: (command: string) => this.#api(command),
      subscribe: (subclass: string) => {
        this.subscribed.push(subclass);
        return Promise.resolve();
      },
      sendMessage: (uuid: string, headers: Readonly<Record<string, string>>) => {
        this.said.push(`sendmsg ${uuid} ${Object.values(headers).join(' ')}`);
        this.playlist.push(headers['execute-app-arg'] ?? '');
        return Promise.resolve('+OK');
      },
    } as Partial<EslLink> as EslLink;
  }

  get stream(): ModuleStream {
    const stream = this.module.stream(UUID);
    if (stream === undefined) throw new Error('no stream');
    return stream;
  }

  /** Begins to open; the module captures nothing by itself. */
  async begin(
    options: Partial<ModuleMediaOptions> = {},
  ): Promise<{ readonly opened: ReturnType<ModuleMedia['open']> }> {
    if (this.server.port === 0) await this.server.listen();
    const [detection] = await detectModules(this.link);
    if (detection === undefined) throw new Error('no module');
    this.media = new ModuleMedia({
      uuid: UUID,
      link: this.link,
      server: this.server,
      detection,
      mix: 'mono',
      sampleRateHz: 8000,
      play: true,
      written: true,
      clock: this.clock,
      signal: new AbortController().signal,
      onText: (text) => this.texts.push(text),
      onFault: (error) => this.faults.push(error),
      ...options,
    });
    const opened = this.media.open();
    opened.catch(() => undefined);
    return { opened };
  }

  /** Opens, with one frame of silence captured. */
  async open(options: Partial<ModuleMediaOptions> = {}): ReturnType<ModuleMedia['open']> {
    const { opened } = await this.begin(options);
    await until(() => this.module.stream(UUID)?.open === true, 'the module connects');
    const { mix = 'mono', sampleRateHz = 8000 } = options;
    this.stream.capture(new Uint8Array((sampleRateHz / 50) * 2 * (mix === 'stereo' ? 2 : 1)));
    return await opened;
  }

  /** The channel begins the next file that it was told to play; its bytes. */
  playNext(): Buffer {
    const file = this.playlist.shift() ?? '';
    const bytes = this.module.files.get(file);
    if (bytes === undefined) throw new Error('nothing to play');
    this.media?.onEvent(playbackStart(file));
    return bytes;
  }

  async close(): Promise<void> {
    this.module.hangUp(UUID);
    await this.server.close();
  }

  #api(command: string): Promise<string> {
    this.said.push(command);
    const answer = this.answer(command);
    if (answer instanceof Error) return Promise.reject(answer);
    if (answer !== undefined) return Promise.resolve(answer);
    const [verb = '', ...rest] = command.split(' ');
    if (verb === 'show') return Promise.resolve(this.module.showApi(rest[1] ?? ''));
    if (verb === this.module.command) return Promise.resolve(this.module.api(rest.join(' ')));
    if (verb === 'uuid_setvar') {
      if (rest.length === 2) this.variables.delete(rest[1]!);
      else this.variables.set(rest[1]!, rest.slice(2).join(' '));
    }
    if (verb === 'uuid_break') this.playlist.length = 0;
    return Promise.resolve('+OK\n');
  }
}
