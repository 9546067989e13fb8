/**
 * What both sides have said, from the pieces that come: each is told as it comes, and the whole when that turn is over. Gemini
 * promises no order between words and audio, and does not always say that it has written the last of them.
 */
import { LIMITS } from '../limits.ts';
import type { BackendSink } from './backend.ts';
import type { GeminiTranscription } from './gemini-event.ts';

/** Of one conversation. */
export class GeminiTranscripts {
  readonly #sink: Pick<BackendSink, 'onTranscript'>;
  #caller = '';
  #agent = '';
  #agentItem = '';

  constructor(sink: Pick<BackendSink, 'onTranscript'>) {
    this.#sink = sink;
  }

  callerSays({ text, finished }: GeminiTranscription): void {
    if (text !== '') {
      this.#caller = more(this.#caller, text);
      this.#sink.onTranscript('caller', text, false);
    }
    if (finished) this.callerDone();
  }

  /** The model makes something of it: what is there is the whole. */
  callerDone(): void {
    const whole = this.#caller.trim();
    this.#caller = '';
    if (whole !== '') this.#sink.onTranscript('caller', whole, true);
  }

  /** Words of the answer `itemId`. */
  agentSays({ text, finished }: GeminiTranscription, itemId: string): void {
    if (itemId !== this.#agentItem) this.agentDone();
    this.#agentItem = itemId;
    if (text !== '') {
      this.#agent = more(this.#agent, text);
      this.#sink.onTranscript('agent', text, false, itemId);
    }
    if (finished) this.agentDone();
  }

  /** No more words of that answer are waited for. */
  agentDone(): void {
    const whole = this.#agent.trim();
    this.#agent = '';
    if (whole !== '') this.#sink.onTranscript('agent', whole, true, this.#agentItem);
  }
}

function more(whole: string, text: string): string {
  return (whole + text).slice(0, LIMITS.geminiTranscriptCharacters);
}
