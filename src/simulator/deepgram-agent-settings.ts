/** The settings of one session of the embedded Voice Agent: what a client has asked for, as far as a scripted agent can give it. */
import type { AudioFormat } from '../core/media.ts';
import { isSampleRateHz } from '../core/media.ts';
import type { SettingsMessage, ThinkSettings } from './deepgram-schema.ts';

/** A message that was understood and cannot be granted; it becomes an `Error`, which ends the session. */
export class DeepgramRefusal extends Error {
  override readonly name = 'DeepgramRefusal';
  readonly code: 'INVALID_SETTINGS' | 'INVALID_AGENT_ID';

  constructor(code: 'INVALID_SETTINGS' | 'INVALID_AGENT_ID', message: string) {
    super(message);
    this.code = code;
  }
}

interface WireAudio {
  readonly encoding?: string | undefined;
  readonly sample_rate?: number | undefined;
  readonly container?: string | undefined;
}

/** What Deepgram takes where nothing is said. */
const DEFAULTS = { encoding: 'linear16', sample_rate: 24_000 } as const;
const CODECS = new Map([
  ['linear16', 'l16'],
  ['mulaw', 'pcmu'],
  ['alaw', 'pcma'],
] as const);

/** Checked once; `think` and `listen` may be changed in the middle of a session. */
export class DeepgramAgentSettings {
  readonly inputFormat: AudioFormat;
  readonly outputFormat: AudioFormat;
  /** Whether what is said is told a second time, as `History`. */
  readonly history: boolean;
  /** Sentences that the agent opens with; none: it waits. */
  readonly greeting: readonly string[];
  think: ThinkSettings | readonly ThinkSettings[] | undefined;
  listen: { readonly version?: string | undefined; readonly model?: string | undefined } | undefined;

  /** @throws DeepgramRefusal */
  constructor({ audio, agent, flags }: SettingsMessage) {
    if (typeof agent === 'string') {
      throw new DeepgramRefusal('INVALID_AGENT_ID', 'The Agent ID is invalid: the embedded agent knows none.');
    }
    this.inputFormat = formatOf(audio.input ?? DEFAULTS, 'input');
    this.outputFormat = formatOf(audio.output ?? DEFAULTS, 'output');
    this.history = flags?.history ?? true;
    this.greeting = sentencesOf(agent.greeting ?? '');
    this.think = agent.think;
    this.listen = agent.listen?.provider;
  }

  /** Flux hears the end of a turn by itself and can be told of one; Nova cannot. */
  get endsTurnsOnOrder(): boolean {
    return this.listen?.version === 'v2' || this.listen?.model?.startsWith('flux-') === true;
  }

  /** Names of the functions that the client runs. */
  get functions(): ReadonlySet<string> {
    const all = [this.think ?? []].flat();
    const functions = all[0]?.functions ?? [];
    return new Set(
      functions.flatMap(({ name, endpoint }) => (name === undefined || endpoint !== undefined ? [] : [name])),
    );
  }
}

/** @throws DeepgramRefusal */
function formatOf(audio: WireAudio, side: 'input' | 'output'): AudioFormat {
  const { encoding = DEFAULTS.encoding, container = 'none' } = audio;
  const codec = CODECS.get(encoding as 'linear16' | 'mulaw' | 'alaw');
  const sampleRateHz = audio.sample_rate ?? (codec === 'l16' ? DEFAULTS.sample_rate : 8000);
  if (codec === undefined || container !== 'none' || !isSampleRateHz(sampleRateHz)) {
    const message = `audio.${side}: the embedded agent speaks linear16, mulaw and alaw without a container, at 8, 16, 24 and 48 kHz.`;
    throw new DeepgramRefusal('INVALID_SETTINGS', message);
  }
  if (codec !== 'l16' && sampleRateHz !== 8000) {
    throw new DeepgramRefusal(
      'INVALID_SETTINGS',
      `audio.${side}: the embedded agent speaks ${encoding} at 8000 Hz only.`,
    );
  }
  return { codec, sampleRateHz };
}

function sentencesOf(text: string): string[] {
  return (text.match(/[^.!?]+[.!?]*/g) ?? []).map((sentence) => sentence.trim()).filter((sentence) => sentence !== '');
}
