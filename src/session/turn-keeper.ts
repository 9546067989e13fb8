/** Carries the turn table out for one call: edges in from both sides, effects on the playout, the chain and the backend. */
import type { CallEvent, TurnState } from '../core/events.ts';
import { LIMITS } from '../limits.ts';
import type { CallMedia } from './call-media.ts';
import type { ConversationRecord } from './conversation-record.ts';
import type { SpeechEdge } from './endpointer.ts';
import { PendingAnswer } from './pending-answer.ts';
import type { PlayedPosition } from './played-ledger.ts';
import type { PlayoutMoment } from './playout.ts';
import type { SessionOptions } from './session-options.ts';
import { RecentNames } from './recent-names.ts';
import { TURN_TABLE } from './turn-state.ts';
import type { TurnEffect, TurnEvent } from './turn-state.ts';

const [DUCK_MS, RESTORE_MS] = [40, 80];
/** From the agent's level to silence and back, where it waits: what is heard of it twice adds up to once. */
const PAUSE_FADE_MS = 10;
/** Response latencies that are remembered for `health`. */
const LATENCIES = 64;

type TurnListener = (event: CallEvent, atMs: number) => void;

/** Whose turn it is in one call, and what follows from it. */
export class TurnKeeper {
  readonly #media: CallMedia;
  readonly #options: SessionOptions;
  readonly #emit: TurnListener;
  #state: TurnState = 'listening';
  /** When the caller's turn was decided to be over, NaN while it is not. */
  #endpointMs = Number.NaN;
  #thinkingSinceMs = 0;
  #agentSinceMs = 0;
  #callerSinceMs = 0;
  /** When the agent was made to wait; NaN while it is not. */
  #pausedMs = Number.NaN;
  readonly answer = new PendingAnswer();
  /** When the backend itself broke the answer off that is fading; NaN where our endpointer decided that. */
  #interruptedMs = Number.NaN;
  /** What is fading is dropped by order, not by the caller. */
  #breaking = false;
  readonly #record: ConversationRecord | null;
  #turns = 0;
  #bargeIns = 0;
  readonly #latencies: number[] = [];
  /** Phrases that were cut off: what still arrives of them is not wanted. */
  readonly #cutOff = new RecentNames(LIMITS.ledgerItems);

  constructor(media: CallMedia, options: SessionOptions, emit: TurnListener, record: ConversationRecord | null = null) {
    this.#media = media;
    this.#options = options;
    this.#emit = emit;
    this.#record = record;
  }

  get state(): TurnState {
    return this.#state;
  }

  /** Answers to the caller that began to be heard. */
  get turns(): number {
    return this.#turns;
  }

  get bargeIns(): number {
    return this.#bargeIns;
  }
  /** The latest, oldest first, ms. */
  get responseLatenciesMs(): readonly number[] {
    return this.#latencies;
  }

