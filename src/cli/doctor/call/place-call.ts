/** A call of the doctor's own on one switch: placed, spoken into, taken away again, whatever becomes of it. */
import { delay } from '../../../core/clock.ts';
import type { Clock } from '../../../core/clock.ts';
import { TalkspurtError } from '../../../core/errors.ts';
import type { EventSink, TalkspurtEvent } from '../../../core/events.ts';
import { describeAudio } from '../../../core/media.ts';
import { LIMITS } from '../../../limits.ts';
import type { CallLeg, SwitchAdapter } from '../../../switch/switch-adapter.ts';
import type { MediaTransport } from '../../../transport/media-transport.ts';
import { runLine } from './run-line.ts';
import type { Hearing } from './run-line.ts';
import type { TestSignal } from './test-signal.ts';

/** What is needed to place one. */
export interface CallWishes {
  readonly adapter: SwitchAdapter;
  readonly events: LinkEvents;
  /** Has the switch make the call; `arrival` waits for the leg that it hands over. @throws why there is none */
  dial(limit: AbortSignal, arrival: (channelId: string) => Promise<CallLeg>): Promise<CallLeg>;
  readonly signal: TestSignal;
  readonly clock: Clock;
  readonly abort: AbortSignal;
  /** While the call talks, after the signal. */
  meanwhile?(leg: CallLeg): Promise<void>;
  /** When the call is over, whatever became of it; the link is still up. */
  after?(): Promise<void>;
}

/** What came of it. */
export interface PlacedCall {
  readonly hearing: Hearing;
  /** `rtp, pcmu/8000@20ms`. */
  readonly path: string;
  /** Keys that the switch told of. */
  readonly keys: string;
}

/** Keeps the last word of a link: why it is down. */
export class LinkEvents implements EventSink {
  lastError: TalkspurtError | null = null;

  emit(event: TalkspurtEvent): void {
    if (event.type === 'link.down' || event.type === 'link.capabilities') this.lastError = event.error ?? null;
  }
}

/** Name of the doctor's profile; it has no voice, and none is looked up. */
export const DOCTOR_PROFILE = 'doctor';
const PLACE_LIMIT_MS = 12_000;
const POLL_MS = 50;
const LINK_LIMIT_MS = 4_000;

/** The adapter is started and stopped here. @throws why there is no call, or no audio path */
export async function placeCall(wishes: CallWishes): Promise<PlacedCall> {
  const { adapter, events, clock, abort } = wishes;
  const legs: CallLeg[] = [];
  let transport: MediaTransport | null = null;
  const late = new AbortController();
  const timer = clock.after(PLACE_LIMIT_MS, () => {
    const message = `the switch gave no call within ${PLACE_LIMIT_MS / 1000} s`;
    late.abort(new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message));
  });
  const limit = AbortSignal.any([abort, late.signal]);
  try {
    await adapter.start({
      // Those of an earlier doctor that was killed among them: they go with the rest.
      onCall: (leg) => void legs.push(leg),
      onLinkDown: () => undefined,
      onLinkUp: () => undefined,
    });
    await linkUp(adapter, events, clock, abort);
    const leg = await wishes.dial(limit, async (channelId) => {
      for (;;) {
        const arrived = legs.find(({ id }) => id === channelId);
        if (arrived !== undefined) return arrived;
        await delay(clock, POLL_MS, limit);
      }
    });
    if (!legs.includes(leg)) legs.push(leg);
    let keys = '';
    leg.listen({ onHangup: () => undefined, onDigit: (digit) => (keys += digit), onMediaEnded: () => undefined });
    await leg.answer(limit);
    transport = await leg.openMedia(limit);
    const hearing = await runLine(transport, wishes.signal, { clock, abort });
    await wishes.meanwhile?.(leg);
    const { codec, sampleRateHz, ptimeMs } = transport.format;
    return { hearing, path: `${transport.kind}, ${describeAudio({ codec, sampleRateHz })}@${ptimeMs}ms`, keys };
  } finally {
    timer.cancel();
    // The switch is told before its packets lose their port.
    await Promise.allSettled(legs.map((leg) => leg.hangup(16)));
    await Promise.allSettled(legs.map((leg) => leg.release()));
    await transport?.close();
    await Promise.allSettled([wishes.after?.()]);
    await adapter.stop();
  }
}

async function linkUp(adapter: SwitchAdapter, events: LinkEvents, clock: Clock, abort: AbortSignal): Promise<void> {
  const untilMs = clock.nowMs() + LINK_LIMIT_MS;
  while (!adapter.linkUp) {
    abort.throwIfAborted();
    // Refused is refused; what is only late is waited for.
    if (events.lastError?.retryable === false || clock.nowMs() >= untilMs) {
      throw (
        events.lastError ?? new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', 'the link to the switch did not come up')
      );
    }
    await delay(clock, POLL_MS, abort);
  }
}

/** `run` with a signal that ends it after {@link LIMITS.doctorCallMs}. */
export async function withinLimit<T>(clock: Clock, run: (abort: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timer = clock.after(LIMITS.doctorCallMs, () => {
    const message = `the call of the doctor took more than ${LIMITS.doctorCallMs / 1000} s`;
    controller.abort(new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message));
  });
  try {
    return await run(controller.signal);
  } finally {
    timer.cancel();
  }
}
