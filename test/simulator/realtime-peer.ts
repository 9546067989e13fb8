/** What the tests of the embedded backend share: a server with quick habits, and speech to send it. */
import { SystemClock } from '../../src/core/clock.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { RealtimeServer } from '../../src/simulator/realtime-server.ts';
import type { RealtimeServerOptions } from '../../src/simulator/realtime-server.ts';
import { resampleSinc } from '../../src/simulator/sinc-resample.ts';
import type { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import { fromLinear } from '../../src/simulator/wire-audio.ts';

/** A server that thinks and speaks fast, so that no test waits for real time. */
export async function startServer(
  speech: SpeechSynthesizer,
  options: Partial<RealtimeServerOptions> = {},
): Promise<RealtimeServer> {
  const server = new RealtimeServer({
    clock: new SystemClock(),
    speech,
    sessions: 4,
    thinkMs: 5,
    speedUp: 100,
    ...options,
  });
  await server.listen();
  return server;
}

/** A sentence in the caller's voice with silence behind it, in a format of the wire, in 20 ms pieces of base64. */
export async function callerSays(
  speech: SpeechSynthesizer,
  text: string,
  format: AudioFormat,
  silenceMs = 900,
): Promise<string[]> {
  const { samples, sampleRateHz } = await speech.synthesize(text, 'slt');
  const said = resampleSinc(samples, sampleRateHz, format.sampleRateHz);
  const whole = new Int16Array(said.length + (silenceMs * format.sampleRateHz) / 1000);
  whole.set(said);
  const bytes = Buffer.from(fromLinear(whole, format.codec));
  const step = (format.sampleRateHz / 50) * (format.codec === 'l16' ? 2 : 1);
  return Array.from({ length: Math.floor(bytes.length / step) }, (_, i) =>
    bytes.subarray(i * step, (i + 1) * step).toString('base64'),
  );
}

export const PCM_24K: AudioFormat = { codec: 'l16', sampleRateHz: 24_000 };
export const PCMU: AudioFormat = { codec: 'pcmu', sampleRateHz: 8_000 };
export const PCMA: AudioFormat = { codec: 'pcma', sampleRateHz: 8_000 };
