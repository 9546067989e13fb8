/** The embedded servers that a demo can call in the place of a service: one scripted agent, on the wire of any vendor. */
import type { Clock } from '../../core/clock.ts';
import { DeepgramServer } from '../../simulator/deepgram-server.ts';
import { GeminiServer } from '../../simulator/gemini-server.ts';
import type { Hearing } from '../../simulator/hearing.ts';
import { RealtimeServer } from '../../simulator/realtime-server.ts';
import type { SpeechSource } from '../../simulator/speech.ts';

/** Whose wire; each is the kind of backend that speaks it. */
export type EmbeddedWire = 'openai' | 'deepgram' | 'gemini';

/** A server that is not listening yet. */
export interface EmbeddedBackend {
  readonly server: { readonly url: string; listen(): Promise<void>; close(): Promise<void> };
  /** What the demo calls it. */
  readonly style: string;
}

/** The server of one wire. */
export function embeddedBackend(
  wire: EmbeddedWire,
  parts: { readonly clock: Clock; readonly speech: SpeechSource; readonly hearing: Hearing | null },
): EmbeddedBackend {
  switch (wire) {
    case 'openai':
      return { server: new RealtimeServer(parts), style: 'an OpenAI-Realtime-style backend' };
    case 'deepgram':
      return { server: new DeepgramServer(parts), style: 'a Deepgram-style Voice Agent' };
    case 'gemini':
      return { server: new GeminiServer(parts), style: 'a Gemini-Live-style backend' };
  }
}
