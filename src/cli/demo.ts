/** `talkspurt demo`: a whole call on the embedded switch, or a real Asterisk, and the embedded backend, shown, recorded, drawn and checked. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { SystemClock } from '../core/clock.ts';
import { KEY_VARIABLES } from '../config/load-config.ts';
import { TalkspurtError } from '../core/errors.ts';
import { printableLines } from '../core/printable.ts';
import { FERRY_OFFICE } from '../simulator/dialogue.ts';
import { findHearing } from '../simulator/hearing.ts';
import { SpeechSynthesizer } from '../simulator/speech.ts';
import { readWav, writeWav } from '../simulator/wav.ts';
import type { WavAudio } from '../simulator/wav.ts';
import { DEMO_MEDIA } from './demo/asterisk-switch.ts';
import type { DemoMedia } from './demo/asterisk-switch.ts';
import { tellCall } from './demo/call-story.ts';
import { runDemoCall } from './demo/demo-call.ts';
import type { DemoBackend } from './demo/demo-call.ts';
import { checkDemo } from './demo/demo-checks.ts';
import { demoSucceeded, renderReport, reportJson } from './demo/demo-report.ts';
import type { DemoOutcome } from './demo/demo-report.ts';
import { demoScript, GOODBYE, QUESTION } from './demo/demo-script.ts';
import { LiveView } from './demo/live-view.ts';
import { drawTimeline } from './demo/timeline-svg.ts';
import { EXIT } from './exit-status.ts';

interface DemoArguments {
  readonly wav?: string | undefined;
  readonly switch: 'embedded' | 'asterisk';
  readonly media?: DemoMedia | undefined;
  readonly echo?: number | undefined;
  readonly backend: 'embedded' | 'openai' | 'deepgram' | 'gemini';
  readonly model?: string | undefined;
  readonly voice?: string | undefined;
  readonly speech?: 'embedded' | undefined;
  readonly out: string;
  readonly json: boolean;
}

/** Of a telephone line with a bad hybrid, or a loudspeaker; and how late it comes back. */
const ECHO = { least: 3, most: 40, delayMs: 100 } as const;

/** The `demo` sub-command. */
export const demoCommand: CommandModule<object, DemoArguments> = {
  command: 'demo',
  describe: 'run a whole call on an embedded switch and backend',
  builder: (yargs: Argv) =>
    yargs
      .option('wav', { type: 'string', describe: 'a WAV file that the caller plays as the first question' })
      .option('switch', {
        choices: ['embedded', 'asterisk'] as const,
        default: 'embedded' as const,
        describe: 'what the call goes through; asterisk: a real one, which is fetched when it is missing',
      })
      .option('media', {
        choices: DEMO_MEDIA,
        describe: 'how the audio comes, with --switch asterisk (default: rtp)',
      })
      .option('echo', {
        type: 'number',
        describe: `have the caller's line send the agent's voice back, so many dB quieter (${ECHO.least} to ${ECHO.most}) and ${ECHO.delayMs} ms later`,
      })
      .option('backend', {
        choices: ['embedded', 'openai', 'deepgram', 'gemini'] as const,
        default: 'embedded' as const,
        describe:
          "who answers; openai needs OPENAI_API_KEY; deepgram or gemini without DEEPGRAM_API_KEY or GEMINI_API_KEY is an embedded agent on that vendor's wire",
      })
      .option('model', {
        type: 'string',
        describe: 'model, with a service (default: gpt-realtime, gpt-4o-mini; gemini has none)',
      })
      .option('voice', { type: 'string', describe: 'voice, with a service (default: marin, aura-2-thalia-en, Puck)' })
      .option('speech', {
        choices: ['embedded'] as const,
        describe: 'have the backend write, and the voice inside this process speak it sentence by sentence',
      })
      .option('out', {
        type: 'string',
        default: 'demo-out',
        describe: 'folder for call.wav, timeline.svg and call.json',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'write nothing but the report, as JSON, to standard output',
      })
      .check(({ media, switch: kind, echo }) => {
        if (echo !== undefined && !(echo >= ECHO.least && echo <= ECHO.most))
          throw new Error(`--echo takes ${ECHO.least} to ${ECHO.most} dB.`);
        if (media !== undefined && kind !== 'asterisk') throw new Error('--media is for --switch asterisk.');
        return true;
      }),
  handler: async (options) => {
    if (options.backend === 'openai' && (process.env['OPENAI_API_KEY'] ?? '') === '') {
      throw new TalkspurtError(
        'ERR_TALKSPURT_SECRET_MISSING',
        'set OPENAI_API_KEY to the key that --backend openai uses',
      );
    }
    if (backendOf(options) === 'gemini' && options.model === undefined) {
      throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', 'name a model that speaks the Live interface: --model');
    }
    const recording = options.wav === undefined ? null : await readRecording(options.wav);
    const view = new LiveView(options.json ? { write: () => undefined } : process.stdout);
    const outcome = await demonstrate(options, recording, view).finally(() => view.close());
    process.stdout.write(
      options.json ? printableLines(`${JSON.stringify(reportJson(outcome), null, 2)}\n`) : renderReport(outcome),
    );
    process.exitCode = demoSucceeded(outcome) ? EXIT.ok : EXIT.failed;
  },
};

