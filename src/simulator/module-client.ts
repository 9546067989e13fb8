/**
 * A simulated WebSocket module of FreeSWITCH: `uuid_audio_stream` or `uuid_audio_fork` as commands, streams that connect to whoever
 * listens, and CUSTOM events. Replies and events are those that were recorded.
 */
import { Buffer } from 'node:buffer';
import { ModuleStream } from './module-stream.ts';
import type { ModuleKind } from './module-stream.ts';

/** What is simulated, and who hears of it. */
export interface ModuleClientOptions {
  readonly kind: ModuleKind;
  /** The channels that there are, with the variables that were set on them. */
  readonly channels: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Rate of the channels, Hz; default 8000. */
  readonly channelRateHz?: number;
  /** Loses the metadata, as the real one does at times. */
  readonly losesMetadata?: boolean;
  /** An event of the switch: `uuid` and the body beside its subclass. */
  onEvent(uuid: string, subclass: string, body: string): void;
}

const USAGE = {
  mod_audio_stream:
    '<uuid> [start | stop | send_text | pause | resume | graceful-shutdown ] [wss-url | path] [mono | mixed | stereo] [8000 | 16000] [metadata]',
  mod_audio_fork:
    '<uuid> [start | stop | send_text | pause | resume | graceful-shutdown ] [wss-url | path] [mono | mixed | stereo] [8000 | 16000 | 24000 | 32000 | 64000] [bugname] [metadata]',
  jambonz:
    '<uuid> [start | stop | send_text | pause | resume | graceful-shutdown | stop_play ] [wss-url | path] [mono | mixed | stereo] [8000 | 16000 | 24000 | 32000 | 64000] [bugname] [metadata] [bidirectionalAudio_enabled] [bidirectionalAudio_stream_enabled] [bidirectionalAudio_stream_samplerate]',
} as const;
/** Arguments that the module takes apart; the last one is the rest of the line. */
const WORDS = { mod_audio_stream: 6, mod_audio_fork: 7, jambonz: 10 } as const;
const FAILED = '-ERR Operation Failed\n';
const SUCCESS = '+OK Success\n';
const SILENT = '-ERR no reply\n';
const METADATA_BYTES = 8_192;

/** One module of one switch. */
export class ModuleClient {
  /** Everything that `start` was given. */
  readonly starts: (readonly string[])[] = [];
  /** What the module wrote: name → bytes. Gone when their stream is stopped. */
  readonly files = new Map<string, Buffer>();
  readonly #options: ModuleClientOptions;
  readonly #streams = new Map<string, ModuleStream>();
  #files = 0;

  constructor(options: ModuleClientOptions) {
    this.#options = options;
  }

  get command(): string {
    return this.#options.kind === 'mod_audio_stream' ? 'uuid_audio_stream' : 'uuid_audio_fork';
  }

  /** What `show api <name>` says. */
  showApi(name: string): string {
    if (name !== this.command) return '\n0 total.\n';
    const module = this.#options.kind === 'mod_audio_stream' ? 'mod_audio_stream' : 'mod_audio_fork';
    const description = this.#options.kind === 'mod_audio_stream' ? 'audio_stream API' : 'audio_fork API';
    return `name,description,syntax,ikey\n${name},${description},${USAGE[this.#options.kind]},${module}\n\n1 total.\n`;
  }

  /** The stream of a channel; undefined: none runs, and none was left behind. */
  stream(uuid: string): ModuleStream | undefined {
    return this.#streams.get(uuid);
  }

