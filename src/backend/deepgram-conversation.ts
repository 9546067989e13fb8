/**
 * The dialogue with a Voice Agent, once it is set up: messages in, sink calls and messages out. It knows no socket and no
 * audio bytes; time is handed to it.
 *
 * Deepgram names neither answers nor phrases, so both are made here: one answer is one item, from its first audio (or
 * `AgentStartedSpeaking`) to `AgentAudioDone`. Nor is there an order to stop one: what was called off by us is thrown away
 * as it comes, and what Deepgram itself broke off (`UserStartedSpeaking`) has nothing more to come but stragglers.
 */
import type { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { AnswerDue } from './answer-due.ts';
import type { BackendCall, BackendSink } from './backend.ts';
import type { DeepgramCall, DeepgramEvent, DeepgramFault } from './deepgram-event.ts';
import { APPROACHING_CODE, deepgramError, deepgramWarning } from './deepgram-fault.ts';

/** What we say; audio and `Settings` have ways of their own. */
export type DeepgramClientMessage =
  | { readonly type: 'InjectUserMessage'; readonly content: string }
  | { readonly type: 'InjectAgentMessage'; readonly message: string; readonly behavior: 'queue' }
  | { readonly type: 'UpdatePrompt'; readonly prompt: string }
  | { readonly type: 'ForceEndTurn' }
  | { readonly type: 'KeepAlive' }
  | {
      readonly type: 'FunctionCallResponse';
      readonly id: string;
      readonly name: string;
      readonly content: string;
      readonly thought_signature?: string;
    };

/** What a conversation is made of. */
export interface DeepgramConversationOptions {
  readonly backend: string;
  readonly secrets: readonly string[];
  readonly responseTimeoutMs: number;
  /** Whether the agent's ears take orders to end a turn. */
  readonly endsTurnsOnOrder: boolean;
  readonly sink: BackendSink;
  /** Sends a message; without effect once the stream is over. */
  readonly send: (message: DeepgramClientMessage) => void;
  /** Deepgram has said that the session ends soon. */
  readonly expiring: () => void;
  /** The session cannot go on. */
  readonly end: (error: TalkspurtError) => void;
}

/** Counters of one conversation. */
export interface DeepgramConversationStats {
  responses: number;
  /** Agent audio that came for an answer which was called off or broken off, in bytes. */
  lateAudioBytes: number;
  /** Results of function calls that were called off meanwhile. */
  droppedResults: number;
  warnings: number;
}

/** One answer of the agent's that has begun. */
interface Answer {
  readonly id: string;
  /** The sink knows of it. */
  readonly told: boolean;
  /** We called it off: what still comes of it is not wanted. */
  calledOff: boolean;
}

/** One conversation; see the top of the file. */
export class DeepgramConversation {
  readonly stats: DeepgramConversationStats = { responses: 0, lateAudioBytes: 0, droppedResults: 0, warnings: 0 };
  readonly #options: DeepgramConversationOptions;
  readonly #sink: BackendSink;
  #answer: Answer | null = null;
  /** An answer's words came, and nothing of its voice. */
  #announced = false;
  /** The answer that is due was called off before it began. */
  #calledOffEarly = false;
  /** Deepgram broke an answer off: audio belongs to it until something else is said. */
  #brokenOff = false;
  #callerSpeaks = false;
  readonly #due: AnswerDue;
  /** Texts of ours that Deepgram will say were the caller's. */
  readonly #injected: string[] = [];
  /** Function calls without a result yet. */
  readonly #calls = new Map<string, DeepgramCall>();
  /** The latest that have one. */
  readonly #answered = new Set<string>();
  /** Those of an agent before this one, by their names. */
  readonly #restored = new Map<string, string>();

  constructor(options: DeepgramConversationOptions) {
    this.#options = options;
    this.#sink = options.sink;
    this.#due = new AnswerDue(options.backend, options.responseTimeoutMs);
  }

  /** Whether Deepgram answers, or should. */
  get answerDue(): boolean {
    return this.#due.isDue;
  }

  handle(event: DeepgramEvent, nowMs: number): void {
    switch (event.type) {
      case 'UserStartedSpeaking':
        this.#callerStarted();
        return;
      case 'ConversationText':
        if (event.by === 'caller') this.#callerSaid(event.text, nowMs);
        else this.#agentSays(event.text, nowMs);
        return;
      case 'AgentThinking':
        this.#callerDone();
        this.#due.ask(nowMs);
        return;
      case 'AgentStartedSpeaking':
        this.#agentStarts(nowMs);
        return;
      case 'AgentAudioDone':
        this.#agentDone();
        return;
      case 'FunctionCallRequest':
        this.#callerDone();
        // The next word is ours, however long that takes.
        if (event.calls.length > 0) this.#due.stop();
        for (const call of event.calls) this.#surface(call);
        return;
      case 'FunctionCallCancelled':
        for (const toolCallId of event.toolCallIds) this.#calls.delete(toolCallId);
        return;
      case 'Warning':
      case 'InjectionRefused':
        this.#warned(event.fault);
        return;
      case 'Error':
        this.#options.end(deepgramError(this.#options.backend, 'session', event.fault, this.#options.secrets));
        return;
      default:
    }
  }

  /** Agent audio arrived: the item that it belongs to, or null when it is not to be heard. */
  admitAudio(bytes: number, nowMs: number): string | null {
    if (!this.#brokenOff) {
      this.#answer ??= this.#begin();
      this.#due.expect(nowMs);
      if (!this.#answer.calledOff) return this.#answer.id;
    }
    this.stats.lateAudioBytes += bytes;
    return null;
  }

  /**
   * The caller cut in while `itemId` was heard (null: nothing was): nothing more of the answer under way, and where nothing was
   * heard nothing of the one that is due. What was due while something was still heard answers the turn that cut in.
   */
  cancel(itemId: string | null): void {
    if (this.#answer !== null) this.#answer.calledOff = true;
    else if (itemId === null && (this.#announced || this.#due.isDue)) this.#calledOffEarly = true;
    else return;
    this.#due.stop();
  }

  /** Ends the caller's turn where Deepgram can be told to. */
  commitTurn(nowMs: number): void {
    if (!this.#options.endsTurnsOnOrder) return;
    this.#options.send({ type: 'ForceEndTurn' });
    this.#due.ask(nowMs);
  }

  /** The only way to have the agent find words without the caller having spoken: to tell it what a caller might. */
  requestResponse(instructions: string | undefined, nowMs: number): void {
    this.sendText(instructions ?? 'Please begin.', nowMs);
  }

  sendText(text: string, nowMs: number): void {
    this.#injected.push(text.trim());
    if (this.#injected.length > LIMITS.deepgramInjectedTexts) this.#injected.shift();
    this.#options.send({ type: 'InjectUserMessage', content: text });
    this.#calledOffEarly = false;
    this.#due.ask(nowMs);
  }

  /** Behind what the agent is saying: Deepgram would refuse it otherwise. */
  say(text: string, nowMs: number): void {
    this.#options.send({ type: 'InjectAgentMessage', message: text, behavior: 'queue' });
    this.#calledOffEarly = false;
    this.#due.ask(nowMs);
  }

  /** Functions of an agent before this one, which Deepgram takes no result of: that is told in words. */
  restore(toolCalls: NonNullable<BackendCall['toolCalls']>): void {
    for (const { toolCallId, name } of toolCalls.slice(-LIMITS.backendToolCalls)) this.#restored.set(toolCallId, name);
  }

  sendToolResult(toolCallId: string, outputJson: string, nowMs: number): void {
    const restored = this.#restored.get(toolCallId);
    if (restored !== undefined) {
      this.#restored.delete(toolCallId);
      this.sendText(`The function ${restored}, which you called before, has returned: ${outputJson}`, nowMs);
      return;
    }
    const call = this.#calls.get(toolCallId);
    if (call === undefined) {
      this.stats.droppedResults += 1;
      return;
    }
    this.#calls.delete(toolCallId);
    this.#answered.add(toolCallId);
    if (this.#answered.size > LIMITS.backendToolCalls) {
      const [oldest] = this.#answered;
      if (oldest !== undefined) this.#answered.delete(oldest);
    }
    const { name, thoughtSignature } = call;
    this.#options.send({
      type: 'FunctionCallResponse',
      id: toolCallId,
      name,
      content: outputJson,
      ...(thoughtSignature !== undefined && { thought_signature: thoughtSignature }),
    });
    if (this.#calls.size === 0) this.#due.ask(nowMs);
  }

  /**
   * To be called about once a second: an answer that was asked for, or that had begun, and shows no sign of life ends the session,
   * so that another one is asked. One that only the caller's words let us expect is complained of.
   */
  watch(nowMs: number): void {
    const missed = this.#due.missed(nowMs, this.#answer);
    if (missed === null) return;
    const { error, awaited } = missed;
    this.#announced = false;
    if (awaited) return this.#options.end(error);
    this.#sink.onError(error);
    this.#finish('failed');
  }

  /** Deepgram hears the caller, and has stopped what it was saying. */
  #callerStarted(): void {
    this.#due.stop();
    this.#callerSpeaks = true;
    // First, so that a session knows what it was that was being said when it was cut off.
    this.#sink.onSpeech('started');
    this.#calledOffEarly = false;
    this.#brokenOff ||= this.#answer !== null || this.#announced;
    this.#announced = false;
    this.#finish('cancelled');
  }

  /** The end of the caller's speech has no message of its own: it is what Deepgram does next. */
  #callerDone(): void {
    if (!this.#callerSpeaks) return;
    this.#callerSpeaks = false;
    this.#sink.onSpeech('stopped');
  }

  #callerSaid(text: string, nowMs: number): void {
    const injected = this.#injected.indexOf(text.trim());
    if (injected !== -1) this.#injected.splice(injected, 1);
    else this.#callerDone();
    // A turn of its own: what comes from here on answers it.
    this.#brokenOff = false;
    if (injected === -1) this.#calledOffEarly = false;
    if (this.#answer?.calledOff === true) this.#finish('cancelled');
    this.#due.expect(nowMs);
    if (injected === -1 && text !== '') this.#sink.onTranscript('caller', text, true);
  }

  #agentSays(text: string, nowMs: number): void {
    this.#callerDone();
    this.#brokenOff = false;
    if (this.#answer === null) this.#announced = true;
    if (this.#due.isDue) this.#due.expect(nowMs);
    const wanted = !this.#calledOffEarly && this.#answer?.calledOff !== true;
    if (wanted && text !== '') this.#sink.onTranscript('agent', text, true);
  }

  #agentStarts(nowMs: number): void {
    this.#callerDone();
    this.#brokenOff = false;
    // Said once for each answer: this is another one.
    if (this.#answer?.calledOff === true) this.#finish('cancelled');
    this.#answer ??= this.#begin();
    this.#due.expect(nowMs);
  }

  #agentDone(): void {
    this.#brokenOff = false;
    this.#announced = false;
    this.#calledOffEarly = false;
    this.#due.stop();
    this.#finish(this.#answer?.calledOff === true ? 'cancelled' : 'completed');
  }

  #surface(call: DeepgramCall): void {
    // Asked for twice is to be done once.
    if (this.#calls.has(call.toolCallId) || this.#answered.has(call.toolCallId)) return;
    // What it was called with has been told, and may be long.
    this.#calls.set(call.toolCallId, { ...call, argumentsJson: '' });
    if (this.#calls.size > LIMITS.backendToolCalls) {
      const [oldest] = this.#calls.keys();
      if (oldest !== undefined) this.#calls.delete(oldest);
    }
    this.#sink.onToolCall(call.toolCallId, call.name, call.argumentsJson);
  }

  #warned(fault: DeepgramFault): void {
    if (fault.code === APPROACHING_CODE) {
      this.#options.expiring();
      return;
    }
    this.stats.warnings += 1;
    this.#sink.onError(deepgramWarning(this.#options.backend, fault, this.#options.secrets));
  }

  #begin(): Answer {
    this.stats.responses += 1;
    const id = `${this.#options.backend}-${this.stats.responses}`;
    // Called off before it began: the sink never hears of it.
    const calledOff = this.#calledOffEarly;
    this.#calledOffEarly = false;
    this.#announced = false;
    if (!calledOff) this.#sink.onResponseStarted(id);
    return { id, told: !calledOff, calledOff };
  }

  /** Tells the sink once, and only of an answer that it has seen begin. */
  #finish(status: 'completed' | 'cancelled' | 'failed'): void {
    const answer = this.#answer;
    this.#answer = null;
    if (answer?.told !== true) return;
    if (!answer.calledOff) this.#sink.onAudioDone(answer.id);
    this.#sink.onResponseDone(answer.id, status);
  }
}
