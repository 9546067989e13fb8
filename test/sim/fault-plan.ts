/** What happens in one simulated run, and when: made from a seed, plain enough to be printed, and any step of it may be left out. */
import { UTTERANCES } from './marked-engine.ts';
import type { UtteranceKind } from './marked-engine.ts';
import { seededRandom } from './network-model.ts';

/** How a backend takes the next opening. Statuses are those of HTTP; `late`: it opens long after nobody waits for it any more. */
export const OPENINGS = ['ok', 'slow', 'hang', 'late', 'refused', 'tls', '401', '402', '403', '429', '503'] as const;
export type OpeningKind = (typeof OPENINGS)[number];

/** What becomes of the next answer. */
export const REPLIES = [
  'normal',
  'flood',
  'cut',
  'goodbye',
  'malformed',
  'silent',
  'stall',
  'duplicated',
  'late',
  'two',
  'endless',
  'early-done',
  'failed',
  'incomplete',
  'tool',
  'crowd',
] as const;
export type ReplyKind = (typeof REPLIES)[number];

/** What a network does to the caller's packets. */
export interface Weather {
  /** Shares of packets, 0..1, and ms. */
  readonly loss: number;
  readonly duplicated: number;
  readonly jitterMs: number;
  /** How much faster than ours the caller's clock is. */
  readonly driftPpm: number;
}

/** One thing that happens `atMs` after the beginning. `call` is the number of a call, which may not be up. */
export type Step = { readonly atMs: number } & (
  | { readonly kind: 'arrive'; readonly call: number; readonly by: 'command' | 'switch'; readonly leg: LegFault }
  | { readonly kind: 'hangup'; readonly call: number }
  | { readonly kind: 'speak'; readonly call: number; readonly forMs: number }
  | { readonly kind: 'digit'; readonly call: number; readonly digit: string }
  | { readonly kind: 'weather'; readonly call: number; readonly weather: Weather }
  | { readonly kind: 'mute-line'; readonly call: number; readonly forMs: number }
  | { readonly kind: 'stall'; readonly forMs: number }
  | { readonly kind: 'opening'; readonly backend: number; readonly opening: OpeningKind }
  | { readonly kind: 'reply'; readonly backend: number; readonly reply: ReplyKind }
  | { readonly kind: 'cut'; readonly backend: number; readonly code: number }
  | { readonly kind: 'half-open'; readonly backend: number }
  | { readonly kind: 'slow-reader'; readonly backend: number; readonly forMs: number }
  | { readonly kind: 'chatter'; readonly backend: number; readonly text: string }
  | { readonly kind: 'order'; readonly call: number; readonly order: string }
  | { readonly kind: 'media-lost'; readonly call: number; readonly as: 'transferred' | 'link-lost' | null }
  | { readonly kind: 'restart'; readonly adopted: boolean }
  | { readonly kind: 'drain'; readonly seconds: number }
  | { readonly kind: 'utterance'; readonly backend: number; readonly utterance: UtteranceKind }
);

/** What goes wrong with a leg itself. */
export type LegFault = 'none' | 'answer-fails' | 'answer-hangs' | 'media-fails' | 'media-hangs' | 'release-hangs';

/** One run. */
export interface FaultPlan {
  readonly seed: number;
  readonly backends: number;
  readonly detectsTurns: boolean;
  /** Which of the backends write, and have an engine speak. */
  readonly writes: readonly boolean[];
  readonly greeting: boolean;
  readonly playoutMaximumMs: number;
  readonly lastResort: 'default' | 'release' | 'hangup' | 'transfer' | 'announce';
  /** Nobody knows yet whether what is heard is an echo. */
  readonly unsettledEcho: boolean;
  /** Who is sent off is told goodbye. */
  readonly goodbye: boolean;
  /** When the faults stop. */
  readonly endMs: number;
  readonly steps: readonly Step[];
}

const CALLS = 3;
const CLOSE_CODES = [1000, 1001, 1006, 1008, 1011, 1013, 4000];
const CHATTER = [
  '',
  '{',
  '[]',
  'null',
  '{"type":7}',
  '{"type":"nobody.knows","x":[1,2,3]}',
  '{"type":"response.done"}',
  '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"*"}',
  '{"type":"response.output_audio.delta","response_id":"nobody","item_id":"i","delta":""}',
  '{"type":"error","error":{"type":"server_error","message":"x"}}',
  '{"type":"input_audio_buffer.speech_stopped"}',
  '{"type":"session.updated","session":{}}',
];
const ORDERS = [
  'hold on',
  'hold off',
  'mute user',
  'unmute user',
  'mute agent',
  'unmute agent',
  'mask on',
  'mask off',
  'pause',
  'resume',
  'break',
  'play tune.wav',
  'play missing.wav',
  'say good-morning',
  'send_text hello',
  'dtmf 12w3',
  'switch ai-0',
  'switch ai-1',
  'switch ai-2',
  'transfer 100',
  'transfer nobody',
  'transfer 100 attended',
  'stop',
  'stop {"bye":1}',
  'hangup USER_BUSY',
  'graceful-shutdown',
  'health',
];
/** Orders after which the call is over, or is soon: rarer, or few runs would get far. */
const ENDING = /^(stop|hangup|graceful|transfer 100$)/;

