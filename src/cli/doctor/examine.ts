/** Everything the doctor looks at, in order; each for itself, and within its time. */
import type { Config } from '../../config.ts';
import type { Clock } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import { SpeechSynthesizer } from '../../simulator/speech.ts';
import { VERSION } from '../../version.ts';
import { callAsterisk } from './call/call-asterisk.ts';
import { callFreeswitch } from './call/call-freeswitch.ts';
import { judgeLine } from './call/judge-line.ts';
import { makeTestSignal } from './call/test-signal.ts';
import type { TestSignal } from './call/test-signal.ts';
import { checkBackends } from './check-backends.ts';
import { checkClock, runProgram } from './check-clock.ts';
import { checkConfig } from './check-config.ts';
import { checkMachine, readSystem } from './check-machine.ts';
import { checkPorts } from './check-ports.ts';
import { checkSwitches } from './check-switches.ts';
import { fail, worst } from './finding.ts';
import type { DoctorReport, Finding } from './finding.ts';

/** What is to be looked at. */
export interface Examination {
  readonly path: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Switches to be called; `*`: every one. */
  readonly calls: readonly string[];
  /** Told of each as soon as it is known. */
  onFinding(finding: Finding): void;
}

const SENTENCE = 'This is the doctor. The line is being measured.';
const VOICE = 'kal';

/** The whole report. Nothing is left behind, here or on a switch. */
export async function examine(wanted: Examination): Promise<DoctorReport> {
  const { clock } = wanted;
  const fromMs = clock.nowMs();
  const at = new Date(clock.wallTimeMs()).toISOString();
  const findings: Finding[] = [];
  const told = (found: readonly Finding[]): void => {
    for (const finding of found) {
      findings.push(finding);
      wanted.onFinding(finding);
    }
  };
  const { config, findings: read } = await checkConfig(wanted.path, wanted.env);
  told(read);
  told(await checkClock(clock, runProgram, readSystem));
  if (config !== null) {
    told(await checkMachine(config, readSystem, process.versions.node));
    told(await checkPorts(config));
    told(await checkBackends(config, { clock }));
    told(await checkSwitches(config, clock));
    if (wanted.calls.length > 0) for await (const found of calls(config, wanted)) told(found);
  }
  const seconds = Number(((clock.nowMs() - fromMs) / 1000).toFixed(1));
  return { version: 1, talkspurt: VERSION, at, seconds, verdict: worst(findings), findings };
}

async function* calls(config: Config, { calls: wanted, clock }: Examination): AsyncGenerator<readonly Finding[]> {
  const every = wanted.includes('*');
  for (const name of every ? [] : wanted) {
    if (config.switches.some((entry) => entry.name === name)) continue;
    const known = config.switches.map((entry) => entry.name).join(', ') || 'none';
    yield [fail('call.place', 'no such switch is configured', `name one of: ${known}`, { about: name })];
  }
  const signal = await testSignal();
  for (const entry of config.switches) {
    if (!every && !wanted.includes(entry.name)) continue;
    yield await callOne(config, entry, signal, clock);
  }
}

async function testSignal(): Promise<TestSignal> {
  const speaker = new SpeechSynthesizer();
  try {
    return makeTestSignal((await speaker.synthesize(SENTENCE, VOICE)).samples);
  } finally {
    await speaker.close();
  }
}

async function callOne(
  config: Config,
  entry: Config['switches'][number],
  signal: TestSignal,
  clock: Clock,
): Promise<readonly Finding[]> {
  try {
    const call =
      entry.kind === 'asterisk'
        ? await callAsterisk(entry, signal, clock)
        : await callFreeswitch(config, entry, signal, clock);
    return judgeLine(call);
  } catch (error) {
    const { code, message } = asTalkspurtError(error);
    const text = `no call could be had: ${message} (${code})`;
    return [
      fail(
        'call.place',
        text,
        'see the lines on this switch and on ports above; docs/errors.md says what the code means',
        { about: entry.name },
      ),
    ];
  }
}