  /** One command, without its name. */
  api(line: string): string {
    const words = splitWords(line, WORDS[this.#options.kind]);
    const [uuid = '', verb = ''] = words;
    if (words.length < 2 || (verb === 'start' && words.length < 4)) return `-USAGE: ${USAGE[this.#options.kind]}\n`;
    if (!this.#options.channels.has(uuid)) return FAILED;
    if (verb === 'start') return this.#start(uuid, words);
    const stream = this.#streams.get(uuid);
    // mod_audio_fork: the name of the stream comes first.
    const text = words[this.#options.kind === 'mod_audio_stream' || words.length === 3 ? 2 : 3];
    if (verb === 'send_text' && words.length < 3) return SILENT;
    if (stream === undefined) return FAILED;
    switch (verb) {
      case 'stop':
        this.#remove(uuid);
        stream.close(this.#options.kind !== 'mod_audio_stream' && words.length === 3 ? null : (text ?? null));
        return SUCCESS;
      case 'pause':
      case 'resume':
        stream.pause(verb === 'pause');
        return SUCCESS;
      case 'send_text':
        stream.say(text ?? '');
        return SUCCESS;
      case 'graceful-shutdown':
        if (this.#options.kind === 'mod_audio_stream') return FAILED;
        stream.endAudio();
        return SUCCESS;
      default:
        return FAILED;
    }
  }

  /** The channel is gone, and its stream with it. */
  hangUp(uuid: string): void {
    const stream = this.#streams.get(uuid);
    this.#remove(uuid);
    stream?.close(null);
  }

  #start(uuid: string, words: readonly string[]): string {
    const [, , url = '', mix = '', rateWord = '8k'] = words;
    if (!['mono', 'mixed', 'stereo'].includes(mix)) return SILENT;
    const rate = rateWord === '8k' ? 8000 : rateWord === '16k' ? 16000 : Number.parseInt(rateWord, 10);
    // No user information in an address; a rate that is none counts as zero there, which fails later.
    if (!/^wss?:\/\/[^@/\s]+(\/\S*)?$/.test(url) || !(rate > 0) || rate % 8000 !== 0) return FAILED;
    if (this.#streams.has(uuid)) return FAILED;
    this.starts.push(words);
    const { kind, channelRateHz = 8000, losesMetadata = false } = this.#options;
    const metadata = this.#metadata(words);
    const stream = new ModuleStream({
      kind,
      uuid,
      url,
      metadata: losesMetadata ? null : metadata,
      headers: this.#headers(uuid),
      binary: kind === 'jambonz' && words[7] === 'true' && words[8] === 'true' && Number(words[9]) > 0,
      playRateHz: Number(words[9]),
      channelRateHz,
      onEvent: (subclass, body) => this.#options.onEvent(uuid, subclass, body),
      onCut: () => {
        if (this.#streams.get(uuid) === stream) this.#remove(uuid);
      },
      onFile: (extension, bytes) => {
        const file = `/tmp/${uuid}_${this.#files++}${extension}`;
        this.files.set(file, bytes);
        return file;
      },
    });
    this.#streams.set(uuid, stream);
    return SUCCESS;
  }

  #metadata(words: readonly string[]): string | null {
    const text = this.#options.kind === 'mod_audio_stream' ? words.slice(5, 6)[0] : words[6];
    return text === undefined ? null : Buffer.from(text).subarray(0, METADATA_BYTES).toString('utf8');
  }

  #headers(uuid: string): Record<string, string> {
    const variables = this.#options.channels.get(uuid);
    const extra = variables?.get('STREAM_EXTRA_HEADERS');
    if (this.#options.kind === 'mod_audio_stream')
      return extra === undefined ? {} : (JSON.parse(extra) as Record<string, string>);
    const user = variables?.get('MOD_AUDIO_BASIC_AUTH_USERNAME');
    const password = variables?.get('MOD_AUDIO_BASIC_AUTH_PASSWORD') ?? '';
    if (user === undefined) return {};
    return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
  }

  #remove(uuid: string): void {
    this.#streams.delete(uuid);
    for (const file of this.files.keys()) if (file.startsWith(`/tmp/${uuid}_`)) this.files.delete(file);
  }
}

/** Arguments as FreeSWITCH takes them apart: single quotes group and go away, a backslash takes the next character. */
function splitWords(line: string, limit: number): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at]!;
    if (char === "'") {
      quoted = !quoted;
      word ??= '';
    } else if (char === '\\' && at + 1 < line.length) {
      at += 1;
      word = (word ?? '') + (line[at] === 's' ? ' ' : line[at] === 'n' ? '\n' : line[at]!);
    } else if (char === ' ' && !quoted && (words.length < limit - 1 || word === null)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (word !== null) words.push(word);
  return words;
}