/** The plan of one seed. */
export function faultPlan(seed: number): FaultPlan {
  const random = seededRandom(seed + 1);
  const below = (bound: number): number => Math.floor(random() * bound);
  const of = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const endMs = 6_000 + below(14_000);
  const steps: Step[] = [];
  const calls = 1 + below(CALLS);
  for (let call = 0; call < calls; call += 1) {
    const leg = random() < 0.12 ? of<LegFault>(LEG_FAULTS) : 'none';
    const by = random() < 0.6 ? 'command' : 'switch';
    steps.push({ atMs: below(call === 0 ? 50 : 5_000), kind: 'arrive', call, by, leg });
    for (let atMs = 900 + below(1_500); atMs < endMs; atMs += 2_000 + below(3_000)) {
      steps.push({ atMs, kind: 'speak', call, forMs: 160 + below(1_200) });
    }
  }
  const backends = 1 + below(3);
  const faults = 3 + below(14);
  for (let n = 0; n < faults; n += 1) {
    // What the first stream meets is said before it is opened.
    const atMs = random() < 0.15 ? 0 : below(endMs);
    steps.push({ atMs, ...fault({ random, below, of, call: below(calls), backend: below(backends) }) } as Step);
  }
  const rest = {
    detectsTurns: random() < 0.6,
    greeting: random() < 0.6,
    playoutMaximumMs: of([2_000, 10_000, 300_000]),
    lastResort: of(['default', 'release', 'hangup', 'transfer', 'announce'] as const),
    unsettledEcho: random() < 0.3,
  };
  // Last of all the dice: what else a seed does does not hang on it.
  const share = random() < 0.5 ? 0.6 : 0;
  const writes = Array.from({ length: backends }, () => random() < share);
  for (const [backend] of writes.entries()) {
    for (let n = writes[backend] === true ? below(6) : 0; n > 0; n -= 1) {
      steps.push({ atMs: below(endMs), kind: 'utterance', backend, utterance: of(UTTERANCES) });
    }
  }
  const goodbye = share > 0 && random() < 0.5;
  if (goodbye && random() < 0.4) steps.push({ atMs: 3_000 + below(endMs - 3_000), kind: 'drain', seconds: below(3) });
  return {
    seed,
    backends,
    ...rest,
    writes,
    goodbye,
    endMs,
    steps: steps.toSorted((one, other) => one.atMs - other.atMs),
  };
}

interface Dice {
  readonly random: () => number;
  readonly below: (bound: number) => number;
  readonly of: <T>(from: readonly T[]) => T;
  readonly call: number;
  readonly backend: number;
}

/** Without its time. Weights: more of what the conversation survives. */
function fault({ random, below, of, call, backend }: Dice): object {
  const dice = below(100);
  if (dice < 22) return { kind: 'reply', backend, reply: of(REPLIES) };
  if (dice < 34) return { kind: 'opening', backend, opening: of(OPENINGS) };
  if (dice < 46) return { kind: 'cut', backend, code: of(CLOSE_CODES) };
  if (dice < 66) return anyOrder(call, random, of);
  if (dice < 74) return { kind: 'weather', call, weather: weatherOf(random, of) };
  if (dice < 79) return { kind: 'chatter', backend, text: of(CHATTER) };
  if (dice < 83) return { kind: 'half-open', backend };
  if (dice < 87) return { kind: 'slow-reader', backend, forMs: 500 + below(6_000) };
  if (dice < 90) return { kind: 'mute-line', call, forMs: 200 + below(7_000) };
  if (dice < 93) return { kind: 'stall', forMs: 30 + below(random() < 0.3 ? 3_000 : 200) };
  if (dice < 95) return { kind: 'digit', call, digit: of(['1', '5', '#']) };
  if (dice < 96) return { kind: 'hangup', call };
  if (dice < 97) return { kind: 'media-lost', call, as: of(['transferred', 'link-lost', null] as const) };
  if (dice < 99) return { kind: 'restart', adopted: random() < 0.7 };
  return { kind: 'drain', seconds: below(5) };
}

function anyOrder(call: number, random: () => number, of: Dice['of']): object {
  const order = of(ORDERS);
  return { kind: 'order', call, order: ENDING.test(order) && random() < 0.6 ? 'break' : order };
}

function weatherOf(random: () => number, of: Dice['of']): Weather {
  return {
    loss: of([0, 0, 0.02, 0.2, 0.5]),
    duplicated: of([0, 0, 0.05, 0.3]),
    jitterMs: of([0, 5, 40, 100, 200]),
    driftPpm: Math.round((random() * 2 - 1) * 10_000),
  };
}

const LEG_FAULTS = ['answer-fails', 'answer-hangs', 'media-fails', 'media-hangs', 'release-hangs'] as const;
