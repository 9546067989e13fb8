/** One call's media plane: what a tick works on, and the slow following of the packets' arrival. */
import type { BackendStream } from '../backend/backend.ts';
import type { AudioFormat, MediaFormat } from '../core/media.ts';
import { bytesPerMs, frameBytes, frameSamples, sameAudio, silenceOf } from '../core/media.ts';
import type { Dsp } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import { JitterBuffer } from '../transport/jitter-buffer.ts';
import type { MediaSink, MediaTransport } from '../transport/media-transport.ts';
import type { ConvertAudio } from './backend-relay.ts';
import { CallerLine } from './caller-line.ts';
import { Endpointer } from './endpointer.ts';
import type { SpeechEdge } from './endpointer.ts';
import { HeldBack } from './held-back.ts';
import type { HoldSound } from './hold-sound.ts';
import { runMediaTick } from './media-loop.ts';
import type { CallRecorder, MediaPath } from './media-loop.ts';
import type { Tickable } from './media-scheduler.ts';
import { PlayedLedger } from './played-ledger.ts';
import { Playout } from './playout.ts';
import type { PlayoutMoment } from './playout.ts';
import type { SessionOptions } from './session-options.ts';
import type { TappedParty } from './tapped-party.ts';

/** What the media plane tells the call. Rare; may allocate. */
export interface CallMediaListener {
  onSpeech(edge: SpeechEdge, nowMs: number): void;
  onPlayout(moment: PlayoutMoment, nowMs: number): void;
  onFaded(nowMs: number): void;
  onHeard(dsp: Dsp): void;
  /** The tick threw: a defect of ours, never of a peer. */
  onFault(error: unknown): void;
}

/** What the media plane is made of; it owns none of it. */
export interface CallMediaParts {
  readonly transport: MediaTransport;
  readonly dsp: Dsp;
  readonly options: SessionOptions;
  readonly listener: CallMediaListener;
  /** The other party of a tapped call, where it is heard apart. */
  readonly other?: TappedParty;
}

/** A tick comes so much later than the jitter buffer's target needs, ms: on a good path 3 ms behind its packet. */
const ARRIVAL_MARGIN_MS = 1.4;
/** How far the tick may be from there before it moves, ms. */
const ARRIVAL_SLACK_MS = 1;

/** One call on the scheduler, and what its ticks work on. */
export class CallMedia implements MediaPath, Tickable {
  readonly jitter: JitterBuffer;
  readonly line: CallerLine;
  readonly dsp: Dsp;
  readonly endpointer: Endpointer;
  readonly transport: MediaTransport;
  readonly ptimeMs: number;
  playout: Playout;
  ledger: PlayedLedger;
  stream: BackendStream | null = null;
  /** Heard while the agent has nothing to say and nobody hears the caller: the backend is being sought. */
  comfort: HoldSound | null = null;
  announcement: Playout;
  recorder: CallRecorder | null = null;
  silence: Uint8Array;
  heldBack: HeldBack;
  callerPaused = false;
  callerMuted = false;
  agentMuted = false;
  held = false;
  holdSound: HoldSound | null = null;
  readonly other: TappedParty | null;
  fading = false;
  capturedFrames = 0;
  speakingTicks = 0;
  underrunTicks = 0;
  /** When the last frame was received; NaN before the first. */
  lastFrameMs = Number.NaN;
  /** The far end has said that it has nothing to send, and has sent nothing since. */
  silenceFollows = false;
  readonly #options: SessionOptions;
  readonly #listener: CallMediaListener;
  /** Formats that the chain is set up for. */
  #input: AudioFormat;
  #output: AudioFormat;
  /** How much later than it should the tick comes, smoothed, ms. */
  #behindMs = 0;

