/**
 * What was said in a call, as another backend has to be told it: the caller's turns and what the caller heard of the agent's,
 * in order, bounded. And the functions that the agent called and that nobody has answered yet.
 *
 * A transcript comes in pieces, ahead of its audio or behind it, and the caller's only when the agent answers already: a place
 * is kept for it where the turn ended. Of a phrase that was cut off what was heard is reckoned from the audio: by its share of
 * the whole, or by how fast the agent speaks where the whole never came.
 */
import type { Speaker } from '../core/events.ts';
import { LIMITS } from '../limits.ts';

/** Somebody's words. */
export interface SpokenTurn {
  readonly by: Speaker;
  /** Personal. */
  readonly text: string;
}

/** A function that the agent called and that has no result yet. */
export interface PendingToolCall {
  readonly toolCallId: string;
  readonly name: string;
  /** Personal. */
  readonly argumentsJson: string;
}

/** A function whose result was sent. */
export interface AnsweredCall {
  readonly call: PendingToolCall;
  /** Personal. */
  readonly outputJson: string;
}

interface Entry {
  readonly by: Speaker;
  text: string;
  /** The whole text is there. */
  final: boolean;
  /** Of the agent's: the phrase; empty: no audio of it has come yet. */
  itemId: string;
  receivedMs: number;
  /** All its audio has come. */
  audioDone: boolean;
  /** It was cut off after so much, ms; NaN: it was not. */
  cutMs: number;
  readonly atMs: number;
}

/** How fast speech is where nothing is known of this agent: characters a millisecond. */
const USUAL_PACE = 0.015;
/** A place for a transcript that has not come by then is not waited for, ms. */
const TRANSCRIPT_MS = 15_000;
/** Of the functions without a result, together: a new stream has to be told of them at once. */
const TOOL_CHARACTERS = LIMITS.backendControlBytes / 4;
/** Stands at the end of what was cut off. */
const CUT = '…';

/** One call's. */
export class ConversationRecord {
  readonly #nowMs: () => number;
  readonly #entries: Entry[] = [];
  /** Entries that went to make room. */
  #gone = 0;
  readonly #tools = new Map<string, PendingToolCall>();
  /** Answered, and no response has begun since: whether the agent has made anything of it nobody knows. */
  readonly #answered = new Map<string, AnsweredCall>();
  /** The phrase under way of an agent that does not say which phrase its words are of. */
  #nameless: Entry | null = null;
  /** Of the phrases that are whole: characters and ms. */
  #characters = 0;
  #spokenMs = 0;

  /** `nowMs`: the clock's. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whether the agent has begun to say anything. */
  get agentHasSpoken(): boolean {
    return this.#entries.some(({ by, receivedMs }) => by === 'agent' && receivedMs > 0);
  }

  /** The caller's turn has ended: its transcript belongs here. */
  callerStopped(): void {
    this.#nameless = null;
    const last = this.#entries.at(-1);
    if (last?.by === 'caller' && !last.final) return;
    this.#add('caller', '');
  }

  /** Text that the backend is given as the caller's. */
  callerWrote(text: string): void {
    const entry = this.#add('caller', text.trim().slice(0, LIMITS.historyTextCharacters));
    entry.final = true;
  }

  /** As `BackendSink.onTranscript` says it. `itemId` where the backend tells which phrase it is of. */
  transcript(by: Speaker, text: string, final: boolean, itemId = ''): void {
    if (by === 'caller') {
      if (final) this.#callerSaid(text);
      return;
    }
    const entry = this.#agentEntry(itemId);
    if (entry === null) return;
    // Sentence after sentence of one phrase, each of them whole.
    const goesOn = final && entry.final && entry === this.#nameless;
    const words = goesOn ? `${entry.text} ${text}` : final ? text : entry.text + text;
    entry.text = words.slice(0, LIMITS.historyTextCharacters);
    if (itemId === '') this.#nameless = entry;
    entry.final = final;
    this.#measure(entry);
    this.#bound();
  }

