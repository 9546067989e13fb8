/** The whole host over real sockets, with backends that can be killed and started again where they were. */
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { SystemClock, delay } from '../../src/core/clock.ts';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { startRuntime } from '../../src/gateway-from-config.ts';
import type { Runtime } from '../../src/gateway-from-config.ts';
import type { CallerStep } from '../../src/simulator/caller.ts';
import { RealtimeServer } from '../../src/simulator/realtime-server.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';

export const clock = new SystemClock();
type EventOf<T extends TalkspurtEvent['type']> = Extract<TalkspurtEvent, { type: T }>;

/** A host, a switch, and what happens. */
export interface World {
  readonly fs: SimulatedSwitch;
  readonly runtime: Runtime;
  readonly events: TalkspurtEvent[];
  readonly speech: SpeechSynthesizer;
  of<T extends TalkspurtEvent['type']>(type: T): EventOf<T>[];
  until(done: () => boolean, what: string): Promise<void>;
}

/** A Realtime server on a port that stays its own. */
export class Restartable {
  readonly #speech: SpeechSynthesizer;
  #server: RealtimeServer;
  #port = 0;

  constructor(speech: SpeechSynthesizer) {
    this.#speech = speech;
    this.#server = this.#make();
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/v1`;
  }

  get stats(): RealtimeServer['stats'] {
    return this.#server.stats;
  }

  async start(): Promise<void> {
    this.#server = this.#make();
    await this.#server.listen();
    this.#port = this.#server.port;
  }

  async kill(): Promise<void> {
    await this.#server.close();
  }

  #make(): RealtimeServer {
    return new RealtimeServer({ clock, speech: this.#speech, sessions: 2, port: this.#port });
  }
}

/** One profile `p` on what `backends` makes, on a simulated switch. */
export async function inWorld(
  backends: (speech: SpeechSynthesizer) => Promise<{ config: object; close: () => Promise<void> }>,
  profile: object,
  run: (world: World) => Promise<void>,
): Promise<void> {
  const speech = new SpeechSynthesizer();
  const fs = new SimulatedSwitch({ clock, password: 'pw' });
  await fs.listen();
  const made = await backends(speech);
  const events: TalkspurtEvent[] = [];
  const config = loadConfig({
    text: JSON.stringify({
      status: false,
      frontDoor: false,
      sip: false,
      switches: [{ name: 'fs', kind: 'freeswitch', port: fs.port, password: 'pw', media: { kind: 'unicast' } }],
      backends: made.config,
      profiles: { p: profile },
      limits: { calls: 2 },
    }),
    env: {},
  });
  const runtime = await startRuntime(config, { clock, quiet: true, sinks: [{ emit: (event) => events.push(event) }] });
  try {
    await run({
      fs,
      runtime,
      events,
      speech,
      of: <T extends TalkspurtEvent['type']>(type: T) =>
        events.filter((event): event is EventOf<T> => event.type === type),
      until: async (done, what) => {
        const untilMs = clock.nowMs() + 12_000;
        while (!done() && clock.nowMs() < untilMs) await delay(clock, 10);
        assert.ok(done(), what);
      },
    });
    assert.is(runtime.gateway.callCount, 0, 'no call is left');
  } finally {
    await runtime.close();
    await fs.close();
    await made.close();
    await speech.close();
  }
}

/** A backend of the configuration. */
export const openai = (baseUrl: string): object => ({
  kind: 'openai',
  model: 'm',
  baseUrl,
  apiKey: 'key-of-the-test',
  transcriptionModel: 'embedded',
});

/** What a caller says. */
export async function spoken(speech: SpeechSynthesizer, text: string): Promise<CallerStep> {
  const { samples, sampleRateHz } = await speech.synthesize(text, 'slt');
  return { say: samples, sampleRateHz, text };
}
