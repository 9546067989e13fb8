/**
 * One connection of the dialplan application `socket`: the call is led out of it into a park of its own, and the
 * connection is ended before anybody touches the channel.
 *
 * Why not leave it open: while it lasts, its end (a crash of ours too) ends whatever park the channel is in. Why two parks:
 * the end of the connection ends the first one, and the second is the one that stays.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { PARK_MARK } from './channel-event.ts';
import { EslFrameParser } from './esl-frame-parser.ts';
import type { EslFrameHead } from './esl-frame-head.ts';
import { readWireEvent } from './esl-wire-event.ts';
import { REFUSED_VARIABLE, readChannelData } from './outbound-socket-channel.ts';
import type { OutboundChannel } from './outbound-socket-channel.ts';

/** What became of a connection. `left`: the call is parked, outside its dialplan, and somebody has to see to it. */
export type OutboundOutcome =
  | { readonly kind: 'taken'; readonly channel: OutboundChannel }
  /** It was refused before, and has been sent on: nothing is new. */
  | { readonly kind: 'sent-on' }
  /** It never came to be about a call. */
  | { readonly kind: 'failed'; readonly error: TalkspurtError }
  | {
      readonly kind: 'refused';
      readonly channel: OutboundChannel;
      readonly error: TalkspurtError;
      readonly left: boolean;
    };

/** What a connection needs of its server. */
export interface OutboundConnectionContext {
  readonly clock: Clock;
  readonly switchHost: string;
  /** Says no by throwing; the call then goes on in its dialplan. */
  admit(channel: OutboundChannel): void;
}

/** `leading`: on its way into the park. `ending`: the outcome is known, the other side has yet to close. */
type State = 'greeting' | 'leading' | 'leaving' | 'ending' | 'sent-on' | 'closed';

/** Owns `socket`. Says what became of it once, when the socket is closed. */
export class OutboundSocketConnection {
  readonly #socket: Socket;
  readonly #context: OutboundConnectionContext;
  readonly #parser: EslFrameParser;
  readonly #onOutcome: (outcome: OutboundOutcome, connection: OutboundSocketConnection) => void;
  readonly #mark: string;
  #state: State = 'greeting';
  #channel: OutboundChannel | null = null;
  #error: TalkspurtError | null = null;
  /** Once it is led away the dialplan knows no more of it. */
  #left = false;
  #bytes = 0;
  #timer: Timer;

  /** `mark` is what its park is known by; letters, digits and `-`. */
  constructor(
    socket: Socket,
    mark: string,
    context: OutboundConnectionContext,
    onOutcome: (outcome: OutboundOutcome, connection: OutboundSocketConnection) => void,
  ) {
    this.#socket = socket;
    this.#mark = mark;
    this.#context = context;
    this.#onOutcome = onOutcome;
    this.#parser = new EslFrameParser((head, frame, bodyAt) => this.#onFrame(head, frame, bodyAt));
    this.#timer = context.clock.after(LIMITS.outboundHandoverMs, () => this.#onLate());
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => socket.end());
    // An error is always followed by 'close', which does the work.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
    socket.write('connect\n\n');
  }

  /** Cuts it. A call that has not been led away yet goes on in its dialplan. */
  destroy(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#state !== 'greeting' && this.#state !== 'leading') return;
    this.#bytes += chunk.length;
    try {
      if (this.#bytes > LIMITS.outboundBytes) throw protocolError('more than a handover takes');
      this.#parser.push(chunk);
    } catch (error) {
      this.#error ??= asTalkspurtError(error, 'ERR_TALKSPURT_LINK_PROTOCOL');
      this.#socket.destroy();
    }
  }

  #onFrame(head: EslFrameHead, frame: Buffer, bodyAt: number): void {
    if (this.#state === 'greeting') this.#onGreeting(head, frame.toString('utf8', 0, bodyAt));
    else if (this.#state !== 'leading') return;
    else if (head.contentType === 'text/event-json') this.#onEvent(frame.subarray(bodyAt));
    else if (head.contentType === 'command/reply' && head.replyText.startsWith('-ERR') && this.#channel !== null) {
      const message = 'the switch did not let go of the call';
      this.#refuse(this.#channel, new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message));
    }
  }

  #onGreeting(head: EslFrameHead, block: string): void {
    if (head.contentType !== 'command/reply') throw protocolError('no channel data');
    const channel = readChannelData(block, this.#context.switchHost);
    this.#channel = channel;
    if (channel.refusedBefore !== null) {
      this.#leave(goOn(channel));
      this.#state = 'sent-on';
      return;
    }
    try {
      if (!channel.async) throw notAsync();
      this.#context.admit(channel);
    } catch (error) {
      this.#refuse(channel, asTalkspurtError(error));
      return;
    }
    this.#state = 'leading';
    // An empty `socket_resume` undoes an earlier refusal: with it the end of the connection would reset the channel.
    const script = `set:socket_resume=,set:${PARK_MARK}=${this.#mark},park,park inline`;
    this.#socket.write(`myevents json\n\n${execute('transfer', script)}`);
  }

  #onEvent(body: Buffer): void {
    const event = readWireEvent(body);
    if (event.uuid !== this.#channel?.uuid) return;
    if (event.name === 'CHANNEL_EXECUTE' && event.headers['Application'] === 'transfer') this.#left = true;
    if (event.name !== 'CHANNEL_PARK' || event.headers[`variable_${PARK_MARK}`] !== this.#mark) return;
    this.#left = true;
    this.#leave('exit\n\n');
    this.#state = 'leaving';
  }

  #refuse(channel: OutboundChannel, error: TalkspurtError): void {
    this.#error = error;
    this.#leave(`${execute('set', `${REFUSED_VARIABLE}=${error.code}`)}${goOn(channel)}`);
    this.#state = 'ending';
  }

  #leave(text: string): void {
    this.#timer.cancel();
    this.#timer = this.#context.clock.after(LIMITS.eslServerCloseMs, () => this.#socket.destroy());
    this.#socket.write(text);
  }

  #onLate(): void {
    const message = `a call was not handed over within ${LIMITS.outboundHandoverMs} ms`;
    this.#error = new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message);
    this.#socket.destroy();
  }

  #onClose(): void {
    const state = this.#state;
    this.#state = 'closed';
    this.#timer.cancel();
    this.#onOutcome(this.#outcomeOf(state), this);
  }

  #outcomeOf(state: State): OutboundOutcome {
    const channel = this.#channel;
    const gone = new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the switch ended the handover of a call');
    const error = this.#error ?? gone;
    if (channel === null) return { kind: 'failed', error };
    if (state === 'sent-on') return { kind: 'sent-on' };
    if (state === 'leaving') return { kind: 'taken', channel };
    // Only what was late while it was led away may be parked somewhere; what is gone is gone.
    const left = this.#left && hasCode(error, 'ERR_TALKSPURT_LINK_TIMEOUT');
    return { kind: 'refused', channel, error, left };
  }
}

/**
 * What sends a call on in its dialplan. `resume`: without it a channel that is not parked yet would park, and never be told
 * to go on; with it one that is not `async` would be left in its reset.
 */
function goOn(channel: OutboundChannel): string {
  return channel.async ? 'resume\n\nexit\n\n' : 'exit\n\n';
}

function notAsync(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'the application socket needs the word "async"');
}

function execute(application: string, argument: string): string {
  return `sendmsg\ncall-command: execute\nexecute-app-name: ${application}\nexecute-app-arg: ${argument}\n\n`;
}

function protocolError(what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', `the peer of an outbound socket sent ${what}`);
}
