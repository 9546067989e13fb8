/** One call's stream: the caller's audio out, and what the server sends back in. */
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { bytesPerMs } from '../core/media.ts';
import type { AudioFormat } from '../core/media.ts';
import type { DspLibrary } from '../dsp/library.ts';
import { LIMITS } from '../limits.ts';
import type { BackendCall, BackendSink, BackendStream } from './backend.ts';
import type { BackendSocket } from './backend-socket.ts';
import type { BackendSocketListener, SocketGoodbye } from './backend-socket.ts';
import type { StreamSettings } from './stream-config.ts';
import { streamConnectBody, streamEndEvent, streamErrorBody, streamFaultOf } from './stream-event-bodies.ts';
import type { StreamModuleEvent } from './stream-event-bodies.ts';
import { StreamFramer } from './stream-framer.ts';
import { StreamLink } from './stream-link.ts';
import { readStreamMessage } from './stream-message.ts';
import { StreamPlayback } from './stream-playback.ts';

/** What a conversation is made of; it owns none of it. */
export interface StreamConversationParts {
  readonly settings: StreamSettings;
  readonly clock: Clock;
  readonly dsp: DspLibrary;
  readonly sink: BackendSink;
  /** Said at every connection, behind the metadata. */
  readonly callNotice?: string | undefined;
  /** What was said before this stream took another one's place. */
  readonly history?: () => NonNullable<BackendCall['history']>;
  readonly dial: (listener: BackendSocketListener, signal: AbortSignal) => Promise<BackendSocket>;
  /** Hears what `mod_audio_stream` would tell the switch. */
  readonly notify: (event: StreamModuleEvent) => void;
}

/** Counters of one stream, for health and records. */
export interface StreamStats {
  readonly texts: number;
  readonly binaries: number;
  /** Phrases that were played. */
  readonly items: number;
  /** Messages that were meant for us and were not usable. */
  readonly faults: number;
  readonly droppedFrames: number;
  /** Of the server's audio: cut off by the caller, or more than could be decoded. */
  readonly droppedBytes: number;
  /** Texts to the server that found no connection. */
  readonly droppedTexts: number;
}

/** See the top of the file. */
export class StreamConversation implements BackendStream {
  readonly inputFormat: AudioFormat;
  readonly outputFormat: AudioFormat;
  readonly mayOnlyListen = true;
  /** The server decides when it speaks. */
  readonly detectsTurns = true;
  readonly wantsPlayed: boolean;
  readonly #parts: StreamConversationParts;
  readonly #link: StreamLink;
  readonly #framer: StreamFramer;
  readonly #playback: StreamPlayback;
  /** Messages that came before whoever opened us could have us; null: they may be delivered. */
  #early: { data: Buffer; isBinary: boolean }[] | null = [];
  #earlyBytes = 0;
  #earlyEnd: (() => void) | null = null;
  #handOver: Timer | null = null;
  #over = false;
  #texts = 0;
  #binaries = 0;
  #faults = 0;
  #droppedFrames = 0;
  #droppedTexts = 0;

