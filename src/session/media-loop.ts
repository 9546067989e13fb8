/**
 * THE HOT PATH. Every ptime, one frame of one call through both pipes. Nothing here allocates, awaits, logs or throws for
 * anything a network can do; a test counts the heap bytes.
 */
import type { BackendStream } from '../backend/backend.ts';
import type { Dsp } from '../dsp/dsp.ts';
import type { JitterBuffer } from '../transport/jitter-buffer.ts';
import type { MediaTransport } from '../transport/media-transport.ts';
import type { Endpointer, SpeechEdge } from './endpointer.ts';
import type { PlayedLedger } from './played-ledger.ts';
import type { Playout, PlayoutMoment } from './playout.ts';

/** What a tick works on: one call's media plane. */
export interface MediaPath {
  readonly jitter: JitterBuffer;
  readonly dsp: Dsp;
  readonly endpointer: Endpointer;
  readonly playout: Playout;
  readonly ledger: PlayedLedger;
  readonly transport: MediaTransport;
  /** Null while the backend is not there: the caller is measured and hears silence. */
  readonly stream: BackendStream | null;
  /** The agent was cut off: this tick's frame is its last, ramped to silence. */
  fading: boolean;
  capturedFrames: number;
  speakingTicks: number;
  underrunTicks: number;
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
  const packet = path.jitter.pop(path.endpointer.speaking); // null: lost or late, so capture() conceals it
  const heard = path.dsp.capture(packet);
  if (packet !== null) path.capturedFrames += 1;
  const edge = path.endpointer.update(path.dsp.speechProbability, nowMs, path.playout.speaking);
  if (edge !== 'none') path.onSpeech(edge, nowMs);
  if (path.stream !== null) path.stream.sendAudio(heard);

  // Backend → caller.
  const said = path.playout.pop(); // null: nothing to say, so render() sends silence
  const moment = path.playout.moment;
  // Also the last fraction of a millisecond of a phrase, which is not worth a frame.
  path.ledger.played(path.playout.lastBytes);
  const wire = path.dsp.render(said);
  path.transport.send(wire, moment === 'started');
  if (moment === 'underrun') path.underrunTicks += 1;
  if (path.playout.speaking) path.speakingTicks += 1;
  if (moment === 'started' || moment === 'ended') path.onPlayout(moment, nowMs);
  if (path.fading) path.onFaded(nowMs);
}
