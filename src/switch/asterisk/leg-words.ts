/** What a channel bears of ours: the voice that it has, for a process that comes after this one, and in the end what it came to. */
import type { CallOutcome, RefusalReason } from '../switch-adapter.ts';
import type { ChannelRequests } from './asterisk-requests.ts';
import { VOICE_VARIABLE, outcomeVariables, readVoice, resultVariables, writeVoice } from './stasis-result.ts';
import type { StasisVoice } from './stasis-result.ts';

/** Channel variables. */
export type LegVariables = Readonly<Record<string, string>>;

/** Those of one channel. */
export class LegWords {
  readonly #requests: ChannelRequests;
  #outcome: CallOutcome | null = null;
  #refusal: RefusalReason | null = null;
  /** What the variable says; null: nothing of ours. */
  #voice: string | null = null;

  constructor(requests: ChannelRequests) {
    this.#requests = requests;
  }

  /** Marks the channel; once is enough. @throws as `ChannelRequests.post` */
  async remember(voice: StasisVoice): Promise<void> {
    const text = writeVoice(voice);
    if (text === this.#voice) return;
    await this.#requests.setVariables({ [VOICE_VARIABLE]: text });
    this.#voice = text;
  }

  /**
   * The voice that an earlier process has given it; null: it was let go of. Where none has come to say anything of it, it is
   * `fallback`. @throws ERR_TALKSPURT_LINK_*
   */
  async recall(fallback: StasisVoice | null): Promise<StasisVoice | null> {
    const told = await this.#requests.variable(VOICE_VARIABLE);
    // None is told either of a channel that has left since it was seen.
    if (told === null) return (await this.#requests.look()) === null ? null : fallback;
    const voice = readVoice(told);
    this.#voice = voice === null ? null : told;
    return voice;
  }

  /** It was not let go of after all, and has its voice still. Never rejects: it is said for others. */
  async restore(): Promise<void> {
    if (this.#voice === null) return;
    await Promise.allSettled([this.#requests.setVariables({ [VOICE_VARIABLE]: this.#voice })]);
  }

  conclude(outcome: CallOutcome): void {
    this.#outcome = outcome;
  }

  refuse(reason: RefusalReason): void {
    this.#refusal = reason;
  }

  /** For the dialplan that goes on. */
  get last(): LegVariables {
    if (this.#outcome !== null) return outcomeVariables(this.#outcome);
    return resultVariables('refused', this.#refusal ?? 'refused');
  }

  /** For the one that the call is sent to. */
  get transferred(): LegVariables {
    return outcomeVariables({ turns: 0, bargeIns: 0, ...this.#outcome, reason: 'transferred' });
  }

  /** For a hang-up handler, or extension h. Never rejects: whether or not they can be left, the channel is hung up. */
  async beforeHangup(): Promise<void> {
    if (this.#outcome === null) return;
    await Promise.allSettled([this.#requests.setVariables(outcomeVariables(this.#outcome))]);
  }
}
