/** One connection to the embedded Gemini Live server: `BidiGenerateContent` as its documentation has it, over any way to send. */
import { randomUUID } from 'node:crypto';
import type { Timer } from '../core/clock.ts';
import type { AgentTurn } from './dialogue-talk.ts';
import { normalisePhrase, phrasesOf } from './dialogue.ts';
import type { DialogueCall } from './dialogue.ts';
import { GeminiAnswer } from './gemini-answer.ts';
import { GeminiConversation } from './gemini-conversation.ts';
import type { GeminiConversations } from './gemini-conversation.ts';
import type { GeminiBehaviour, GeminiCount, GeminiServerContent, GeminiServerMessage } from './gemini-message.ts';
import { GeminiRefusal } from './gemini-refusal.ts';
import { readClientMessage } from './gemini-schema.ts';
import type {
  GeminiClientContent,
  GeminiClientMessage,
  GeminiRealtimeInput,
  GeminiSetupMessage,
  GeminiToolResponse,
  GeminiVersion,
} from './gemini-schema.ts';
import { GEMINI_INPUT, GeminiSetup, formatOfMimeType } from './gemini-setup.ts';
import { RealtimeAudio } from './realtime-audio.ts';
import type { HeardEdge } from './realtime-audio.ts';
import { activeLevelDbov } from './wire-audio.ts';

/** What a session tells the one who runs it. */
export interface GeminiSessionHost {
  send(message: GeminiServerMessage, audioMs: number): void;
  /** Closes the connection after what was sent. */
  end(refusal: GeminiRefusal): void;
  count(what: GeminiCount, by: number): void;
}

/** All that a setup has brought about. */
interface Running {
  readonly setup: GeminiSetup;
  readonly conversation: GeminiConversation;
  readonly audio: RealtimeAudio;
}

/** From the upgrade to `close`; owns a signal chain once there is a setup, an answer and its timers. */
export class GeminiServerSession {
  readonly #behaviour: GeminiBehaviour;
  readonly #conversations: GeminiConversations;
  readonly #version: GeminiVersion;
  readonly #host: GeminiSessionHost;
  readonly #timers: Timer[];
  #running: Running | null = null;
  #answer: GeminiAnswer | null = null;
  /** What is to be answered when the turn at hand is over, where nobody may cut in. */
  #next: (() => Promise<AgentTurn>) | null = null;
  /** Written turns are history still. */
  #readsHistory = false;
  #inActivity = false;
  /** What was written in it. */
  #written: string | null = null;
  #goingAway = false;
  #closed = false;

  constructor(
    behaviour: GeminiBehaviour,
    conversations: GeminiConversations,
    version: GeminiVersion,
    host: GeminiSessionHost,
  ) {
    const { clock, connectionMs } = behaviour;
    const goAwayMs = Math.min(behaviour.goAwayMs, connectionMs);
    this.#behaviour = behaviour;
    this.#conversations = conversations;
    this.#version = version;
    this.#host = host;
    this.#timers = [clock.after(connectionMs - goAwayMs, () => this.goAway(goAwayMs))];
  }