  /** Audio of a phrase came, and was taken. */
  audio(itemId: string, ms: number): void {
    const last = this.#lastOf('agent');
    const known = last?.itemId === itemId ? last : this.#entries.findLast((entry) => entry.itemId === itemId);
    if (known !== undefined) {
      known.receivedMs += ms;
      return;
    }
    // What was written of it before its first sound.
    const waiting = last !== undefined && last.itemId === '' && Number.isNaN(last.cutMs) ? last : null;
    const entry = waiting ?? this.#add('agent', '');
    entry.itemId = itemId;
    entry.receivedMs += ms;
  }

  /** All audio of a phrase has come. */
  audioDone(itemId: string): void {
    const entry = this.#entries.findLast((each) => each.itemId === itemId);
    if (entry === undefined || entry.audioDone) return;
    entry.audioDone = true;
    if (entry === this.#nameless) this.#nameless = null;
    this.#measure(entry);
  }

  /** No more audio of a phrase comes, though more of its answer may. `words`: what of its text was made audio; absent: all of it. */
  spoken(itemId: string, words?: string): void {
    const entry = this.#entries.findLast((each) => each.itemId === itemId);
    // Of what was not to be written down there is nothing to be shortened.
    if (entry !== undefined && entry.text !== '' && words !== undefined)
      entry.text = words === '' ? '' : `${words.trim()}${CUT}`;
    this.audioDone(itemId);
  }

  /** The phrase was heard for `playedMs` and no longer. */
  cut(itemId: string, playedMs: number): void {
    const entry = this.#entries.findLast((each) => each.itemId === itemId);
    if (entry !== undefined && entry === this.#nameless) this.#nameless = null;
    if (entry === undefined || !Number.isNaN(entry.cutMs)) return;
    if (entry.audioDone && playedMs >= entry.receivedMs - 1) return;
    entry.cutMs = playedMs;
  }

  /** What comes from now on is another stream's. */
  streamEnded(): void {
    this.#nameless = null;
  }

  toolCall(call: PendingToolCall): void {
    this.#tools.set(call.toolCallId, call);
    let characters = 0;
    for (const each of this.#tools.values()) characters += charactersOf(each);
    for (const [toolCallId, each] of this.#tools) {
      if (this.#tools.size <= LIMITS.backendToolCalls && characters <= TOOL_CHARACTERS) return;
      characters -= charactersOf(each);
      this.#tools.delete(toolCallId);
    }
  }

  /** Its result was sent. */
  toolAnswered(toolCallId: string, outputJson: string): void {
    const call = this.#tools.get(toolCallId);
    if (call === undefined) return;
    this.#tools.delete(toolCallId);
    this.#answered.set(toolCallId, { call, outputJson });
    if (this.#answered.size <= LIMITS.backendToolCalls) return;
    const [oldest] = this.#answered.keys();
    if (oldest !== undefined) this.#answered.delete(oldest);
  }

  /** Functions whose results were sent, and of which nobody knows yet whether the agent has made anything of them. */
  get answeredCalls(): readonly AnsweredCall[] {
    return [...this.#answered.values()];
  }

  /** The agent goes on: it has the results that were sent. */
  responseStarted(): void {
    this.#answered.clear();
  }

  /** The stream that was given them is gone: they count as never sent, and are what the next one is owed. */
  takeBackAnswers(): [toolCallId: string, outputJson: string][] {
    const answered = this.answeredCalls;
    const open = this.pendingTools;
    this.#answered.clear();
    this.#tools.clear();
    for (const call of [...answered.map((each) => each.call), ...open]) this.toolCall(call);
    return answered.map(({ call, outputJson }) => [call.toolCallId, outputJson]);
  }

  /** Functions without a result, oldest first. */
  get pendingTools(): readonly PendingToolCall[] {
    return [...this.#tools.values()];
  }

  /** What was said and heard until now (behind `mark`, where one is given), oldest first; what waits to be said counts as heard. */
  history(mark = 0): readonly SpokenTurn[] {
    return this.#entries.slice(Math.max(0, mark - this.#gone)).flatMap((entry) => {
      const text = entry.by === 'caller' ? entry.text : this.#heardOf(entry);
      return text === '' ? [] : [{ by: entry.by, text }];
    });
  }

  /** Where the record ends now: for {@link agentSince} and {@link history}. */
  get mark(): number {
    return this.#gone + this.#entries.length;
  }

  /** What the caller has heard of the agent that was not there yet at `mark`, oldest first. */
  agentSince(mark: number): readonly string[] {
    const since = this.#entries.slice(Math.max(0, mark - this.#gone)).filter(({ by }) => by === 'agent');
    return since.map((entry) => this.#heardOf(entry)).filter((text) => text !== '');
  }

  /** The caller has spoken last, or has a turn whose words are not known. */
  get callerUnanswered(): boolean {
    return this.#entries.at(-1)?.by === 'caller';
  }

  /** Empty: they are not known. */
  get lastCallerText(): string {
    return this.#lastOf('caller')?.text ?? '';
  }

  #callerSaid(text: string): void {
    const sinceMs = this.#nowMs() - TRANSCRIPT_MS;
    const place = this.#entries.find(({ by, final, atMs }) => by === 'caller' && !final && atMs >= sinceMs);
    const entry = place ?? this.#add('caller', '');
    entry.text = text.trim().slice(0, LIMITS.historyTextCharacters);
    entry.final = true;
    this.#bound();
  }

  /** The entry that the agent's words belong to; null: to one that was cut off before a word of it was known. */
  #agentEntry(itemId: string): Entry | null {
    if (itemId !== '') {
      const known = this.#entries.findLast((entry) => entry.itemId === itemId);
      if (known !== undefined) return known;
      const waiting = this.#lastOf('agent');
      if (waiting !== undefined && waiting.itemId === '' && !waiting.final) return this.#named(waiting, itemId);
      return this.#named(this.#add('agent', ''), itemId);
    }
    if (this.#nameless !== null) return this.#nameless;
    const last = this.#lastOf('agent');
    if (last === undefined || last.final) return this.#add('agent', '');
    return last;
  }

  #named(entry: Entry, itemId: string): Entry {
    entry.itemId = itemId;
    return entry;
  }

  #heardOf(entry: Entry): string {
    const { text, cutMs, receivedMs, audioDone } = entry;
    // Words without any sound were never heard.
    if (receivedMs === 0) return '';
    if (Number.isNaN(cutMs) && audioDone) return text.trim();
    const heardMs = Number.isNaN(cutMs) ? receivedMs : cutMs;
    const whole = audioDone && entry.final;
    const pace = this.#spokenMs > 0 ? this.#characters / this.#spokenMs : USUAL_PACE;
    const characters = whole ? (text.length * heardMs) / receivedMs : heardMs * pace;
    const heard = wordsWithin(text, characters);
    return heard === '' ? '' : `${heard}${CUT}`;
  }

  /** Learns how fast this agent speaks. */
  #measure({ text, final, audioDone, cutMs, receivedMs }: Entry): void {
    if (!final || !audioDone || !Number.isNaN(cutMs)) return;
    this.#characters += text.length;
    this.#spokenMs += receivedMs;
  }

  #lastOf(by: Speaker): Entry | undefined {
    return this.#entries.findLast((entry) => entry.by === by);
  }

  #add(by: Speaker, text: string): Entry {
    const entry: Entry = {
      by,
      text,
      final: false,
      itemId: '',
      receivedMs: 0,
      audioDone: false,
      cutMs: Number.NaN,
      atMs: this.#nowMs(),
    };
    this.#entries.push(entry);
    this.#bound();
    return entry;
  }

  /** The oldest goes. */
  #bound(): void {
    let characters = 0;
    for (const { text } of this.#entries) characters += text.length;
    while (this.#entries.length > 1) {
      if (this.#entries.length <= LIMITS.historyTurns && characters <= LIMITS.historyCharacters) return;
      characters -= this.#entries.shift()?.text.length ?? 0;
      this.#gone += 1;
    }
  }
}

function charactersOf({ toolCallId, name, argumentsJson }: PendingToolCall): number {
  return toolCallId.length + name.length + argumentsJson.length;
}

/** The whole words among the first `characters` of `text`. */
function wordsWithin(text: string, characters: number): string {
  const trimmed = text.trim();
  if (characters >= trimmed.length) return trimmed;
  const part = trimmed.slice(0, Math.max(0, Math.floor(characters)));
  if (/\s/.test(trimmed.charAt(part.length))) return part.trim();
  const end = part.search(/\s\S*$/);
  return end === -1 ? '' : part.slice(0, end).trim();
}
