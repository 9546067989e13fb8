/** A WebSocket module that a simulated switch has loaded: its streams hear what channels hear, and what it writes can be played. */
import type { ChannelTap } from './channel-audio.ts';
import { FrameConverter } from './frame-converter.ts';
import { ModuleClient } from './module-client.ts';
import type { ModuleKind, ModuleStream } from './module-stream.ts';
import type { SimulatedChannel } from './simulated-channel.ts';

/** What waits at most between two ptimes of different length or rate. */
const BUFFER_MS = 200;

/** One module of one switch. */
export class SwitchModule {
  readonly #kind: ModuleKind;
  readonly #client: ModuleClient;
  readonly #channels: ReadonlyMap<string, SimulatedChannel>;
  readonly #taps = new Map<string, () => void>();

  /** `fire`: a CUSTOM event of the module about a channel. */
  constructor(
    kind: ModuleKind,
    channels: ReadonlyMap<string, SimulatedChannel>,
    fire: (channel: SimulatedChannel, subclass: string, body: string) => void,
  ) {
    this.#kind = kind;
    this.#channels = channels;
    this.#client = new ModuleClient({
      kind,
      channels: new VariablesOf(channels),
      onEvent: (uuid, subclass, body) => {
        const channel = channels.get(uuid);
        if (channel !== undefined) fire(channel, subclass, body);
      },
    });
  }

  get command(): string {
    return this.#client.command;
  }

  showApi(name: string): string {
    return this.#client.showApi(name);
  }

  /** One command, without its name. */
  api(argument: string): string {
    const [uuid = '', verb = '', , mix = ''] = argument.split(' ');
    const reply = this.#client.api(argument);
    const stream = this.#client.stream(uuid);
    if (stream === undefined) this.#untap(uuid);
    else if (verb === 'start' && reply.startsWith('+OK')) this.#tap(uuid, stream, mix);
    return reply;
  }

  hangUp(uuid: string): void {
    this.#untap(uuid);
    this.#client.hangUp(uuid);
  }

  /** What a file of the module's says, at that rate; null: it is none of the module's. */
  sound(path: string, sampleRateHz: number): Int16Array | null {
    const bytes = this.#client.files.get(path);
    // FreeSWITCH goes by the name: .r8 and .r16 are samples at these rates, .r24 and the like are not samples of 16 bits.
    const fileRateHz = path.endsWith('.r8') ? 8000 : path.endsWith('.r16') ? 16_000 : 0;
    if (bytes === undefined || fileRateHz === 0) return null;
    const samples = Int16Array.from({ length: bytes.length >> 1 }, (_, at) => bytes.readInt16LE(at * 2));
    if (fileRateHz === sampleRateHz) return samples;
    const converter = new FrameConverter(sampleRateHz, (samples.length / fileRateHz) * 1000 + 1);
    converter.push(samples, fileRateHz);
    return converter.take(converter.length) ?? new Int16Array(0);
  }

  #tap(uuid: string, stream: ModuleStream, mix: string): void {
    const channel = this.#channels.get(uuid);
    if (channel === undefined) return;
    const words = this.#client.starts.at(-1);
    const word = words?.[4] ?? '8k';
    const rateHz = word === '8k' ? 8000 : word === '16k' ? 16_000 : Number(word);
    const tap = new StreamTap(stream, mix, channel.format.sampleRateHz, rateHz, this.#kind === 'jambonz');
    this.#taps.set(uuid, channel.attach(tap, { function: this.#client.command, target: uuid }));
  }

  #untap(uuid: string): void {
    this.#taps.get(uuid)?.();
    this.#taps.delete(uuid);
  }
}

/** The media bug of one stream. */
class StreamTap implements ChannelTap {
  readonly #stream: ModuleStream;
  readonly #mix: string;
  readonly #channelRateHz: number;
  readonly #dubs: boolean;
  readonly #read: FrameConverter;
  readonly #write: FrameConverter;

  constructor(stream: ModuleStream, mix: string, channelRateHz: number, rateHz: number, dubs: boolean) {
    this.#stream = stream;
    this.#mix = mix;
    this.#channelRateHz = channelRateHz;
    this.#dubs = dubs;
    this.#read = new FrameConverter(rateHz, BUFFER_MS);
    this.#write = new FrameConverter(rateHz, BUFFER_MS);
  }

  mixIntoRead(): void {
    // What the phone says is left as it is.
  }

  mixIntoWrite(samples: Int16Array): void {
    if (!this.#dubs) return;
    const dub = this.#stream.dub(samples.length);
    for (let at = 0; at < samples.length; at += 1) samples[at] = clamp(samples[at]! + dub[at]!);
  }

  onPtime(read: Int16Array, write: Int16Array): void {
    this.#read.push(read, this.#channelRateHz);
    if (this.#mix === 'mono') {
      this.#send(this.#read.take(this.#read.length));
      return;
    }
    this.#write.push(write, this.#channelRateHz);
    // Nothing goes out of a direction that has nothing, nor of the other.
    const count = Math.min(this.#read.length, this.#write.length);
    const [caller, other] = [this.#read.take(count), this.#write.take(count)];
    if (caller === null || other === null) return;
    if (this.#mix === 'mixed') this.#send(caller.map((sample, at) => clamp(sample + other[at]!)));
    else this.#send(Int16Array.from({ length: count * 2 }, (_, at) => (at % 2 === 0 ? caller : other)[at >> 1]!));
  }

  #send(samples: Int16Array | null): void {
    if (samples === null) return;
    const bytes = Buffer.alloc(samples.length * 2);
    for (let at = 0; at < samples.length; at += 1) bytes.writeInt16LE(samples[at]!, at * 2);
    this.#stream.capture(bytes);
  }
}

/** The channels' variables, as long as there are channels. */
class VariablesOf extends Map<string, ReadonlyMap<string, string>> {
  readonly #channels: ReadonlyMap<string, SimulatedChannel>;

  constructor(channels: ReadonlyMap<string, SimulatedChannel>) {
    super();
    this.#channels = channels;
  }

  override has(uuid: string): boolean {
    return this.#channels.has(uuid);
  }

  override get(uuid: string): ReadonlyMap<string, string> | undefined {
    return this.#channels.get(uuid)?.variables;
  }
}

function clamp(sample: number): number {
  return Math.max(-32_768, Math.min(32_767, sample));
}