  /** One message of the client's, in whatever kind of frame. */
  receive(data: Buffer): void {
    if (this.#closed) return;
    try {
      this.#dispatch(readClientMessage(data.toString('utf8'), this.#version));
    } catch (error) {
      if (!(error instanceof GeminiRefusal)) throw error;
      this.#fail(error);
    }
  }

  /** Tells the client that the connection ends in `leftMs`, and ends it then. Twice is harmless. */
  goAway(leftMs: number): void {
    if (this.#closed || this.#goingAway) return;
    this.#goingAway = true;
    this.#send({ goAway: { timeLeft: `${leftMs / 1000}s` } });
    this.#timers.push(this.#behaviour.clock.after(leftMs, () => this.#fail(GeminiRefusal.aborted())));
  }

  /** Frees everything; nothing is sent any more. The conversation stays, for whoever has a handle. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#answer?.stop();
    if (this.#running === null) return;
    const { audio, conversation } = this.#running;
    audio.close();
    conversation.connections -= 1;
    conversation.leftMs = this.#behaviour.clock.nowMs();
  }

  #dispatch({ setup, clientContent, realtimeInput, toolResponse, contextUpdate }: GeminiClientMessage): void {
    const running = this.#running;
    if ((setup === undefined) === (running === null)) throw GeminiRefusal.setupFirst();
    if (setup !== undefined) this.#begin(setup);
    else if (running === null) throw GeminiRefusal.setupFirst();
    else if (clientContent !== undefined) this.#onContent(clientContent, running);
    else if (realtimeInput !== undefined) this.#onRealtime(realtimeInput, running);
    else if (toolResponse !== undefined) this.#onResults(toolResponse, running);
    else if (contextUpdate !== undefined) running.conversation.addText(running.setup.update(contextUpdate));
    else throw GeminiRefusal.invalid();
  }

  #begin(message: GeminiSetupMessage): void {
    const { clock, dspPool, dialogue, sessionMs, knowsModel } = this.#behaviour;
    const fault = this.#behaviour.fault();
    const setup = new GeminiSetup(message, this.#version, knowsModel);
    if (fault?.kind === 'quota') throw GeminiRefusal.quota();
    if (fault?.kind === 'stalled-setup') return;
    const { model, handle } = setup;
    const nowMs = clock.nowMs();
    const conversation =
      handle === null || handle === ''
        ? new GeminiConversation(model, dialogue, nowMs)
        : this.#conversations.find(handle, model, nowMs);
    const audio = new RealtimeAudio(dspPool, GEMINI_INPUT, setup.vad, (edge) => this.#onEdge(edge));
    conversation.connections += 1;
    conversation.addText(setup.instructions);
    this.#running = { setup, conversation, audio };
    this.#readsHistory = setup.historyFirst;
    if (handle !== null && handle !== '') this.#host.count('sessionsResumed', 1);
    if (!setup.compresses) {
      const leftMs = conversation.startedMs + sessionMs - nowMs;
      const full = GeminiRefusal.invalid('The input token count exceeds the maximum number of tokens allowed.');
      this.#timers.push(clock.after(Math.max(0, leftMs), () => this.#fail(full)));
    }
    this.#send({ setupComplete: {} });
    this.#tellHandle();
  }

  #onRealtime(input: GeminiRealtimeInput, { setup, audio }: Running): void {
    if (input.mediaChunks !== undefined) {
      throw GeminiRefusal.invalid('realtime_input.media_chunks is deprecated. Use audio, video, or text instead.');
    }
    if (setup.vad !== null && (input.activityStart ?? input.activityEnd) !== undefined) {
      const why = 'Explicit activity control is not supported when automatic activity detection is enabled.';
      throw GeminiRefusal.invalid(why);
    }
    if (setup.vad === null && input.audioStreamEnd === true) throw GeminiRefusal.invalid();
    // Nobody is heard before all of the history was read.
    if (this.#readsHistory) return;
    if (input.activityStart !== undefined) {
      this.#inActivity = true;
      this.#written = null;
      audio.clear();
      this.#onSpeech();
    }
    if (input.audio !== undefined) this.#hear(input.audio, audio);
    if (input.video !== undefined && !/^image\/\w+$/.test(input.video.mimeType ?? '')) throw GeminiRefusal.invalid();
    if (input.text !== undefined) this.#onText(input.text);
    if (input.audioStreamEnd === true && audio.speaking) this.#endTurn(audio.turnMs);
    if (input.activityEnd === undefined || !this.#inActivity) return;
    this.#inActivity = false;
    if (this.#written === null) this.#endTurn(audio.turnMs);
    else this.#answerText(this.#written);
  }

  #hear({ data = '', mimeType }: { readonly data?: string; readonly mimeType?: string }, audio: RealtimeAudio): void {
    const format = formatOfMimeType(mimeType);
    if (format.sampleRateHz !== audio.format.sampleRateHz) audio.configure(format, this.#running?.setup.vad ?? null);
    const before = audio.receivedMs;
    audio.append(Buffer.from(data, 'base64'));
    this.#host.count('heardMs', audio.receivedMs - before);
  }

  #onEdge(edge: HeardEdge): void {
    if (edge.type === 'started') this.#onSpeech();
    else this.#endTurn(edge.speechMs);
  }

  #onSpeech(): void {
    if (this.#running?.setup.interrupts === true) this.#interrupt();
  }

  /** The caller's turn at hand becomes text, and gets an answer. */
  #endTurn(speechMs: number): void {
    if (this.#running === null) return;
    const { audio, conversation, setup } = this.#running;
    const { sampleRateHz } = audio.format;
    const samples = audio.commit();
    conversation.addAudio((samples.length * 1000) / sampleRateHz);
    this.#host.count('turns', 1);
    this.#respond(async () => {
      const text = await this.#understand(samples, sampleRateHz);
      const levelDbov = activeLevelDbov(samples, sampleRateHz);
      const measured = `(${(speechMs / 1000).toFixed(1)} s of speech at ${Math.round(levelDbov)} dBov)`;
      if (setup.transcribesInput) this.#transcribe(text ?? measured);
      return conversation.talk.answer({ durationMs: speechMs, levelDbov, text }, setup.functions);
    });
  }