async function demonstrate(options: DemoArguments, recording: WavAudio | null, view: LiveView): Promise<DemoOutcome> {
  const clock = new SystemClock();
  const speech = new SpeechSynthesizer();
  try {
    const hearing = await findHearing();
    const script = await demoScript(speech, recording);
    const bornMs = clock.nowMs();
    const { model, voice } = options;
    const backend = backendOf(options);
    const result = await runDemoCall({
      clock,
      speech,
      hearing,
      script,
      echo: options.echo === undefined ? null : { lossDb: options.echo, delayMs: ECHO.delayMs },
      switch: options.switch,
      media: options.media ?? 'rtp',
      backend,
      model,
      voice,
      spokenBy: options.speech ?? null,
      onStep: (line) => view.say(`          ${line}`),
      onEvent: (event) => view.show(event, clock.nowMs() - bornMs),
      onTick: ({ captureLevelDbov, renderLevelDbov }) =>
        view.tick(clock.nowMs() - bornMs, { callerDbov: captureLevelDbov, agentDbov: renderLevelDbov }),
    });
    const { said, heard, sampleRateHz } = result.recording;
    const story = tellCall(result.events, result.originMs, (Math.max(said.length, heard.length) / sampleRateHz) * 1000);
    const { snapshot } = result;
    const outcome: DemoOutcome = {
      backend:
        labelOf(backend, model) + (options.speech === undefined ? '' : ', which writes and is spoken by sentence'),
      switchKind: result.switchKind,
      story,
      snapshot,
      packets: { received: snapshot.capturedFrames, sent: snapshot.sentFrames, lost: snapshot.lostFrames },
      cpu: { processMs: result.cpuMs, tickMs: snapshot.tickMs ?? 0 },
      understood: hearing !== null,
      checks: await checkDemo({
        story,
        recording: result.recording,
        sentences: backend.startsWith('embedded') ? expectedSentences() : [],
        echo: options.echo === undefined ? null : { lossDb: options.echo, takenOutDb: result.erleDb },
        speech,
      }),
      files: ['call.wav', 'timeline.svg', 'call.json'].map((name) => join(options.out, name)),
    };
    await writeOutcome(options.out, outcome, result.recording);
    return outcome;
  } finally {
    await speech.close();
  }
}

function backendOf({ backend }: DemoArguments): DemoBackend {
  if (backend !== 'deepgram' && backend !== 'gemini') return backend;
  const variable = KEY_VARIABLES[backend];
  const has = (name: string): boolean => (process.env[name] ?? '') !== '';
  return has(variable) || has(`${variable}_FILE`) ? backend : `embedded-${backend}`;
}

function labelOf(backend: DemoBackend, model: string | undefined): string {
  switch (backend) {
    case 'embedded':
      return 'embedded (OpenAI Realtime protocol)';
    case 'embedded-deepgram':
      return 'embedded (Deepgram Voice Agent protocol)';
    case 'embedded-gemini':
      return 'embedded (Gemini Live protocol)';
    case 'gemini':
      return `Gemini Live, ${model ?? 'no model'}`;
    case 'openai':
      return `OpenAI ${model ?? 'gpt-realtime'}`;
    case 'deepgram':
      return `Deepgram, ${model ?? 'gpt-4o-mini'}`;
  }
}

/** What the embedded agent says and the caller lets it finish; what was measured of the caller differs from call to call. */
function expectedSentences(): string[] {
  const answer = FERRY_OFFICE.answers[QUESTION]?.say.filter((sentence) => !sentence.includes('{')) ?? [];
  return [...FERRY_OFFICE.greeting, ...answer.slice(0, 2), ...(FERRY_OFFICE.answers[GOODBYE]?.say ?? [])];
}

async function writeOutcome(
  folder: string,
  outcome: DemoOutcome,
  recording: { said: Int16Array; heard: Int16Array; sampleRateHz: number },
): Promise<void> {
  const { said, heard, sampleRateHz } = recording;
  const { snapshot, story } = outcome;
  const subtitle = `${outcome.switchKind}, ${snapshot.transport} ${snapshot.leg?.codec ?? ''}, ${outcome.backend}: ${snapshot.turns} answers, ${snapshot.bargeIns} barge-in`;
  const svg = drawTimeline({ title: 'A call with an AI voice', subtitle, story, said, heard, sampleRateHz });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'call.wav'), writeWav({ sampleRateHz, channels: [said, heard] }));
  await writeFile(join(folder, 'timeline.svg'), svg);
  await writeFile(join(folder, 'call.json'), `${JSON.stringify(reportJson(outcome), null, 2)}\n`);
}

async function readRecording(path: string): Promise<WavAudio> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new TalkspurtError(
      'ERR_TALKSPURT_WAV_INVALID',
      `${path} cannot be read (${reason}): give the path of a WAV file`,
      { cause },
    );
  }
  const recording = readWav(bytes);
  const seconds = (recording.channels[0]?.length ?? 0) / recording.sampleRateHz;
  if (seconds >= QUESTION_SECONDS.least && seconds <= QUESTION_SECONDS.most) return recording;
  const { least, most } = QUESTION_SECONDS;
  const message = `${path} lasts ${seconds.toFixed(2)} s: a question is ${least} to ${most} s long`;
  throw new TalkspurtError('ERR_TALKSPURT_WAV_INVALID', message);
}

const QUESTION_SECONDS = { least: 0.3, most: 30 } as const;
