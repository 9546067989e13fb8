/** Gives everything back that a call holds, each whatever becomes of the others, under one deadline. */
import type { BackendStream } from '../backend/backend.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { EndReason } from '../core/events.ts';
import { LIMITS } from '../limits.ts';
import type { CallLeg, CallOutcome } from '../switch/switch-adapter.ts';
import type { MediaTransport } from '../transport/media-transport.ts';
import type { TurnKeeper } from './turn-keeper.ts';

/** What a call holds when it ends; null: not there (yet). */
export interface CallHoldings {
  readonly clock: Clock;
  readonly leg: CallLeg;
  readonly outcome: CallOutcome;
  /** The channel is to be hung up; otherwise it is left to the switch. */
  readonly hangup: boolean;
  /** …with this cause, Q.850. */
  readonly hangupCause: number;
  readonly legGone: boolean;
  readonly transport: MediaTransport | null;
  readonly stream: BackendStream | null;
  /** Finishes the recording. */
  readonly endRecording: (() => Promise<void>) | null;
  /** Text that the backend is given before the goodbye; null: none. */
  readonly metadata: string | null;
}

/** What a call has come to if it ends for that now. */
export function outcomeOf(reason: EndReason, turns: Pick<TurnKeeper, 'turns' | 'bargeIns'> | null): CallOutcome {
  return { reason, turns: turns?.turns ?? 0, bargeIns: turns?.bargeIns ?? 0 };
}

/** Returns what went wrong with it; what is not done by the deadline is left to itself. */
export async function giveBack(held: CallHoldings): Promise<TalkspurtError | undefined> {
  const { clock, leg, transport, stream } = held;
  const letGo = async (): Promise<void> => {
    leg.conclude?.(held.outcome);
    if (held.hangup && !held.legGone) await leg.hangup(held.hangupCause);
    else await leg.release();
  };
  const closeTransport = async (): Promise<void> => transport?.close();
  const letGoAndClose = async (): Promise<void> => {
    try {
      await letGo();
    } finally {
      await closeTransport();
    }
  };
  const closeStream = async (): Promise<void> => {
    if (held.metadata !== null) stream?.sendMetadata?.(held.metadata);
    await stream?.close();
  };
  const closeRecording = async (): Promise<void> => held.endRecording?.();
  // The switch is told to stop before its packets lose their port.
  const all = Promise.allSettled([letGoAndClose(), closeStream(), closeRecording()]);
  let deadline: Timer | undefined;
  const late = new Promise<null>((resolve) => {
    deadline = clock.after(LIMITS.callEndMs, () => resolve(null));
  });
  const outcomes = await Promise.race([all, late]);
  deadline?.cancel();
  if (outcomes === null) {
    // The leg may be what hangs: the port is freed without it.
    void Promise.allSettled([closeTransport()]);
    const message = `switch or backend did not let go of the call within ${LIMITS.callEndMs} ms`;
    return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message);
  }
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  return refused === undefined ? undefined : asTalkspurtError(refused.reason);
}
