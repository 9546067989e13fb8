/** One client of the embedded Voice Agent: Deepgram's protocol as its documentation has it, over any way to send. */
import { randomUUID } from 'node:crypto';
import type { Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { DeepgramAnswer } from './deepgram-answer.ts';
import type { DeepgramBehaviour, DeepgramCount, DeepgramServerMessage } from './deepgram-message.ts';
import { ClientMessage } from './deepgram-schema.ts';
import type { DeepgramClientMessage, SettingsMessage } from './deepgram-schema.ts';
import { DeepgramAgentSettings, DeepgramRefusal } from './deepgram-agent-settings.ts';
import { DialogueTalk } from './dialogue-talk.ts';
import type { AgentTurn } from './dialogue-talk.ts';
import { normalisePhrase, phrasesOf } from './dialogue.ts';
import type { DialogueCall } from './dialogue.ts';
import { RealtimeAudio } from './realtime-audio.ts';
import type { HeardEdge } from './realtime-audio.ts';
import { activeLevelDbov } from './wire-audio.ts';

/** What a session tells the one who runs it. */
export interface DeepgramSessionHost {
  send(message: DeepgramServerMessage): void;
  sendAudio(audio: Uint8Array, audioMs: number): void;
  /** Closes the connection after what was sent. */
  end(): void;
  count(what: DeepgramCount, by: number): void;
}

const VAD = { threshold: 0.5, prefixPaddingMs: 300, silenceDurationMs: 500 };
const IDLE_CHECK_MS = 1_000;
const EXPIRY_NOTICE_MS = 5 * 60_000;
/** Messages of the agent's that wait to be said. */
const QUEUED = 16;

/** From `Welcome` to `close`; owns a signal chain once there are settings, an answer and its timers. */
export class DeepgramServerSession {
  readonly #behaviour: DeepgramBehaviour;
  readonly #host: DeepgramSessionHost;
  readonly #talk: DialogueTalk;
  readonly #timers: readonly Timer[];
  readonly #queue: string[] = [];
  /** The function calls that wait for their result. */
  readonly #calls = new Map<string, DialogueCall>();
  #settings: DeepgramAgentSettings | null = null;
  #audio: RealtimeAudio | null = null;
  #answer: DeepgramAnswer | null = null;
  #heardAtMs: number;
  #closed = false;

  /** Says `Welcome`. */
  constructor(behaviour: DeepgramBehaviour, host: DeepgramSessionHost) {
    const { clock, sessionMs, dialogue } = behaviour;
    this.#behaviour = behaviour;
    this.#host = host;
    this.#talk = new DialogueTalk(dialogue);
    this.#heardAtMs = clock.nowMs();
    this.#timers = [
      clock.every(IDLE_CHECK_MS, () => this.#checkIdle()),
      clock.after(sessionMs - EXPIRY_NOTICE_MS, () => this.#noticeExpiry()),
      clock.after(sessionMs, () =>
        this.#fail('MAXIMUM_SESSION_LENGTH_REACHED', 'The session reached its maximum length.'),
      ),
    ];
    this.#send({ type: 'Welcome', request_id: randomUUID() });
  }

  /** One message of the client's: audio, or JSON. */
  receive(data: Buffer, isBinary: boolean): void {
    if (this.#closed) return;
    this.#heardAtMs = this.#behaviour.clock.nowMs();
    if (isBinary) this.#hear(data);
    else this.#read(data.toString('utf8'));
  }

  /** Frees everything; nothing is sent any more. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#answer?.stop();
    this.#audio?.close();
  }

  #hear(audio: Buffer): void {
    if (this.#audio === null) {
      this.#fail('NON_SETTINGS_MESSAGE_BEFORE_SETTINGS', 'Audio came before a Settings message.');
      return;
    }
    const before = this.#audio.receivedMs;
    this.#audio.append(audio);
    this.#host.count('heardMs', this.#audio.receivedMs - before);
  }

  #read(text: string): void {
    const message = parse(text);
    if (message === null) {
      this.#fail('UNPARSABLE_CLIENT_MESSAGE', 'Error parsing client message. Check the agent API documentation.');
    } else if (message.type === 'Settings') {
      this.#apply(message);
    } else if (this.#settings === null) {
      this.#fail('NON_SETTINGS_MESSAGE_BEFORE_SETTINGS', `A ${message.type} message came before a Settings message.`);
    } else {
      this.#dispatch(message, this.#settings);
    }
  }

  #apply(message: SettingsMessage): void {
    if (this.#settings !== null) {
      this.#fail('SETTINGS_ALREADY_APPLIED', 'A Settings message came after settings had been applied.');
      return;
    }
    if (this.#behaviour.fault()?.kind === 'stalled-settings') return;
    try {
      this.#settings = new DeepgramAgentSettings(message);
    } catch (error) {
      if (!(error instanceof DeepgramRefusal)) throw error;
      this.#fail(error.code, error.message);
      return;
    }
    const { dspPool } = this.#behaviour;
    this.#audio = new RealtimeAudio(dspPool, this.#settings.inputFormat, VAD, (edge) => this.#onEdge(edge));
    this.#send({ type: 'SettingsApplied' });
    const { greeting } = this.#settings;
    if (greeting.length > 0) this.#respond(Promise.resolve({ sentences: greeting }), 0);
  }

  #dispatch(message: Exclude<DeepgramClientMessage, SettingsMessage>, settings: DeepgramAgentSettings): void {
    switch (message.type) {
      case 'KeepAlive':
        this.#host.count('keepAlives', 1);
        return;
      case 'UpdatePrompt':
        return this.#send({ type: 'PromptUpdated' });
      case 'UpdateSpeak':
        return this.#send({ type: 'SpeakUpdated' });
      case 'UpdateThink':
        settings.think = message.think;
        return this.#send({ type: 'ThinkUpdated' });
      case 'UpdateListen':
        settings.listen = message.listen.provider;
        return this.#send({ type: 'ListenUpdated' });
      case 'ForceEndTurn':
        return this.#forceEndTurn(settings);
      case 'InjectUserMessage':
        return this.#injectUser(message.content);
      case 'InjectAgentMessage':
        return this.#injectAgent(message.message, message.behavior ?? 'default');
      case 'FunctionCallResponse':
        return this.#onResult(message.id ?? '', message.content);
    }
  }

  #onEdge(edge: HeardEdge): void {
    if (edge.type === 'stopped') {
      this.#endTurn(edge.speechMs);
      return;
    }
    this.#send({ type: 'UserStartedSpeaking' });
    this.#interrupt();
    const cancelled = [...this.#calls].map(([id, { name }]) => ({ id, name }));
    this.#calls.clear();
    if (cancelled.length > 0) this.#send({ type: 'FunctionCallCancelled', functions: cancelled });
  }

  /** The turn at hand becomes text, and gets an answer. */
  #endTurn(speechMs: number): void {
    const audio = this.#audio;
    if (audio === null) return;
    const { sampleRateHz } = audio.format;
    const samples = audio.commit();
    this.#host.count('turns', 1);
    const heard = this.#understand(samples, sampleRateHz).then((text) => {
      const levelDbov = activeLevelDbov(samples, sampleRateHz);
      const words = `(${(speechMs / 1000).toFixed(1)} s of speech at ${Math.round(levelDbov)} dBov)`;
      this.#told('user', text ?? words);
      this.#send({ type: 'AgentThinking', content: '' });
      return { durationMs: speechMs, levelDbov, text };
    });
    this.#respond(heard.then((turn) => this.#talk.answer(turn, this.#settings?.functions ?? new Set())));
  }

  /** Never rejects: without hearing, or when it fails, nothing was understood. */
  async #understand(samples: Int16Array, sampleRateHz: number): Promise<string | null> {
    const { hearing, dialogue } = this.#behaviour;
    return hearing === null ? null : await hearing.recognise(samples, sampleRateHz, phrasesOf(dialogue));
  }

  #forceEndTurn(settings: DeepgramAgentSettings): void {
    if (!settings.endsTurnsOnOrder) {
      const description = 'ForceEndTurn requires a Deepgram V2 (Flux) listen provider.';
      this.#send({ type: 'Warning', code: 'FORCE_END_TURN_UNSUPPORTED', description });
    } else if (this.#audio?.speaking === true) {
      this.#endTurn(this.#audio.turnMs);
    }
  }

  #injectUser(content: string): void {
    if (this.#audio?.speaking === true || this.#answer !== null) {
      this.#send({
        type: 'InjectionRefused',
        message: 'The message was refused: somebody is in the middle of a turn.',
      });
      return;
    }
    this.#told('user', content);
    const known = phrasesOf(this.#behaviour.dialogue).includes(normalisePhrase(content));
    const turn = { durationMs: 0, levelDbov: -127, text: content };
    // What is no line of the script is taken as a wish to hear something.
    const plan = known ? this.#talk.answer(turn, this.#settings?.functions ?? new Set()) : this.#talk.unasked();
    this.#respond(Promise.resolve(plan));
  }

  #injectAgent(message: string, behavior: 'default' | 'queue' | 'interrupt'): void {
    const callerSpeaks = this.#audio?.speaking === true;
    const agentSpeaks = this.#answer !== null;
    const refused = behavior === 'default' ? callerSpeaks || agentSpeaks : behavior === 'queue' && callerSpeaks;
    if (refused || this.#queue.length >= QUEUED) {
      this.#send({
        type: 'InjectionRefused',
        message: 'The message was refused: somebody is in the middle of a turn.',
      });
      return;
    }
    if (behavior === 'queue' && agentSpeaks) {
      this.#queue.push(message);
      return;
    }
    this.#interrupt();
    this.#respond(Promise.resolve({ sentences: [message] }), 0);
  }

  #onResult(id: string, content: string): void {
    // One that was called off meanwhile, or nobody asked for, is dropped.
    if (!this.#calls.delete(id)) return;
    this.#respond(Promise.resolve(this.#talk.afterCall(content)));
  }

  #respond(plan: Promise<AgentTurn>, thinkMs = this.#behaviour.thinkMs): void {
    const { clock, speech, voice, pieceMs, speedUp } = this.#behaviour;
    const settings = this.#settings;
    const fault = this.#behaviour.fault();
    if (settings === null || fault?.kind === 'no-response') return;
    if (fault?.kind === 'error') return this.#fail(fault.code, fault.description);
    if (fault?.kind === 'warning') this.#send({ type: 'Warning', code: fault.code, description: fault.description });
    this.#answer?.stop();
    const answer = new DeepgramAnswer({
      ...{ plan, format: settings.outputFormat, clock, thinkMs, pieceMs, speedUp },
      say: (sentence) => speech.synthesize(sentence, voice, 1),
      send: (message) => this.#send(message),
      sendAudio: (audio, audioMs) => {
        this.#host.count('saidMs', audioMs);
        if (!this.#closed) this.#host.sendAudio(audio, audioMs);
      },
      onSentence: (sentence) => this.#told('assistant', sentence),
      onCall: (call) => this.#call(call),
      onDone: () => this.#onAnswerDone(answer),
      onFailed: (error) => this.#fail('FAILED_TO_SPEAK', `The agent could not speak: ${String(error)}`),
    });
    this.#answer = answer;
    this.#host.count('answers', 1);
    answer.start();
  }

  #onAnswerDone(answer: DeepgramAnswer): void {
    if (this.#answer !== answer) return;
    this.#answer = null;
    const next = this.#queue.shift();
    if (next !== undefined) this.#respond(Promise.resolve({ sentences: [next] }), 0);
  }

  /** The agent falls silent: what it had to say is forgotten. */
  #interrupt(): void {
    const answer = this.#answer;
    this.#answer = null;
    this.#queue.length = 0;
    if (answer === null) return;
    answer.stop();
    this.#host.count('answersInterrupted', 1);
    if (answer.speaking && this.#behaviour.closesInterrupted) this.#send({ type: 'AgentAudioDone' });
  }

  #call(call: DialogueCall): void {
    const id = `call_${randomUUID()}`;
    this.#calls.set(id, call);
    const { name, arguments: values } = call;
    const functions = [{ id, name, arguments: JSON.stringify(values), client_side: true }];
    this.#send({ type: 'FunctionCallRequest', functions });
  }

  #told(role: 'user' | 'assistant', content: string): void {
    this.#send({ type: 'ConversationText', role, content });
    if (this.#settings?.history === true) this.#send({ type: 'History', role, content });
  }

  #checkIdle(): void {
    if (this.#behaviour.clock.nowMs() - this.#heardAtMs < this.#behaviour.idleMs) return;
    this.#fail(
      'CLIENT_MESSAGE_TIMEOUT',
      'We waited too long for a websocket message. Please ensure that you are sending audio.',
    );
  }

  #noticeExpiry(): void {
    const description = 'The session will close in 5 minutes.';
    this.#send({ type: 'Warning', code: 'MAXIMUM_SESSION_LENGTH_APPROACHING', description });
  }

  /** Every error is the end. */
  #fail(code: string, description: string): void {
    if (this.#closed) return;
    this.#host.count('errors', 1);
    this.#send({ type: 'Error', code, description });
    this.close();
    this.#host.end();
  }

  #send(message: DeepgramServerMessage): void {
    if (!this.#closed) this.#host.send(message);
  }
}

function parse(text: string): DeepgramClientMessage | null {
  if (text.length > LIMITS.backendMessageBytes) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
  const checked = ClientMessage.safeParse(json);
  return checked.success ? checked.data : null;
}
