/** The whole host with Deepgram's Voice Agent as its backend: the embedded server on a real socket. */
import { SystemClock } from '../../src/core/clock.ts';
import { DeepgramServer } from '../../src/simulator/deepgram-server.ts';
import type { DeepgramServerOptions } from '../../src/simulator/deepgram-server.ts';
import type { Dialogue } from '../../src/simulator/dialogue.ts';
import type { SpeechSource } from '../../src/simulator/speech.ts';
import { withWholeHost } from './whole-host.ts';
import type { LevelPhone, WholeHost } from './whole-host.ts';

const KEY = 'key-of-the-test';

const DIALOGUE: Dialogue = {
  greeting: ['Hello.'],
  answers: [
    {
      call: { name: 'look_up', arguments: { day: 'today' } },
      say: ['It is {result.time}, and there is a great deal more to be said of it, one thing after another.'],
    },
    { say: ['Goodbye.'] },
  ],
};

/** Runs `run` on a host whose profile `p` is answered by an agent with `given`. */
export async function withDeepgram(
  speech: SpeechSource,
  given: { server?: Partial<DeepgramServerOptions>; backend?: object; profile?: object },
  run: (host: WholeHost, server: DeepgramServer) => Promise<void>,
): Promise<void> {
  const server = new DeepgramServer({
    ...{ clock: new SystemClock(), speech, sessions: 4, thinkMs: 20, key: KEY, dialogue: DIALOGUE },
    ...given.server,
  });
  await server.listen();
  const backend = { kind: 'deepgram', url: server.url, apiKey: KEY, openTimeoutMs: 400, ...given.backend };
  const config = { backends: { ai: backend }, profiles: { p: { backend: 'ai', ...given.profile } } };
  try {
    await withWholeHost({ config }, (host) => run(host, server));
  } finally {
    await server.close();
  }
}

/** Whether anything but silence has reached the phone. */
export function isHeard(phone: LevelPhone): boolean {
  return phone.heard?.some((sample) => Math.abs(sample) > 500) ?? false;
}
