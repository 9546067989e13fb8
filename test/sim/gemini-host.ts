/** The whole host with Gemini Live as its backend: the embedded server on a real socket. */
import { SystemClock } from '../../src/core/clock.ts';
import type { Dialogue } from '../../src/simulator/dialogue.ts';
import { GeminiServer } from '../../src/simulator/gemini-server.ts';
import type { GeminiServerOptions } from '../../src/simulator/gemini-server.ts';
import type { SpeechSource } from '../../src/simulator/speech.ts';
import { withWholeHost } from './whole-host.ts';
import type { WholeHost } from './whole-host.ts';

const KEY = 'key-of-the-test';

const DIALOGUE: Dialogue = {
  greeting: ['Hello there.'],
  answers: [
    {
      call: { name: 'look_up', arguments: { day: 'today' } },
      say: ['It is {result.time}, and there is a great deal more to be said of it, one thing after another.'],
    },
    { say: ['Goodbye.'] },
  ],
};

/** Runs `run` on a host whose profile `p` is answered by a model with `given`. */
export async function withGemini(
  speech: SpeechSource,
  given: { server?: Partial<GeminiServerOptions>; backend?: object; profile?: object },
  run: (host: WholeHost, server: GeminiServer) => Promise<void>,
): Promise<void> {
  const server = new GeminiServer({
    ...{ clock: new SystemClock(), speech, sessions: 4, thinkMs: 20, key: KEY, dialogue: DIALOGUE },
    ...given.server,
  });
  await server.listen();
  const backend = { kind: 'gemini', model: 'gemini-live', url: server.url, apiKey: KEY, openTimeoutMs: 2_000 };
  const config = {
    backends: { ai: { ...backend, ...given.backend } },
    profiles: { p: { backend: 'ai', ...given.profile } },
  };
  try {
    await withWholeHost({ config }, (host) => run(host, server));
  } finally {
    await server.close();
  }
}
