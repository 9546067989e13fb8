/**
 * The story of one call: the events of the gateway on the time line of the recording, so that what is drawn and checked
 * is what was heard. Pure: events in, intervals out.
 */
import type { Speaker, TalkspurtEvent, TurnState } from '../../core/events.ts';

/** A stretch of the recording, in ms from its first sample. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A stretch in one state of the turn table. */
export interface TurnSpan extends Span {
  readonly state: TurnState;
}

/** A stretch in which somebody spoke. */
export interface SpeechSpan extends Span {
  readonly by: Speaker;
}

/** What was said, at the time it was known. Personal. */
export interface TranscriptLine {
  readonly atMs: number;
  readonly by: Speaker;
  readonly text: string;
}

/** The caller cut in. */
export interface BargeInMark {
  readonly atMs: number;
  /** From the caller's onset to the last agent frame, ms. */
  readonly stopMs: number;
  readonly playedMs: number;
  readonly droppedMs: number;
}

/** The agent began to answer. */
export interface LatencyMark {
  /** When the first agent audio left. */
  readonly atMs: number;
  readonly latencyMs: number;
}

/** One call on the time line of its recording. */
export interface CallStory {
  readonly durationMs: number;
  readonly turns: readonly TurnSpan[];
  readonly speech: readonly SpeechSpan[];
  readonly transcript: readonly TranscriptLine[];
  readonly bargeIns: readonly BargeInMark[];
  readonly latencies: readonly LatencyMark[];
  readonly digits: readonly { readonly atMs: number; readonly digit: string }[];
}

/** `originMs` is the clock's time of the recording's first sample; events before it count as at 0. */
export function tellCall(events: readonly TalkspurtEvent[], originMs: number, durationMs: number): CallStory {
  const turns: TurnSpan[] = [];
  const speech: SpeechSpan[] = [];
  const transcript: TranscriptLine[] = [];
  const bargeIns: BargeInMark[] = [];
  const latencies: LatencyMark[] = [];
  const digits: { atMs: number; digit: string }[] = [];
  let turn: { state: TurnState; fromMs: number } = { state: 'listening', fromMs: 0 };
  const speaking = new Map<Speaker, number>();
  const place = (clockMs: number): number => Math.min(durationMs, Math.max(0, clockMs - originMs));

  for (const event of events) {
    const atMs = place(event.atMs);
    switch (event.type) {
      case 'turn.state':
        if (atMs > turn.fromMs) turns.push({ ...turn, toMs: atMs });
        turn = { state: event.state, fromMs: atMs };
        break;
      case 'speech.started':
        // The backend's ear is measured too; what is drawn is one source only.
        if (event.by === 'agent' || event.source === 'endpointer') speaking.set(event.by, atMs);
        break;
      case 'speech.stopped': {
        if (event.by === 'caller' && event.source === 'backend') break;
        const fromMs = speaking.get(event.by);
        speaking.delete(event.by);
        if (fromMs !== undefined) speech.push({ by: event.by, fromMs, toMs: atMs });
        break;
      }
      case 'transcript':
        if (event.final) transcript.push({ atMs, by: event.by, text: event.text });
        break;
      case 'barge-in':
        bargeIns.push({ atMs, stopMs: event.stopMs, playedMs: event.playedMs, droppedMs: event.droppedMs });
        break;
      case 'turn.response-latency':
        latencies.push({ atMs, latencyMs: event.latencyMs });
        break;
      case 'dtmf':
        digits.push({ atMs, digit: event.digit });
        break;
      default:
        break;
    }
  }
  for (const [by, fromMs] of speaking) speech.push({ by, fromMs, toMs: durationMs });
  if (durationMs > turn.fromMs) turns.push({ ...turn, toMs: durationMs });
  return { durationMs, turns, speech, transcript, bargeIns, latencies, digits };
}