  /** In pieces, as the service does it: they are to be put together as they are. */
  #transcribe(words: string): void {
    for (const text of words.match(/(?:\s*\S+){1,3}/g) ?? []) this.#tell({ inputTranscription: { text } });
  }

  /** Never rejects: without hearing, or when it fails, nothing was understood. */
  async #understand(samples: Int16Array, sampleRateHz: number): Promise<string | null> {
    const { hearing, dialogue } = this.#behaviour;
    return hearing === null ? null : await hearing.recognise(samples, sampleRateHz, phrasesOf(dialogue));
  }

  #onContent({ turns = [], turnComplete = false }: GeminiClientContent, { conversation, setup }: Running): void {
    if (!this.#readsHistory && setup.generation >= 3) throw GeminiRefusal.invalid();
    for (const { role = 'user', parts = [] } of turns) {
      if (role !== 'user' && role !== 'model') throw GeminiRefusal.invalid('Please use a valid role: user, model.');
      if (parts.length === 0 || parts.some((part) => Object.keys(part).length === 0)) throw GeminiRefusal.invalid();
      const text = parts.map((part) => part.text ?? '').join(' ');
      conversation.addText(text);
      conversation.unanswered = role === 'user' ? text : null;
    }
    if (this.#readsHistory) {
      this.#readsHistory = !turnComplete;
      if (turnComplete) conversation.unanswered = null;
      return;
    }
    this.#interrupt();
    if (!turnComplete) return;
    const text = conversation.unanswered;
    conversation.unanswered = null;
    this.#answerText(text);
  }

  /** Words in the place of speech. */
  #onText(text: string): void {
    this.#running?.conversation.addText(text);
    // It is part of the client's turn, which the client will end.
    if (this.#inActivity) this.#written = text;
    else {
      this.#onSpeech();
      this.#answerText(text);
    }
  }

  /** What is no line of the script is taken as a wish to hear something. */
  #answerText(text: string | null): void {
    if (this.#running === null) return;
    const { conversation, setup } = this.#running;
    const isKnown = text !== null && phrasesOf(this.#behaviour.dialogue).includes(normalisePhrase(text));
    const turn = { durationMs: 0, levelDbov: -127, text };
    this.#host.count('turns', 1);
    this.#respond(() =>
      Promise.resolve(isKnown ? conversation.talk.answer(turn, setup.functions) : conversation.talk.unasked()),
    );
  }

  #onResults({ functionResponses = [] }: GeminiToolResponse, { conversation }: Running): void {
    if (functionResponses.length === 0) throw GeminiRefusal.invalid();
    for (const { id, response } of functionResponses) {
      if (id === undefined || response === undefined || !conversation.knowsCall(id)) throw GeminiRefusal.invalid();
      // One that was called off meanwhile is dropped.
      if (!conversation.calls.has(id)) continue;
      conversation.settle(id);
      this.#start(Promise.resolve(conversation.talk.afterCall(JSON.stringify(response))));
    }
  }

  /** A turn of the agent's, now or after the one at hand. */
  #respond(plan: () => Promise<AgentTurn>): void {
    const conversation = this.#running?.conversation;
    if (this.#answer !== null || (conversation?.calls.size ?? 0) > 0) {
      this.#next = plan;
      return;
    }
    if (this.#behaviour.handles === 'turns' && this.#running?.setup.resumable === true) {
      this.#send({ sessionResumptionUpdate: {} });
    }
    this.#start(plan());
  }

  #start(plan: Promise<AgentTurn>): void {
    const { clock, speech, voice, thinkMs, pieceMs, speedUp, waitsForPlayback } = this.#behaviour;
    const fault = this.#behaviour.fault();
    const setup = this.#running?.setup;
    if (setup === undefined || fault?.kind === 'no-response') return;
    if (fault?.kind === 'close') return this.#fail(new GeminiRefusal(fault.code, fault.reason));
    if (fault?.kind === 'quota') return this.#fail(GeminiRefusal.quota());
    const answer = new GeminiAnswer({
      ...{ plan, clock, thinkMs, pieceMs, speedUp, waitsForPlayback, transcribes: setup.transcribesOutput },
      together: setup.generation >= 3,
      say: (sentence) => speech.synthesize(sentence, voice, 1),
      send: (content, audioMs) => {
        if (!this.#closed) this.#host.count('saidMs', audioMs);
        this.#tell(content, audioMs);
      },
      onCall: (call) => this.#call(call),
      onDone: () => this.#completeTurn(answer.saidMs),
      onFailed: () => this.#fail(GeminiRefusal.internal()),
    });
    this.#answer = answer;
    this.#host.count('answers', 1);
    answer.start();
  }

  #call({ name, arguments: args }: DialogueCall): void {
    this.#answer = null;
    const id = `function-call-${randomUUID()}`;
    this.#running?.conversation.calls.set(id, { name, arguments: args });
    this.#host.count('toolCalls', 1);
    this.#send({ toolCall: { functionCalls: [{ id, name, args: { ...args } }] } });
  }

  /** The agent falls silent: what it had to say is forgotten, and what it has asked for is called off. */
  #interrupt(): void {
    const ids = [...(this.#running?.conversation.calls.keys() ?? [])];
    const answer = this.#answer;
    this.#next = null;
    if (answer === null && ids.length === 0) return;
    answer?.stop();
    this.#host.count('answersInterrupted', 1);
    this.#tell({ interrupted: true });
    for (const id of ids) this.#running?.conversation.settle(id);
    if (ids.length > 0) this.#send({ toolCallCancellation: { ids } });
    this.#completeTurn(answer?.saidMs ?? 0);
  }

  #completeTurn(saidMs: number): void {
    this.#answer = null;
    const usageMetadata = this.#running?.conversation.bill(saidMs);
    const serverContent = { turnComplete: true } as const;
    this.#send(usageMetadata === undefined ? { serverContent } : { serverContent, usageMetadata });
    if (this.#behaviour.handles === 'turns') this.#tellHandle();
    const next = this.#next;
    this.#next = null;
    if (next !== null) this.#respond(next);
  }

  #tellHandle(): void {
    if (this.#running === null || !this.#running.setup.resumable) return;
    const newHandle = this.#conversations.handleOf(this.#running.conversation);
    this.#send({ sessionResumptionUpdate: { newHandle, resumable: true } });
  }

  #tell(serverContent: GeminiServerContent, audioMs = 0): void {
    this.#send({ serverContent }, audioMs);
  }

  #fail(refusal: GeminiRefusal): void {
    if (this.#closed) return;
    this.#host.count('refusals', 1);
    this.close();
    this.#host.end(refusal);
  }

  #send(message: GeminiServerMessage, audioMs = 0): void {
    if (!this.#closed) this.#host.send(message, audioMs);
  }
}