  constructor(parts: CallMediaParts) {
    const { transport, dsp, options } = parts;
    const leg = transport.format;
    this.transport = transport;
    this.dsp = dsp;
    this.ptimeMs = leg.ptimeMs;
    this.#options = options;
    this.#listener = parts.listener;
    this.jitter = new JitterBuffer({
      frameBytes: frameBytes(leg),
      frameSamples: frameSamples(leg),
      ptimeMs: leg.ptimeMs,
      capacityFrames: LIMITS.jitterFrames,
      minimumFrames: LIMITS.jitterStartFrames,
    });
    this.line = new CallerLine(this.jitter, dsp, leg);
    this.endpointer = new Endpointer(options.endpointer, leg.ptimeMs);
    this.other = parts.other ?? null;
    this.playout = this.#makePlayout(leg);
    this.announcement = this.#makeAnnouncement(leg);
    this.silence = silenceOf(leg, leg.ptimeMs);
    // Nobody is there to keep it for.
    this.heldBack = new HeldBack(0, 0, this.ptimeMs);
    this.ledger = new PlayedLedger(bytesPerMs(leg));
    this.#input = leg;
    this.#output = leg;
    // Until a backend is there the chain only measures the caller and makes silence.
    this.#configure(leg, leg);
  }

  get leg(): MediaFormat {
    return this.transport.format;
  }

  /**
   * Frames go straight into the jitter buffer; what is lost for good is told to `onLost`. `onArrival` is called after each
   * frame: hot path.
   */
  sink(onLost: MediaSink['onLost'], onArrival: (nowMs: number) => void): MediaSink {
    return {
      onFrame: (payload, sequenceNumber, timestamp, nowMs) => {
        this.lastFrameMs = nowMs;
        this.silenceFollows = false;
        this.jitter.push(payload, sequenceNumber, timestamp, nowMs);
        onArrival(nowMs);
      },
      onSilence: (payload) => {
        this.silenceFollows = true;
        this.line.describeSilence(payload);
      },
      onLost,
    };
  }

  /** The backend is there: both pipes now end in its formats, and so do sounds from now on. @throws ERR_TALKSPURT_DSP_OPTIONS */
  connect(stream: BackendStream): void {
    const before = this.stream?.outputFormat ?? this.leg;
    this.#configure(stream.inputFormat, stream.outputFormat);
    const { playout } = this;
    this.playout = this.#makePlayout(stream.outputFormat);
    this.playout.countOn(playout);
    // A sound that plays is the operator's, not the backend's.
    if (!sameAudio(before, stream.outputFormat)) {
      this.announcement = this.#makeAnnouncement(stream.outputFormat);
      this.holdSound = null;
    }
    this.silence = silenceOf(stream.inputFormat, this.ptimeMs);
    this.heldBack = this.#makeHeldBack();
    this.ledger = new PlayedLedger(bytesPerMs(stream.outputFormat));
    this.stream = stream;
  }

