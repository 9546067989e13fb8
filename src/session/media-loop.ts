/**
 * THE HOT PATH. Every ptime, one frame of one call through both pipes. Nothing here allocates, awaits, logs or throws for
 * anything a network can do; a test counts the heap bytes.
 */
import type { BackendStream } from '../backend/backend.ts';
import type { Dsp } from '../dsp/dsp.ts';
import type { MediaTransport } from '../transport/media-transport.ts';
import type { CallerLine } from './caller-line.ts';
import type { Endpointer, SpeechEdge } from './endpointer.ts';
import type { HeldBack } from './held-back.ts';
import type { PlayedLedger } from './played-ledger.ts';
import type { Playout, PlayoutMoment } from './playout.ts';

/** The other party of a tapped call, in step with the caller. */
export interface OtherParty {
  /** One frame in the backend's input format; borrowed. Once a tick: hot path. */
  capture(nowMs: number): Uint8Array;
}

/** Where a recording is written to. Hot path: copies and returns. */
export interface CallRecorder {
  /** One frame of the leg's wire each way; null: nothing came. Borrowed. */
  write(caller: Uint8Array | null, agent: Uint8Array): void;
}

/** What a tick works on: one call's media plane. */
export interface MediaPath {
  readonly line: CallerLine;
  readonly dsp: Dsp;
  readonly endpointer: Endpointer;
  readonly playout: Playout;
  readonly ledger: PlayedLedger;
  readonly transport: MediaTransport;
  /** Sounds that are played over the agent, who waits meanwhile. */
  readonly announcement: Playout;
  /** The caller hears this in place of the agent, who waits; null: nothing but silence. */
  readonly holdSound: { pop(): Uint8Array | null } | null;
  readonly held: boolean;
  /** The caller hears this while the agent has nothing to say: the backend is being sought; null: silence. */
  readonly comfort: { pop(): Uint8Array | null } | null;
  /** The other party of a tapped call, heard apart; null: there is none. */
  readonly other: OtherParty | null;
  /** Takes down what both sides hear; null: nothing is recorded. */
  readonly recorder: CallRecorder | null;
  /** What may be the agent's echo, and is kept for the backend until that is known. */
  readonly heldBack: HeldBack;
  /** One frame of silence in the backend's input format. */
  readonly silence: Uint8Array;
  /** Nothing is sent to the backend. */
  readonly callerPaused: boolean;
  /** The backend and the recording get silence instead of the caller. */
  readonly callerMuted: boolean;
  /** The caller gets silence instead of the agent. */
  readonly agentMuted: boolean;
  /** Null while the backend is not there: the caller is measured and hears silence. */
  readonly stream: BackendStream | null;
  /** The agent was cut off: this tick's frame is its last, ramped to silence. */
  fading: boolean;
  capturedFrames: number;
  speakingTicks: number;
  underrunTicks: number;
  /** The chain has heard a key or a tone, or suspects something else than before; rare. */
  onHeard(): void;
  /** A speech edge; rare. May pause or clear the playout: barge-in. */
  onSpeech(edge: SpeechEdge, nowMs: number): void;
  /** The agent began or ended a phrase; rare. */
  onPlayout(moment: PlayoutMoment, nowMs: number): void;
  /** The agent's last frame has left; rare. */
  onFaded(nowMs: number): void;
}

/** One ptime of one call: a frame each way. */
export function runMediaTick(path: MediaPath, nowMs: number): void {
  // Caller → backend.
  const heard = path.line.take(nowMs); // a packet or more, or none; what is lost or late is concealed
  const { came } = path.line;
  if (came) path.capturedFrames += 1;
  // Who is not to be heard does not cut in either.
  const probability = path.callerMuted || path.callerPaused ? 0 : path.dsp.speechProbability;
  const edge = path.endpointer.update(
    probability,
    nowMs,
    path.playout.speaking,
    path.dsp.echoSettled,
    path.dsp.voicing,
    path.dsp.captureLevelDbov,
  );
  if (edge !== 'none') path.onSpeech(edge, nowMs);

  // Backend → caller.
  // A sound does not begin while the agent is faded out: the next tick, or the one that knows whether the caller cut in, is soon.
  const fadedOut = path.fading || path.playout.paused;
  let announcing = path.announcement.busy && (path.announcement.speaking || !fadedOut);
  let popped = announcing ? path.announcement.pop() : null;
  let { moment } = path.announcement;
  // At the end of a sound the agent goes on at once; on hold there is something else to be heard.
  if (path.held) {
    if (!announcing) {
      popped = path.holdSound === null ? null : path.holdSound.pop();
      moment = 'idle';
    }
    announcing = true;
  } else if (!announcing || !path.announcement.busy) {
    announcing = false;
    popped = path.playout.pop(); // null: nothing to say, so render() sends silence
    moment = path.playout.moment;
  }
  const said = path.agentMuted && !announcing ? null : popped;
  // What is only lent, to be faded out, comes again or never.
  const given = announcing || path.playout.lastBytes > 0 ? said : null;
  // Also the last fraction of a millisecond of a phrase, which is not worth a frame.
  if (!announcing) path.ledger.played(path.playout.lastBytes);
  // Both sides of one tick go together: that is what aligns them.
  if (path.stream !== null && !path.callerPaused) sendBoth(path, path.stream, heard, given, nowMs);
  const comforted = said === null && path.comfort !== null && !announcing && !path.playout.busy;
  const wire = path.dsp.render(comforted ? path.comfort.pop() : said);
  path.transport.send(wire, moment === 'started');
  path.ledger.sent(path.transport.stats.sentFrames);
  if (path.dsp.news) path.onHeard();
  if (path.recorder !== null) path.recorder.write(came && !path.callerMuted ? path.dsp.heardWire : null, wire);
  if (path.fading) path.onFaded(nowMs);
  if (announcing) return;
  if (moment === 'underrun') path.underrunTicks += 1;
  if (path.playout.speaking) path.speakingTicks += 1;
  if (moment === 'started' || moment === 'ended') path.onPlayout(moment, nowMs);
}

/** `said` is what the caller is given; the other party of a tapped call takes its place where there is one. */
function sendBoth(
  path: MediaPath,
  stream: BackendStream,
  heard: Uint8Array,
  said: Uint8Array | null,
  nowMs: number,
): void {
  if (stream.wantsPlayed === true) stream.sendPlayed?.(path.other === null ? said : path.other.capture(nowMs));
  const held = isHeldBack(path, stream, heard, nowMs);
  stream.sendAudio(held ? path.silence : heard, path.endpointer.silentMs(nowMs));
}

/**
 * Whether this frame is kept from the backend: what may be the agent's echo, or what is left of it, would become the caller's words.
 * Once it is known to be a caller, what was kept since shortly before the onset is sent ahead.
 */
function isHeldBack(path: MediaPath, stream: BackendStream, heard: Uint8Array, nowMs: number): boolean {
  const { heldBack, endpointer, dsp } = path;
  if (path.callerMuted) {
    heldBack.forget();
    return true;
  }
  if (endpointer.speaking) {
    if (heldBack.count > 0) heldBack.release(stream, nowMs - endpointer.onsetMs);
    return false;
  }
  const unsure = !dsp.echoSettled || dsp.echoLikely || (heldBack.count > 0 && endpointer.unsure);
  // Who is sent both sides aligned hears for itself which is which.
  if (!unsure || stream.wantsPlayed === true) {
    heldBack.forget();
    return false;
  }
  heldBack.push(heard);
  return true;
}
