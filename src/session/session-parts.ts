/** What a session is made of, and how it ends. */
import type { Backend, BackendCall, BackendStream } from '../backend/backend.ts';
import type { Clock } from '../core/clock.ts';
import { correlationIdOf } from '../core/correlation-id.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { EndReason, EventSink } from '../core/events.ts';
import type { AudioFormat, MediaFormat } from '../core/media.ts';
import type { Dsp, DspPool } from '../dsp/dsp.ts';
import type { DspLibrary } from '../dsp/library.ts';
import type { CallLeg, MediaEndedAs } from '../switch/switch-adapter.ts';
import type { MediaTransport } from '../transport/media-transport.ts';
import { CallMedia } from './call-media.ts';
import type { CallMediaListener } from './call-media.ts';
import type { MediaScheduler } from './media-scheduler.ts';
import type { GivenOptions, SessionOptions } from './session-options.ts';
import type { WatchdogOptions } from './watch-options.ts';
import { TappedParty } from './tapped-party.ts';

/** Everything a session uses; it owns the leg and, once opened, the transport, the stream and its place in the pool. */
export interface SessionParts {
  readonly callId: string;
  readonly profile: string;
  readonly leg: CallLeg;
  readonly backend: Backend;
  /** What takes its place, in this order, when it cannot be had or is lost. */
  readonly fallbacks?: readonly Backend[];
  /** What callers hear while a backend is sought, and what converts audio between two of them; absent: silence, and nothing. */
  readonly sounds?: SessionSounds | null;
  readonly dspPool: DspPool;
  readonly scheduler: MediaScheduler;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly options?: GivenOptions;
  /** What watches over the call. Default: `DEFAULT_WATCHDOGS`. */
  readonly watchdogs?: WatchdogOptions;
  /** How late the process's event loop is, ms. Absent: nobody knows. */
  readonly hostLagMs?: () => number;
  /** `ws`: a WebSocket of the operator's own takes the audio. Default `ai`. */
  readonly mode?: 'ai' | 'ws';
  /** Personal. What the start command said of the call; the backend is told. */
  readonly metadata?: string | null;
  /** The call begins masked, as an earlier process left it. */
  readonly masked?: boolean;
  /** The call's name across systems. Default: what the leg's variables say, else a new one. */
  readonly correlationId?: string;
}

/** The same of a call that has a name. */
export type NamedParts = SessionParts & { readonly correlationId: string };

/** `parts` with the name that the leg's variables give the call, else a new one, where it has none. */
export function namedParts(parts: SessionParts): NamedParts {
  return { ...parts, correlationId: parts.correlationId ?? correlationIdOf(parts.leg.variables) };
}

/** Sounds of our own, whole, in the format that is asked for. */
export interface SessionSounds {
  /** @throws ERR_TALKSPURT_SOUND and others: what is wrong with it */
  sound(source: string, format: AudioFormat): Promise<{ readonly audio: Uint8Array }>;
  /** What callers on hold hear. Absent: silence. @throws as {@link SessionSounds.sound} */
  hold?(format: AudioFormat): Promise<{ readonly audio: Uint8Array }>;
  /** Our own voice. Absent: there is none. @throws ERR_TALKSPURT_SPEECH_SYNTHESIS */
  speech?(text: string, format: AudioFormat, keep: boolean): Promise<{ readonly audio: Uint8Array }>;
  /** @throws ERR_TALKSPURT_INTERNAL */
  dspLibrary(): Promise<DspLibrary>;
}

/** How a call ended. */
export interface SessionEnd {
  readonly reason: EndReason;
  readonly error?: TalkspurtError;
}

/** How to stop. */
export interface StopOptions {
  /** Hang the channel up too; otherwise it is left to the switch. */
  readonly hangup?: boolean;
  /** …with this cause of Q.850. Default: what fits the reason. */
  readonly hangupCause?: number;
  /** Text that the backend is given before the goodbye. */
  readonly metadata?: string | null;
}

/** Why a call that could not be opened ended. */
export function reasonOf(failure: TalkspurtError): EndReason {
  if (failure.code.startsWith('ERR_TALKSPURT_BACKEND') || failure.code === 'ERR_TALKSPURT_SECRET_MISSING')
    return 'backend-failed';
  if (failure.code === 'ERR_TALKSPURT_CALL_GONE') return 'hangup';
  if (failure.code === 'ERR_TALKSPURT_PORTS_EXHAUSTED') return 'media-failed';
  if (failure.code.startsWith('ERR_TALKSPURT_MEDIA') || failure.code.startsWith('ERR_TALKSPURT_UNICAST'))
    return 'media-failed';
  return failure.code.startsWith('ERR_TALKSPURT_LINK') ? 'link-lost' : 'error';
}

/** How a call ends whose backend has ended the conversation: null when in good order, which is a goodbye and no failure. */
export function backendEnd(error: TalkspurtError | null): SessionEnd {
  return error === null ? { reason: 'backend-ended' } : { reason: 'backend-failed', error };
}

/** How a call ends whose audio path the switch has ended. */
export function mediaEnd(reason: string, as?: MediaEndedAs): SessionEnd {
  if (as === 'transferred') return { reason: as };
  if (as === 'link-lost') return { reason: as, error: new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', reason) };
  const message = `the switch ended the audio path: ${reason}`;
  return { reason: 'media-failed', error: new TalkspurtError('ERR_TALKSPURT_MEDIA_STALLED', message) };
}

/** The chain of both parties; what a stereo tap brings along is the other one. @throws ERR_TALKSPURT_DSP_POOL_EMPTY */
export function makeCallMedia(
  transport: MediaTransport,
  dspPool: DspPool,
  options: SessionOptions,
  listener: CallMediaListener,
): CallMedia {
  const taken: Dsp[] = [];
  const acquire = (format: MediaTransport['format']): Dsp => {
    const dsp = dspPool.acquire({ leg: format, backendInput: format, backendOutput: format });
    taken.push(dsp);
    return dsp;
  };
  try {
    const party =
      transport.other === undefined ? null : new TappedParty(transport.other, acquire(transport.other.format));
    const other = party === null ? {} : { other: party };
    return new CallMedia({ transport, dsp: acquire(transport.format), options, listener, ...other });
  } catch (error) {
    for (const dsp of taken) dspPool.release(dsp);
    throw error;
  }
}

/** What a backend may know of the call. */
export function backendCallOf(parts: SessionParts, format: MediaFormat): BackendCall {
  const { callId, leg, metadata = null, correlationId } = parts;
  const { from, to, variables } = leg;
  return { callId, leg: format, from, to, variables, metadata, ...(correlationId !== undefined && { correlationId }) };
}

/** What a tick threw: a trap of the WebAssembly instance, or a defect of the host. */
export function tickFault(error: unknown): TalkspurtError {
  const trapped = error instanceof WebAssembly.RuntimeError;
  return asTalkspurtError(error, trapped ? 'ERR_TALKSPURT_DSP_TRAP' : 'ERR_TALKSPURT_INTERNAL');
}

/** A message of the backend's own protocol, as it is. @throws ERR_TALKSPURT_NOT_SUPPORTED */
export function passJson(stream: BackendStream, backendName: string, json: string): void {
  if (stream.sendJson === undefined) {
    throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', `${backendName} takes no messages of your own`);
  }
  stream.sendJson(json);
}