  /**
   * Another stream takes the place of the one in use in the middle of what is said: both pipes end in its formats from now on, and
   * what waits to be heard goes on, through `convert` where it has to. False: it could not, and was dropped.
   * @throws ERR_TALKSPURT_DSP_OPTIONS; then nothing has changed
   */
  change(stream: BackendStream, input: AudioFormat, output: AudioFormat, convert: ConvertAudio | null): boolean {
    const before = this.#output;
    const sameOutput = sameAudio(before, output);
    // A chain that need not change keeps what it has learnt of the line.
    const sameInput = sameAudio(this.#input, input);
    if (!sameOutput || !sameInput) this.#configure(input, output);
    this.silence = silenceOf(input, this.ptimeMs);
    // What is in it is of the format before, and so is its room.
    if (!sameInput) this.heldBack = this.#makeHeldBack();
    this.stream = stream;
    if (sameOutput) return true;
    const { playout, ledger } = this;
    // What is converted is converted at once: minutes of it would hold up every call.
    const waiting = playout.read(0, Math.min(playout.waitingBytes, LIMITS.carriedOverMs * bytesPerMs(before)));
    const audio = waiting.length === 0 ? waiting : (convert?.(waiting, before, output) ?? null);
    this.playout = this.#makePlayout(output);
    // A sound that plays is the operator's, not the backend's.
    this.announcement = this.#makeAnnouncement(output);
    this.holdSound = null;
    this.comfort = null;
    this.playout.countOn(playout);
    if (audio === null) {
      this.ledger = new PlayedLedger(bytesPerMs(output));
      return false;
    }
    this.playout.carryOn(playout, audio);
    this.ledger = ledger.rescaled(bytesPerMs(output), this.playout.waitingBytes);
    return true;
  }

  disconnect(): void {
    this.stream = null;
    this.comfort = null;
  }

  tick(nowMs: number): number {
    runMediaTick(this, nowMs);
    return this.#follow(nowMs);
  }

  onSpeech(edge: SpeechEdge, nowMs: number): void {
    this.#listener.onSpeech(edge, nowMs);
  }

  onPlayout(moment: PlayoutMoment, nowMs: number): void {
    this.#listener.onPlayout(moment, nowMs);
  }

  onFaded(nowMs: number): void {
    this.#listener.onFaded(nowMs);
  }

  onHeard(): void {
    this.#listener.onHeard(this.dsp);
  }

  onFault(error: unknown): void {
    this.#listener.onFault(error);
  }

  /**
   * Where the tick stands against the arrivals: 1 ms later, 1 ms earlier, or well. What the target does not need of a frame's
   * slack is taken out of the delay by ticking earlier; whole frames are the buffer's own affair.
   */
  #follow(nowMs: number): number {
    if (!(nowMs - this.lastFrameMs < this.ptimeMs * 2) || Number.isNaN(this.jitter.slackMs)) return 0;
    const overMs = this.jitter.slackMs - this.jitter.targetMs - ARRIVAL_MARGIN_MS;
    // The nearest way round: a ptime later is the same place.
    const behindMs = overMs - this.ptimeMs * Math.round(overMs / this.ptimeMs);
    this.#behindMs += (behindMs - this.#behindMs) / 16;
    if (this.#behindMs > ARRIVAL_SLACK_MS) {
      this.#behindMs -= 1;
      return -1;
    }
    if (this.#behindMs < -ARRIVAL_SLACK_MS) {
      this.#behindMs += 1;
      return 1;
    }
    return 0;
  }

  #configure(backendInput: AudioFormat, backendOutput: AudioFormat): void {
    const { shaping, compressorThresholdDb, compressorMakeupDb, lowPassHz, vad, vadAggressiveness } = this.#options;
    const { capture, dtmf, progressTones, lieDetector, resampling, echoCanceller } = this.#options;
    this.dsp.configure({
      leg: this.leg,
      backendInput,
      backendOutput,
      vad,
      vadAggressiveness,
      cleaning: capture,
      hearing: { dtmf: dtmf !== 'rfc4733', progress: progressTones === 'always', suspicion: lieDetector },
      resampling,
      echoCanceller,
      ...(shaping && { shaping: { compressorThresholdDb, compressorMakeupDb, lowPassHz } }),
    });
    this.other?.configure(backendInput);
    this.#input = backendInput;
    this.#output = backendOutput;
  }

  #makePlayout(format: AudioFormat): Playout {
    const { prebufferMs, playoutMaximumMs: maximumMs } = this.#options;
    const { leadInFrames = 0, stats } = this.transport;
    const leadInPops = Math.max(0, leadInFrames - stats.sentFrames);
    return new Playout({ format, ptimeMs: this.ptimeMs, prebufferMs, maximumMs, leadInPops });
  }

  #makeHeldBack(): HeldBack {
    return new HeldBack(this.silence.length, Math.ceil(LIMITS.heldBackMs / this.ptimeMs), this.ptimeMs);
  }

  #makeAnnouncement(format: AudioFormat): Playout {
    return new Playout({ format, ptimeMs: this.ptimeMs, prebufferMs: 0, maximumMs: LIMITS.soundMs });
  }
}
