/**
 * Recorded human speech as the caller, through the whole path: Debian's Asterisk prompts (a person, 8 kHz) are played into
 * the simulated switch, cross unicast, the chain and the Realtime wire, and are taken as turns.
 */
import { access, readFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config.ts';
import { SystemClock } from '../../src/core/clock.ts';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { startRuntime } from '../../src/gateway-from-config.ts';
import { findPhrase, levelDbov } from '../../src/cli/demo/audio-evidence.ts';
import { SimulatedCaller } from '../../src/simulator/caller.ts';
import type { CallerStep } from '../../src/simulator/caller.ts';
import { RealtimeServer } from '../../src/simulator/realtime-server.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import { readWav, toMono } from '../../src/simulator/wav.ts';
import { required } from './required.ts';

const SOUNDS = '.cache/asterisk/root/usr/share/asterisk/sounds/en_US_f_Allison';
const clock = new SystemClock();

async function prompt(name: string): Promise<{ samples: Int16Array; sampleRateHz: number } | null> {
  const path = `${SOUNDS}/${name}.wav`;
  if (
    !(await access(path).then(
      () => true,
      () => false,
    ))
  )
    return null;
  const wav = readWav(await readFile(path));
  return { samples: toMono(wav), sampleRateHz: wav.sampleRateHz };
}

for (const codec of ['PCMU', 'PCMA', 'L16'] as const) {
  test(`a person speaks on a ${codec} channel, is heard as turns, and cuts in`, async () => {
    const question = await prompt('conf-getpin');
    const interruption = await prompt('vm-goodbye');
    if (!required(question !== null && interruption !== null, 'recorded prompts (asterisk-core-sounds-en-wav)')) return;
    assert.ok(question !== null && interruption !== null);
    const say = ({ samples, sampleRateHz }: { samples: Int16Array; sampleRateHz: number }): CallerStep => ({
      say: samples,
      sampleRateHz,
      text: 'prompt',
    });
    const caller = new SimulatedCaller({
      script: [
        { waitForAgent: 'starts', timeoutMs: 10_000 },
        { waitForAgent: 'stops', quietMs: 800, timeoutMs: 15_000 },
        say(question),
        { waitForAgent: 'starts', timeoutMs: 10_000 },
        { silenceMs: 3_000 },
        say(interruption),
        { silenceMs: 1_500 },
        { hangup: true },
      ],
    });
    const speech = new SpeechSynthesizer();
    const server = new RealtimeServer({ clock, speech });
    const phoneSwitch = new SimulatedSwitch({ clock, password: 'x' });
    await server.listen();
    await phoneSwitch.listen();
    const events: TalkspurtEvent[] = [];
    const config = loadConfig({
      text: JSON.stringify({
        status: false,
        sip: { port: 0 },
        switches: [{ name: 'fs', kind: 'freeswitch', port: phoneSwitch.port, password: 'x' }],
        backends: { ai: { kind: 'openai', model: 'test', baseUrl: server.url, apiKey: 'k' } },
        profiles: { p: { backend: 'ai', greeting: 'Say hello.' } },
        limits: { calls: 1 },
      }),
      env: {},
    });
    const runtime = await startRuntime(config, {
      clock,
      quiet: true,
      sinks: [{ emit: (event) => events.push(event) }],
    });
    try {
      const channel = phoneSwitch.createCall({ phone: caller, codec, sampleRateHz: codec === 'L16' ? 16_000 : 8000 });
      const session = await runtime.gateway.startCall(channel.uuid, 'p');
      await session.ended;
      const snapshot = session.snapshot();
      assert.is(snapshot.turns >= 1, true, `turns: ${snapshot.turns}`);
      assert.is(snapshot.bargeIns, 1);
      assert.is(snapshot.overflows, 0);
      const { heard, sampleRateHz } = caller.recording();
      assert.ok(levelDbov(heard, sampleRateHz, 0, 5000) > -45, 'the greeting was heard');
      // The agent's greeting stands in what was heard: the way back works on every codec.
      const { samples, sampleRateHz: voiceHz } = await speech.synthesize(
        'Good morning, this is the ferry office.',
        'rms',
      );
      const { resampleSinc } = await import('../../src/simulator/sinc-resample.ts');
      const match = findPhrase(heard, resampleSinc(samples, voiceHz, sampleRateHz), sampleRateHz);
      assert.ok(match !== null && match.correlation > 0.8, `correlation ${match?.correlation}`);
    } finally {
      await runtime.close();
      await phoneSwitch.close();
      await server.close();
      await speech.close();
    }
  });
}

test.run();
