/** A backend whose every opening does what a test says, and whose streams say what they were given. */
import type { Backend, BackendCall, BackendSink, BackendStream } from '../../src/backend/backend.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { ErrorCode, ErrorDetails } from '../../src/core/errors.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { bytesPerMs } from '../../src/core/media.ts';
import { PCMU_LEG, hang, hangUntilAborted } from './fake-peers.ts';

/** `ok`: at once; a number: after so many ms; `hang`: until it is called off; `deaf`: for ever; otherwise it fails so. */
export type Opening = 'ok' | 'hang' | 'deaf' | number | TalkspurtError;

export const failure = (code: ErrorCode, details?: ErrorDetails): TalkspurtError =>
  new TalkspurtError(code, 'as the test wants', details === undefined ? {} : { details });
export const CUT_OFF = failure('ERR_TALKSPURT_BACKEND_CLOSED', { closeCode: 1006 });

/** One conversation of a {@link ScriptedBackend}. */
export class ScriptedStream implements BackendStream {
  readonly inputFormat: AudioFormat;
  readonly outputFormat: AudioFormat;
  readonly detectsTurns: boolean;
  readonly droppedFrames = 0;
  /** Caller frames, copied, and when they came. */
  readonly heard: { readonly frame: Uint8Array; readonly atMs: number }[] = [];
  readonly requests: (string | undefined)[] = [];
  readonly texts: string[] = [];
  readonly toolResults: [string, string][] = [];
  readonly cancels: [string | null, number][] = [];
  readonly played: [string, number, boolean][] = [];
  /** What was heard of what it wrote, by response. */
  readonly notes: [string | null, string][] = [];
  /** How many frames had been heard when the turn was ended. */
  readonly commits: number[] = [];
  readonly call: BackendCall;
  readonly sink: BackendSink;
  /** What was said before, as it was told at the opening. */
  readonly history: readonly { by: string; text: string }[];
  readonly toolCalls: readonly string[];
  open = true;
  closes = 0;
  readonly #nowMs: () => number;

  constructor(
    call: BackendCall,
    sink: BackendSink,
    nowMs: () => number,
    { format, detectsTurns }: { format: AudioFormat; detectsTurns: boolean },
  ) {
    this.call = call;
    this.sink = sink;
    this.#nowMs = nowMs;
    this.inputFormat = format;
    this.outputFormat = format;
    this.detectsTurns = detectsTurns;
    this.history = call.history ?? [];
    this.toolCalls = (call.toolCalls ?? []).map(({ toolCallId }) => toolCallId);
  }

  sendAudio(frame: Uint8Array): boolean {
    this.heard.push({ frame: frame.slice(), atMs: this.#nowMs() });
    return true;
  }

  commitTurn(): void {
    this.commits.push(this.heard.length);
  }

  cancelResponse(itemId: string | null, playedMs: number): void {
    this.cancels.push([itemId, playedMs]);
  }

  onItemPlayed(itemId: string, playedMs: number, whole: boolean): void {
    this.played.push([itemId, playedMs, whole]);
  }

  noteHeard(responseId: string | null, heard: string): void {
    this.notes.push([responseId, heard]);
  }

  requestResponse(instructions?: string): void {
    this.requests.push(instructions);
  }

  sendText(text: string): void {
    this.texts.push(text);
  }

  sendToolResult(toolCallId: string, outputJson: string): void {
    this.toolResults.push([toolCallId, outputJson]);
  }

  close(): Promise<void> {
    this.open = false;
    this.closes += 1;
    return Promise.resolve();
  }

  /** The connection is gone. */
  lose(error: TalkspurtError | null = CUT_OFF): void {
    if (!this.open) return;
    this.open = false;
    this.sink.onClosed(error);
  }

  /** `ms` of agent audio come at once, every byte `value`, and `text` with it. */
  speak(itemId: string, ms: number, { value = 0x20, text = '', whole = true } = {}): void {
    this.sink.onResponseStarted(`response-${itemId}`);
    this.sink.onAudio(new Uint8Array(ms * bytesPerMs(this.outputFormat)).fill(value), itemId);
    if (text !== '') this.sink.onTranscript('agent', text, whole, itemId);
    if (!whole) return;
    this.sink.onAudioDone(itemId);
    this.sink.onResponseDone(`response-${itemId}`, 'completed');
  }
}

/** See the top of the file. */
export class ScriptedBackend implements Backend {
  readonly name: string;
  readonly streams: ScriptedStream[] = [];
  /** Of the next openings, in order; then `always`. */
  readonly script: Opening[] = [];
  always: Opening = 'ok';
  opens = 0;
  refused: TalkspurtError | null = null;
  readonly #clock: { nowMs(): number; after(ms: number, run: () => void): unknown };
  readonly #options: { format: AudioFormat; detectsTurns: boolean };

  constructor(
    name: string,
    clock: { nowMs(): number; after(ms: number, run: () => void): unknown },
    { format = PCMU_LEG, detectsTurns = false }: { format?: AudioFormat; detectsTurns?: boolean } = {},
  ) {
    this.name = name;
    this.#clock = clock;
    this.#options = { format, detectsTurns };
  }

  get stream(): ScriptedStream {
    const last = this.streams.at(-1);
    if (last === undefined) throw new Error(`${this.name} was never opened`);
    return last;
  }

  refusal(): TalkspurtError | null {
    return this.refused;
  }

  async open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<BackendStream> {
    this.opens += 1;
    if (this.refused !== null) throw this.refused;
    const opening = this.script.shift() ?? this.always;
    if (opening instanceof TalkspurtError) throw opening;
    if (opening === 'hang') await hangUntilAborted(signal);
    if (opening === 'deaf') await hang();
    if (typeof opening === 'number') await new Promise<void>((resolve) => this.#clock.after(opening, resolve));
    const stream = new ScriptedStream(call, sink, () => this.#clock.nowMs(), this.#options);
    this.streams.push(stream);
    return stream;
  }
}
