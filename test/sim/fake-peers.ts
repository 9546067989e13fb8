/** The edges of a call without a network: a leg, a media path, a backend and signal chains that do what a test says. */
import type { Backend, BackendCall, BackendSink, BackendStream } from '../../src/backend/backend.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { EventSink, TalkspurtEvent } from '../../src/core/events.ts';
import type { AudioFormat, MediaFormat } from '../../src/core/media.ts';
import { frameBytes } from '../../src/core/media.ts';
import type { Dsp, DspOptions, DspPool } from '../../src/dsp/dsp.ts';
import type { CallLeg, CallOutcome, LegListener } from '../../src/switch/switch-adapter.ts';
import type { MediaSink, MediaTransport } from '../../src/transport/media-transport.ts';

export const PCMU_LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };

/** A promise that a test settles. */
export class Gate<T> {
  readonly promise: Promise<T>;
  open: (value: T) => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
  }
}

/** Never settles, whatever the signal says. */
export function hang<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

/** Hangs as a well-behaved peer does: rejects when the call is over. */
export function hangUntilAborted<T>(signal: AbortSignal): Promise<T> {
  return new Promise<T>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

export class FakeTransport implements MediaTransport {
  readonly kind = 'fake';
  readonly format: MediaFormat;
  readonly stats = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  readonly sent: { payload: number[]; startsTalkspurt: boolean }[] = [];
  sink: MediaSink | null = null;
  closes = 0;
  flushes = 0;
  /** Frames that wait in the switch, or null: it does not say. */
  heldFrames: number | null = null;
  /** The far end need not send: on hold. */
  expectsFrames = true;
  owesFirstFrame = false;
  onClose: () => Promise<void> = () => Promise.resolve();
  #sequenceNumber = 65_530;

  constructor(format: MediaFormat = PCMU_LEG) {
    this.format = format;
  }

  start(sink: MediaSink): void {
    this.sink = sink;
  }

  /** One frame of the caller's arrives. */
  receive(nowMs: number): void {
    const samples = this.format.ptimeMs * (this.format.sampleRateHz / 1000);
    const payload = new Uint8Array(frameBytes(this.format)).fill(0xff);
    this.#sequenceNumber += 1;
    this.sink?.onFrame(payload, this.#sequenceNumber & 0xffff, this.#sequenceNumber * samples, nowMs);
  }

  send(payload: Uint8Array, startsTalkspurt: boolean): void {
    this.stats.sentFrames += 1;
    this.sent.push({ payload: [...payload], startsTalkspurt });
  }

  playedFrames(): number | null {
    return this.heldFrames === null ? null : this.stats.sentFrames - this.heldFrames;
  }

  flush(): void {
    this.flushes += 1;
  }

  close(): Promise<void> {
    this.closes += 1;
    return this.onClose();
  }
}

export class FakeLeg implements CallLeg {
  readonly id = 'a1b2';
  readonly switchName = 'pbx';
  readonly from = '100';
  readonly to = '200';
  readonly variables = new Map<string, string>();
  readonly transport: FakeTransport;
  listener: LegListener | null = null;
  releases = 0;
  readonly hangups: number[] = [];
  readonly outcomes: CallOutcome[] = [];
  onAnswer: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  onOpenMedia: (signal: AbortSignal) => Promise<MediaTransport>;
  onRelease: () => Promise<void> = () => Promise.resolve();

  constructor(format?: MediaFormat) {
    this.transport = new FakeTransport(format);
    this.onOpenMedia = () => Promise.resolve(this.transport);
  }

  listen(listener: LegListener): void {
    this.listener = listener;
  }

  answer(signal: AbortSignal): Promise<void> {
    return this.onAnswer(signal);
  }

  openMedia(signal: AbortSignal): Promise<MediaTransport> {
    return this.onOpenMedia(signal);
  }

  sendDtmf(): Promise<void> {
    return Promise.resolve();
  }

  transfer(): Promise<void> {
    return Promise.resolve();
  }

  conclude(outcome: CallOutcome): void {
    // It is said before the channel is let go.
    if (this.releases === 0 && this.hangups.length === 0) this.outcomes.push(outcome);
  }

  hangup(hangupCause: number): Promise<void> {
    this.hangups.push(hangupCause);
    return this.onRelease();
  }

  release(): Promise<void> {
    this.releases += 1;
    return this.onRelease();
  }
}

export class FakeStream implements BackendStream {
  readonly inputFormat: AudioFormat;
  readonly outputFormat: AudioFormat;
  readonly detectsTurns: boolean;
  readonly droppedFrames = 0;
  heardFrames = 0;
  /** What the last frame came with. */
  silentMs = Number.NaN;
  closes = 0;
  commits = 0;
  /** Turns of the caller whose beginning was told. */
  starts = 0;
  readonly cancels: [string | null, number][] = [];
  readonly requests: (string | undefined)[] = [];
  readonly texts: string[] = [];
  readonly toolResults: [string, string][] = [];
  onClose: () => Promise<void> = () => Promise.resolve();
  onItemPlayed?: (itemId: string, playedMs: number, whole: boolean) => void;
  sendMetadata?: (text: string) => void;
  interrupts?: boolean;

  constructor(options: { format?: AudioFormat; detectsTurns?: boolean } = {}) {
    this.inputFormat = options.format ?? PCMU_LEG;
    this.outputFormat = options.format ?? PCMU_LEG;
    this.detectsTurns = options.detectsTurns ?? false;
  }

  sendAudio(_frame?: Uint8Array, silentMs = 0): boolean {
    this.heardFrames += 1;
    this.silentMs = silentMs;
    return true;
  }

  startTurn(): void {
    this.starts += 1;
  }

  commitTurn(): void {
    this.commits += 1;
  }

  cancelResponse(itemId: string | null, playedMs: number): void {
    this.cancels.push([itemId, playedMs]);
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
    this.closes += 1;
    return this.onClose();
  }
}

export class FakeBackend implements Backend {
  readonly name = 'fake';
  readonly stream: FakeStream;
  sink: BackendSink | null = null;
  call: BackendCall | null = null;
  onOpen: (signal: AbortSignal) => Promise<BackendStream>;

  constructor(stream = new FakeStream()) {
    this.stream = stream;
    this.onOpen = () => Promise.resolve(stream);
  }

  open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<BackendStream> {
    this.call = call;
    this.sink = sink;
    return this.onOpen(signal);
  }
}

/** Hands the agent's bytes through, and says whatever probability of speech it is told to. */
export class FakeDsp implements Dsp {
  speechProbability = 0;
  voicing = 1;
  captureLevelDbov = -30;
  readonly renderLevelDbov = -40;
  readonly residualLevelDbov = -30;
  readonly erleDb = 0;
  readonly echoCoherence = 0;
  readonly echoDelayMs = -1;
  readonly doubleTalk = false;
  readonly echoLikely = false;
  echoSettled = true;
  readonly capturePassThrough = true;
  readonly renderPassThrough = true;
  heldMs = 0;
  readonly cutMs = 0;
  readonly repeatedMs = 0;
  readonly concealedMs = 0;
  news = false;
  heardDigit: string | null = null;
  heardDigitMs = 0;
  heardProgress: Dsp['heardProgress'] = null;
  captureSuspects: Dsp['captureSuspects'] = [];
  renderSuspects: Dsp['renderSuspects'] = [];
  dialling = false;
  /** What it was told to dial. */
  readonly dialled: string[] = [];
  options: DspOptions | null = null;
  readonly ramps: [number, number][] = [];
  /** The gain that the last ramp went to. */
  gain = 1;
  onCapture: () => void = () => undefined;
  #ptimeMs = 20;
  #wire = new Uint8Array(0);
  #heard = new Uint8Array(0);
  heardWire = new Uint8Array(0);

  configure(options: DspOptions): void {
    this.options = options;
    this.gain = 1;
    this.#wire = new Uint8Array(frameBytes(options.leg));
    this.heardWire = new Uint8Array(frameBytes(options.leg));
    this.#ptimeMs = options.leg.ptimeMs;
    this.heldMs = 0;
    this.#heard = new Uint8Array(frameBytes({ ...options.backendInput, ptimeMs: options.leg.ptimeMs }));
  }

  /** Whole frames are all that it cuts. */
  capture(payload: Uint8Array | null = null, adjustMs = 0): Uint8Array {
    this.onCapture();
    if (payload !== null) this.heardWire.set(payload);
    if (adjustMs >= this.#ptimeMs && this.heldMs >= 2 * this.#ptimeMs) this.heldMs -= this.#ptimeMs;
    this.heldMs = Math.max(0, this.heldMs - this.#ptimeMs);
    return this.#heard;
  }

  readonly silences: [Uint8Array, number][] = [];

  describeSilence(payload: Uint8Array, framesBefore: number): void {
    this.silences.push([payload.slice(), framesBefore]);
  }

  feed(payload: Uint8Array | null): void {
    if (payload !== null) this.heardWire.set(payload);
    this.heldMs += this.#ptimeMs;
  }

  render(said: Uint8Array | null): Uint8Array {
    this.#wire.fill(0xff);
    if (said !== null) this.#wire.set(said.subarray(0, this.#wire.length));
    return this.#wire;
  }

  dial(digits: string): void {
    this.dialled.push(digits);
  }

  rampGain(gain: number, rampMs: number): void {
    this.gain = gain;
    this.ramps.push([gain, rampMs]);
  }
}

export class FakeDspPool implements DspPool {
  readonly size: number;
  /** The instance that was handed out last. */
  dsp = new FakeDsp();
  readonly #busy = new Set<Dsp>();

  constructor(size = 1) {
    this.size = size;
  }

  get inUse(): number {
    return this.#busy.size;
  }

  acquire(options: DspOptions): Dsp {
    if (this.#busy.size >= this.size) throw new TalkspurtError('ERR_TALKSPURT_DSP_POOL_EMPTY', 'none is left');
    this.dsp = new FakeDsp();
    this.dsp.configure(options);
    this.#busy.add(this.dsp);
    return this.dsp;
  }

  release(dsp: Dsp): void {
    this.#busy.delete(dsp);
  }
}

/** Keeps every event. */
export class RecordingEvents implements EventSink {
  readonly all: TalkspurtEvent[] = [];

  emit(event: TalkspurtEvent): void {
    this.all.push(event);
  }

  /** The events of one type, in order. */
  of<T extends TalkspurtEvent['type']>(type: T): Extract<TalkspurtEvent, { type: T }>[] {
    return this.all.filter((event): event is Extract<TalkspurtEvent, { type: T }> => event.type === type);
  }
}

/** Of a call that hears nothing of its backend. */
export const NO_SINK: BackendSink = {
  onAudio: () => undefined,
  onAudioDone: () => undefined,
  onResponseStarted: () => undefined,
  onResponseDone: () => undefined,
  onSpeech: () => undefined,
  onTranscript: () => undefined,
  onToolCall: () => undefined,
  onError: () => undefined,
  onClosed: () => undefined,
};