  /** An edge of our endpointer. */
  onSpeech(edge: SpeechEdge, nowMs: number): void {
    const cuttingIn = this.#state === 'agent-speaking' || this.#state === 'yielding';
    if (edge === 'started') {
      this.#callerSinceMs = this.#media.endpointer.onsetMs;
      this.#emit({ type: 'speech.started', by: 'caller', source: 'endpointer' }, this.#callerSinceMs);
    } else if (edge === 'stopped') {
      this.#callerStopped();
    }
    if (cuttingIn && !this.#options.bargeIn) return;
    // A noise that only we heard must not call off an answer that the backend would then never give again.
    if (this.#state === 'thinking' && edge === 'started' && this.#backendOwnsTurns) return;
    if (edge !== 'none') this.#happen(`caller-${edge}`, nowMs);
  }

  /** An edge of the backend's own turn detection: decides the end of the turn where it owns it, and is measured. */
  onBackendSpeech(edge: 'started' | 'stopped', nowMs: number): void {
    if (edge === 'started') this.#emit({ type: 'speech.started', by: 'caller', source: 'backend' }, nowMs);
    else this.#emit({ type: 'speech.stopped', by: 'caller', source: 'backend', durationMs: 0 }, nowMs);
    if (edge === 'started' && this.#media.stream?.interrupts === true) this.#interrupted(nowMs);
    if (!this.#backendOwnsTurns) return;
    if (edge === 'stopped') this.answer.owe();
    if (edge === 'started' && (this.#state === 'listening' || this.#state === 'thinking'))
      this.#happen('caller-started', nowMs);
    else if (edge === 'stopped') this.#happen('caller-stopped', nowMs);
  }

  /**
   * The backend has broken its answer off because it hears the caller. What is here of it goes as well, unless the caller may
   * not cut in: then it is said to its end.
   */
  #interrupted(nowMs: number): void {
    if (!this.#options.bargeIn || this.#media.fading) return;
    if (this.#state === 'agent-speaking' || this.#state === 'yielding') {
      // An onset of our own that is not decided yet is the better mark.
      if (this.#state === 'agent-speaking') this.#interruptedMs = nowMs;
      this.#happen('caller-started', nowMs);
    } else {
      this.#callOff();
    }
  }

  onPlayout(moment: PlayoutMoment, nowMs: number): void {
    if (moment === 'started') {
      this.#agentSinceMs = nowMs;
      this.#emit({ type: 'speech.started', by: 'agent', source: 'backend' }, nowMs);
      this.#happen('agent-started', nowMs);
    } else if (moment === 'ended') {
      this.#agentStopped(nowMs);
      this.#happen('agent-ended', nowMs);
      this.reportPlayed();
      // A caller who spoke all along and could not cut in has the turn now.
      if (this.#media.endpointer.speaking) this.#happen('caller-started', nowMs);
    }
  }

  /** Tells the backend which phrases were heard to their end, where it wants to know. */
  reportPlayed(): void {
    const { stream, ledger } = this.#media;
    if (stream?.onItemPlayed === undefined) return;
    for (const { itemId, playedMs } of ledger.takeHeard()) stream.onItemPlayed(itemId, playedMs, true);
  }

  /** The last frame of a phrase that was cut off has left, at silence. */
  onFaded(nowMs: number): void {
    const media = this.#media;
    media.fading = false;
    // Not when its very last frame had left in the tick before: then its end is told already.
    const agentHeard = media.playout.speaking;
    const position = media.ledger.position(media.transport.playedFrames());
    media.transport.flush();
    this.#forgetUnheard(position);
    const droppedMs = media.playout.clear();
    media.dsp.rampGain(1, 0);
    media.stream?.cancelResponse(position?.itemId ?? null, position?.playedMs ?? 0, position);
    if (position !== null) media.stream?.onItemPlayed?.(position.itemId, position.playedMs, false);
    this.answer.forget();
    if (agentHeard) this.#agentStopped(nowMs);
    const onsetMs = Number.isNaN(this.#interruptedMs) ? media.endpointer.onsetMs : this.#interruptedMs;
    this.#interruptedMs = Number.NaN;
    if (this.#breaking) {
      this.#breaking = false;
      this.#pausedMs = Number.NaN;
      this.#happen('agent-ended', nowMs);
      return;
    }
    this.#bargeIns += 1;
    const stopMs = Math.max(0, (Number.isNaN(this.#pausedMs) ? nowMs : this.#pausedMs) - onsetMs);
    this.#pausedMs = Number.NaN;
    const playedMs = position?.playedMs ?? 0;
    this.#emit({ type: 'barge-in', stopMs, verdictMs: Math.max(0, nowMs - onsetMs), playedMs, droppedMs }, nowMs);
  }

  /** Agent audio from the backend; borrowed. The playout counts what does not fit. */
  onAudio(audio: Uint8Array, itemId: string): void {
    if (this.#cutOff.has(itemId)) return;
    const { playout, ledger } = this.#media;
    const taken = playout.push(audio);
    if (taken === 0) return;
    this.answer.audio();
    ledger.received(itemId, taken);
    this.#record?.audio(itemId, taken / playout.bytesPerMs);
  }

  onAudioDone(itemId: string): void {
    if (this.#cutOff.has(itemId)) return;
    this.#media.ledger.done(itemId);
    this.#record?.audioDone(itemId);
    this.#media.playout.complete();
  }

  onResponseStarted(responseId: string): void {
    this.answer.begin(responseId);
  }

  /** An answer was asked for that is not the caller's turn's own: a greeting, a text, an announcement. */
  onRequested(): void {
    this.answer.request();
  }

  /**
   * Drops what is being said and what waits to be, by order: the frame of the next tick is the last, ramped to silence.
   * Returns whether there was anything to drop.
   */
  breakOff(nowMs: number): boolean {
    const media = this.#media;
    if (media.fading) return true;
    if (media.playout.speaking) {
      this.#breaking = true;
      this.#fadeOut();
      return true;
    }
    const pending = this.#callOff();
    if (this.#state === 'thinking') this.#happen('answer-failed', nowMs);
    return pending;
  }

  /**
   * The stream is gone: nothing more will come of what was under way. What waits is heard to its end. `midPhrase`: a phrase was
   * still coming.
   */
  onLost(midPhrase: boolean): void {
    this.answer.lose(this.#state === 'thinking', midPhrase, this.#state === 'caller-speaking');
    this.#media.playout.complete();
  }

  /**
   * Another stream is there. `kept`: what waits is still to be heard. Returns whether the caller waits for something that will not
   * come by itself.
   */
  onSwitched(nowMs: number, kept: boolean): boolean {
    const owed = this.answer.takeOwed();
    if (kept) return owed;
    const agentHeard = this.#state === 'agent-speaking' || this.#state === 'yielding';
    this.#media.fading = this.#breaking = false;
    this.#interruptedMs = Number.NaN;
    if (!agentHeard) return owed;
    this.#agentStopped(nowMs);
    this.#happen('agent-ended', nowMs);
    return owed;
  }

  onToolCall(): void {
    this.answer.toolCalled();
  }

  onResponseDone(responseId: string, nowMs: number): void {
    // The end of one that was called off says nothing of the turn that came after it.
    if (responseId !== this.answer.responseId) return;
    this.answer.end();
    this.#media.playout.complete();
    const silent = this.#media.playout.waitingBytes === 0 && !this.#media.playout.speaking;
    // A tool call is answered by the application, and only then is there something to hear.
    if (silent && !this.answer.toolPending) this.#happen('answer-failed', nowMs);
  }

  /** The backend is there. What the caller said before nobody heard: no answer to it will come. */
  onConnected(nowMs: number): void {
    if (this.#state === 'thinking') this.#happen('answer-failed', nowMs);
  }

  /** Nobody answers any more: the caller has the turn again. */
  expire(nowMs: number): void {
    if (this.#state !== 'thinking' || nowMs - this.#thinkingSinceMs < LIMITS.backendResponseMs) return;
    this.#happen('answer-failed', nowMs);
  }

  get #backendOwnsTurns(): boolean {
    return this.#options.turnOwner === 'backend' && this.#media.stream?.detectsTurns === true;
  }

  #happen(event: TurnEvent, nowMs: number): void {
    const transition = TURN_TABLE[this.#state][event];
    if (transition === null) return;
    const previous = this.#state;
    this.#state = transition.next;
    if (event === 'caller-started') {
      this.#endpointMs = Number.NaN;
      this.answer.outspoken();
      if (!this.#backendOwnsTurns) this.#media.stream?.startTurn?.();
    }
    if (event === 'caller-stopped') {
      this.#record?.callerStopped();
      this.#endpointMs = this.#thinkingSinceMs = nowMs;
    }
    for (const effect of transition.effects) this.#perform(effect, nowMs);
    if (this.#state !== previous) this.#emit({ type: 'turn.state', state: this.#state, previous }, nowMs);
  }

  #perform(effect: TurnEffect, nowMs: number): void {
    const media = this.#media;
    switch (effect) {
      case 'yield':
        return this.#yield(nowMs);
      case 'resume':
        return this.#resume(nowMs);
      case 'barge-in':
        return this.#fadeOut();
      case 'call-off':
        this.#callOff();
        break;
      case 'call-off-ours':
        if (!this.#backendOwnsTurns) this.#callOff();
        break;
      case 'commit-turn':
        if (this.#backendOwnsTurns) break;
        media.stream?.commitTurn();
        if (media.stream !== null) this.answer.request();
        break;
      case 'report-latency':
        return this.#reportLatency(nowMs);
      case 'rearm':
        // Its end will not be seen any more: say that it ended.
        if (media.endpointer.speaking) this.#callerStopped();
        media.endpointer.rearm();
        break;
    }
  }

  /** Something else is heard while the agent waits: a sound, or what is heard on hold. It keeps its level. */
  get #agentWaits(): boolean {
    return this.#media.held || this.#media.announcement.speaking;
  }

  /** What the next tick sends of the agent is its last. */
  #fadeOut(): void {
    const media = this.#media;
    // Who waits has nothing to fade: not a frame of it comes, also when the wait ends before that tick.
    if (this.#agentWaits) media.playout.pause(false);
    else media.dsp.rampGain(0, media.ptimeMs);
    media.fading = true;
  }

  /** The tick's own frame is the last: it is faded, and stays to be said. */
  #yield(nowMs: number): void {
    const { dsp, playout, fading } = this.#media;
    // It was broken off: what it says next is its last, and fades already.
    if (fading) return;
    const heard = !this.#agentWaits;
    if (this.#options.duckGain > 0) {
      if (heard) dsp.rampGain(this.#options.duckGain, DUCK_MS);
      return;
    }
    this.#pausedMs = nowMs;
    playout.pause(heard);
    if (heard) dsp.rampGain(0, PAUSE_FADE_MS);
  }

  #resume(nowMs: number): void {
    const { dsp, playout, fading } = this.#media;
    // Broken off meanwhile: there is nothing to go on with.
    if (fading) return;
    if (Number.isNaN(this.#pausedMs)) {
      dsp.rampGain(1, RESTORE_MS);
      return;
    }
    const pausedMs = Math.max(0, nowMs - this.#pausedMs);
    this.#pausedMs = Number.NaN;
    playout.resume();
    dsp.rampGain(1, PAUSE_FADE_MS);
    this.#emit({ type: 'barge-in.withdrawn', pausedMs }, nowMs);
  }

  /** Calls off what is under way, asked for, or waits here: what the switch still has is heard. Returns whether there was any. */
  #callOff(): boolean {
    const media = this.#media;
    if (!this.answer.expected && media.playout.waitingBytes === 0) return false;
    const lastHeard = media.ledger.position();
    this.#forgetUnheard(lastHeard);
    media.playout.clear();
    media.stream?.cancelResponse(null, 0, lastHeard);
    this.answer.forget();
    return true;
  }

  #reportLatency(nowMs: number): void {
    // Where turns are ours, what comes before we ended one answers nothing that was said.
    if (Number.isNaN(this.#endpointMs) && !this.#backendOwnsTurns) return;
    // Nobody has spoken yet: the backend answered something that it alone heard.
    const lastSpeechMs = this.#media.endpointer.lastSpeechMs || nowMs;
    const endpointMs = Number.isNaN(this.#endpointMs) ? lastSpeechMs : this.#endpointMs;
    const latencyMs = Math.max(0, nowMs - endpointMs);
    this.#turns += 1;
    this.#latencies.push(latencyMs);
    if (this.#latencies.length > LATENCIES) this.#latencies.shift();
    const sinceSpeechMs = Math.max(0, nowMs - lastSpeechMs);
    this.#emit({ type: 'turn.response-latency', latencyMs, sinceSpeechMs }, nowMs);
  }

  #callerStopped(): void {
    const endedMs = this.#media.endpointer.lastSpeechMs;
    const durationMs = Math.max(0, endedMs - this.#callerSinceMs);
    this.#emit({ type: 'speech.stopped', by: 'caller', source: 'endpointer', durationMs }, endedMs);
  }

  #agentStopped(nowMs: number): void {
    const durationMs = Math.max(0, nowMs - this.#agentSinceMs);
    this.#emit({ type: 'speech.stopped', by: 'agent', source: 'backend', durationMs }, nowMs);
  }

  #forgetUnheard(heard: PlayedPosition | null): void {
    if (heard !== null) this.#record?.cut(heard.itemId, heard.playedMs);
    for (const itemId of this.#media.ledger.unheard()) {
      this.#cutOff.add(itemId);
      if (itemId !== heard?.itemId) this.#record?.cut(itemId, 0);
    }
    this.#media.ledger.clear();
  }
}