  constructor(parts: StreamConversationParts) {
    const { settings, clock, dsp, sink } = parts;
    this.#parts = parts;
    this.inputFormat = this.outputFormat = { codec: 'l16', sampleRateHz: settings.sampleRateHz };
    this.#framer = new StreamFramer(settings.mix, settings.sampleRateHz, settings.frameMs, (message) => {
      const { socket } = this.#link;
      return socket !== null && socket.sendDroppableBinary(message);
    });
    this.wantsPlayed = this.#framer.wantsPlayed;
    this.#playback = new StreamPlayback({
      name: settings.name,
      format: this.outputFormat,
      clock,
      dsp,
      sink,
      report: (error) => this.#report(error),
      fail: (error) => this.#link.fail(error),
      answerMark: (name, event) => this.#sendText(JSON.stringify({ type: 'mark', data: { name, event } })),
    });
    this.#link = new StreamLink({
      clock,
      reconnectMax: settings.reconnectMax,
      dial: parts.dial,
      onUp: (socket) => this.#onUp(socket),
      onMessage: (data, isBinary) => this.#receive(data, isBinary),
      onLost: (error, goodbye) => this.#whenReady(() => this.#onLost(error, goodbye)),
      onAttemptFailed: (error) => this.#onAttemptFailed(error),
      onGone: (error, goodbye) => this.#whenReady(() => this.#onGone(error, goodbye)),
    });
  }

  /** Connects and says the metadata. Nothing is left open when it rejects. @throws as `BackendSocket.open` */
  async open(signal: AbortSignal): Promise<void> {
    try {
      await this.#link.open(signal);
    } catch (error) {
      if (error instanceof TalkspurtError) this.#notifyFault(error);
      throw error;
    }
    // Not at once: whoever waits for `open` must have the stream before the first message of it.
    this.#handOver = this.#parts.clock.after(0, () => this.#begin());
  }

  get droppedFrames(): number {
    return this.#droppedFrames;
  }

  get reconnects(): number {
    return this.#link.reconnects;
  }

  get stats(): StreamStats {
    return {
      texts: this.#texts,
      binaries: this.#binaries,
      items: this.#playback.items,
      faults: this.#faults,
      droppedFrames: this.#droppedFrames,
      droppedBytes: this.#playback.droppedBytes,
      droppedTexts: this.#droppedTexts,
    };
  }

  letDrain(): number {
    const { socket } = this.#link;
    socket?.letDrain();
    return Math.round((socket?.bufferedBytes ?? 0) / bytesPerMs(this.inputFormat));
  }

  sendPlayed(frame: Uint8Array | null): void {
    this.#framer.played(frame);
  }

  sendAudio(frame: Uint8Array, silentMs = 0): boolean {
    if (this.#link.socket !== null && this.#framer.push(frame, silentMs)) return true;
    this.#droppedFrames += 1;
    return false;
  }

  /** The server decides by itself. */
  commitTurn(): void {
    return undefined;
  }

  /** There is no way to ask for an answer that every server knows. */
  requestResponse(): void {
    return undefined;
  }

  /** No tool call ever comes. */
  sendToolResult(): void {
    return undefined;
  }

  cancelResponse(itemId: string | null, playedMs: number): void {
    if (!this.#playback.cancel(itemId, playedMs) || !this.#parts.settings.bargeInNotice) return;
    this.#sendText(JSON.stringify({ type: 'bargeIn', item: itemId, playedMs }));
  }

  onItemPlayed(itemId: string, _playedMs: number, whole: boolean): void {
    this.#playback.heard(itemId, whole);
  }

  sendText(text: string): void {
    this.#sendText(text);
  }

  sendJson(json: string): void {
    this.#sendText(json);
  }

  sendMetadata(text: string): void {
    this.#sendText(text);
  }

  close(): Promise<void> {
    this.#finish();
    return this.#link.close();
  }

  #onUp(socket: BackendSocket): void {
    this.#framer.reset();
    const { metadata } = this.#parts.settings;
    if (metadata !== null) socket.send(metadata);
    const { callNotice } = this.#parts;
    if (callNotice !== undefined) socket.send(callNotice);
    const history = this.#parts.history?.() ?? [];
    if (history.length > 0) socket.send(JSON.stringify({ type: 'history', data: { turns: history } }));
    this.#parts.notify({ name: 'connect', body: streamConnectBody() });
  }

  #begin(): void {
    const early = this.#early ?? [];
    this.#early = null;
    try {
      for (const { data, isBinary } of early) this.#receive(data, isBinary);
      this.#earlyEnd?.();
    } catch (error) {
      this.#link.fail(asTalkspurtError(error));
    }
  }

  #whenReady(end: () => void): void {
    if (this.#early === null) end();
    else this.#earlyEnd = end;
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#over) return;
    if (this.#early !== null) return this.#hold(data, isBinary);
    if (isBinary) {
      this.#binaries += 1;
      this.#playback.playBinary(data);
    } else {
      this.#texts += 1;
      this.#read(data.toString('utf8'));
    }
  }

  #hold(data: Buffer, isBinary: boolean): void {
    this.#earlyBytes += data.length + 64;
    if (this.#earlyBytes <= LIMITS.backendMessageBytes) this.#early?.push({ data, isBinary });
    else this.#droppedBeforeStart(data.length);
  }

  /** More than a whole message's room within a millisecond of the start. */
  #droppedBeforeStart(bytes: number): void {
    this.#faults += 1;
    const { name } = this.#parts.settings;
    this.#link.fail(
      new TalkspurtError(
        'ERR_TALKSPURT_BACKEND_OVERFLOW',
        `stream '${name}' sends more than can be taken at its start`,
        {
          details: { bytes, limitBytes: LIMITS.backendMessageBytes },
        },
      ),
    );
  }

  #read(text: string): void {
    const message = readStreamMessage(text, this.#parts.settings);
    switch (message.type) {
      case 'audio':
        this.#parts.notify({ name: 'play', body: message.play });
        return this.#playback.playSound(message.sound);
      case 'flush':
        return this.#playback.flush();
      case 'mark':
        return this.#playback.mark(message.name);
      case 'clear-marks':
        return this.#playback.clearMarks();
      case 'fault':
        return this.#report(message.error);
      case 'other':
        this.#parts.notify({ name: 'json', body: text });
        this.#parts.sink.onMessage?.(text);
    }
  }

  #report(error: TalkspurtError): void {
    this.#faults += 1;
    if (!this.#parts.settings.suppressLog) this.#parts.sink.onError(error);
  }

  #onLost(error: TalkspurtError, goodbye: SocketGoodbye | undefined): void {
    this.#notifyEnd(error, goodbye);
    this.#playback.interrupt();
    this.#parts.sink.onError(error);
  }

  #onAttemptFailed(error: TalkspurtError): void {
    this.#notifyFault(error);
    if (!this.#over) this.#parts.sink.onError(error);
  }

  #onGone(error: TalkspurtError | null, goodbye: SocketGoodbye | undefined): void {
    if (this.#over) return;
    if (goodbye === undefined && error !== null) this.#notifyFault(error);
    else this.#notifyEnd(error, goodbye);
    this.#playback.interrupt();
    this.#finish();
    this.#parts.sink.onClosed(error);
  }

  #notifyEnd(error: TalkspurtError | null, goodbye: SocketGoodbye | undefined): void {
    const event = streamEndEvent(error, goodbye);
    if (event !== null) this.#parts.notify(event);
  }

  #notifyFault(error: TalkspurtError): void {
    const { code, message } = streamFaultOf(error);
    this.#parts.notify({ name: 'error', body: streamErrorBody(code, message) });
  }

  #sendText(text: string): void {
    const { socket } = this.#link;
    if (socket === null || this.#over) this.#droppedTexts += 1;
    else socket.send(text);
  }

  #finish(): void {
    this.#over = true;
    this.#handOver?.cancel();
    this.#playback.dispose();
  }
}
