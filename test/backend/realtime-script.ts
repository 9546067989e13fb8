/** The events of a Realtime server, as short as a script needs them. Every one is typed by the vendor's declarations. */
import type {
  RealtimeClientEvent,
  RealtimeServerEvent,
  RealtimeSessionCreateRequest,
  SessionUpdateEvent,
} from 'openai/resources/realtime/realtime';
import type { BackendCall } from '../../src/backend/backend.ts';
import type { OpenAiRealtimeConfig } from '../../src/backend/openai-realtime.ts';
import { OpenAiRealtimeBackend } from '../../src/backend/openai-realtime.ts';
import type { OpenAiStream } from '../../src/backend/openai-realtime.ts';
import type { MediaFormat } from '../../src/core/media.ts';
import { ManualClock } from './manual-clock.ts';
import { RecordingSink } from './recording-sink.ts';
import { ScriptedServer } from './scripted-server.ts';
import type { ScriptedPeer, ScriptedServerOptions } from './scripted-server.ts';

/** A client event as it came. */
type Heard = RealtimeClientEvent & { readonly event_id?: string };

export type RealtimePeer = ScriptedPeer<RealtimeServerEvent, Heard>;
export type RealtimeScript = ScriptedServer<RealtimeServerEvent, Heard>;

/** A server that speaks as the API does. */
export function listen(options: ScriptedServerOptions<RealtimeServerEvent, Heard> = {}): Promise<RealtimeScript> {
  return ScriptedServer.listen(options);
}

const PCMU_LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
export const PCMA_LEG: MediaFormat = { codec: 'pcma', sampleRateHz: 8000, ptimeMs: 20 };
export const L16_LEG: MediaFormat = { codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 };

export function callOn(leg: MediaFormat = PCMU_LEG): BackendCall {
  return { callId: 'call-1', leg, from: '', to: '', variables: new Map() };
}

export function sessionCreated(session: RealtimeSessionCreateRequest = { type: 'realtime' }): RealtimeServerEvent {
  return { type: 'session.created', event_id: 'e', session };
}

export function sessionUpdated(update: SessionUpdateEvent): RealtimeServerEvent {
  return { type: 'session.updated', event_id: 'e', session: update.session };
}

export function responseCreated(id: string): RealtimeServerEvent {
  return {
    type: 'response.created',
    event_id: 'e',
    response: { id, object: 'realtime.response', status: 'in_progress' },
  };
}

export function responseDone(
  id: string,
  status: 'completed' | 'cancelled' | 'failed' | 'incomplete' = 'completed',
): RealtimeServerEvent {
  return {
    type: 'response.done',
    event_id: 'e',
    response: {
      id,
      object: 'realtime.response',
      status,
      usage: { input_tokens: 7, output_tokens: 11, total_tokens: 18 },
    },
  };
}

export function audioDelta(responseId: string, itemId: string, audio: Uint8Array): RealtimeServerEvent {
  return {
    type: 'response.output_audio.delta',
    event_id: 'e',
    response_id: responseId,
    item_id: itemId,
    output_index: 0,
    content_index: 0,
    delta: Buffer.from(audio).toString('base64'),
  };
}

export function audioDone(responseId: string, itemId: string): RealtimeServerEvent {
  return {
    type: 'response.output_audio.done',
    event_id: 'e',
    response_id: responseId,
    item_id: itemId,
    output_index: 0,
    content_index: 0,
  };
}

export function apiError(
  code: string | null,
  clientEventId?: string,
  type = 'invalid_request_error',
): RealtimeServerEvent {
  return {
    type: 'error',
    event_id: 'e',
    error: { type, code, message: 'as the API words it', param: null, event_id: clientEventId ?? null },
  };
}

export interface Conversation {
  readonly server: RealtimeScript;
  readonly peer: RealtimePeer;
  readonly clock: ManualClock;
  readonly sink: RecordingSink;
  readonly stream: OpenAiStream;
  /** Resolves when the client has taken all that the server said, and the server all that the client sent upon it. */
  settled(): Promise<void>;
  /** Ends both sides and proves that nothing is left. */
  end(): Promise<void>;
}

/** A conversation that is set up by the book. */
export async function converse(
  config: Partial<OpenAiRealtimeConfig> = {},
  options: { leg?: MediaFormat; session?: RealtimeSessionCreateRequest } = {},
): Promise<Conversation> {
  const server = await listen({ onPeer: (peer) => peer.say(sessionCreated(options.session)) });
  const clock = new ManualClock();
  const sink = new RecordingSink();
  const backend = new OpenAiRealtimeBackend(
    { model: 'gpt-realtime', apiKey: 'sk-test-0123456789', baseUrl: server.baseUrl, ...config },
    clock,
  );
  const connected = server.peer();
  const opening = backend.open(callOn(options.leg), sink, new AbortController().signal);
  const peer = await connected;
  peer.say(sessionUpdated(await peer.until('session.update')));
  const stream = await opening;
  clock.advance(0);
  return {
    server,
    peer,
    clock,
    sink,
    stream,
    settled: () => peer.settled(),
    async end() {
      await stream.close();
      await server.drained();
      if (clock.pending !== 0) throw new Error(`${clock.pending} timers are left`);
      await server.close();
    },
  };
}
