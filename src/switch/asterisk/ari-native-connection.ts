/**
 * One ARI connection, spoken by ourselves: events and requests share one WebSocket, and a request does not wait for the
 * answers of those before. An Asterisk that is too old to take requests there is asked over HTTP.
 */
import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import type { Clock, Timer } from '../../core/clock.ts';
import { asTalkspurtError, hasCode } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { INFO_REQUEST, checkedLength, readAnswer, isReplacement, readInfo, readMessage } from './ari-answer.ts';
import type { AriAnswer } from './ari-answer.ts';
import type { AriConnection, AriConnectionSink, AriDial } from './ari-connection.ts';
import { AriHttp } from './ari-http.ts';
import type { AriEvent, AriInfo, AriRequest } from './ari-link.ts';
import { down, protocolError, queueFull, replaced, timeout, unanswered } from './ari-link-error.ts';
import { AriPending } from './ari-pending.ts';
import { AriPulse } from './ari-pulse.ts';
import { openAriSocket } from './ari-socket.ts';
import type { AriTarget } from './ari-target.ts';

/** Dials with our own client. */
export function nativeDial(target: AriTarget): AriDial {
  return async (sink, clock, signal) => {
    const startedMs = clock.nowMs();
    const connection = await openAriSocket(
      target,
      clock,
      signal,
      (socket) => new NativeConnection(target, socket, sink, clock),
    );
    const onAbort = (): void => connection.close(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await connection.prove(LIMITS.ariLoginMs - (clock.nowMs() - startedMs));
      return connection;
    } catch (error) {
      const failure = asTalkspurtError(error, 'ERR_TALKSPURT_LINK_PROTOCOL');
      connection.close(failure);
      throw failure;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  };
}

class NativeConnection implements AriConnection {
  info: AriInfo = { version: '', startupTime: '' };
  readonly #target: AriTarget;
  readonly #socket: WebSocket;
  readonly #sink: AriConnectionSink;
  readonly #clock: Clock;
  readonly #pending: AriPending;
  readonly #pulse: AriPulse;
  /** Set where requests go over HTTP. */
  #http: AriHttp | null = null;
  #ended: TalkspurtError | null = null;

  constructor(target: AriTarget, socket: WebSocket, sink: AriConnectionSink, clock: Clock) {
    this.#target = target;
    this.#socket = socket;
    this.#sink = sink;
    this.#clock = clock;
    this.#pending = new AriPending(clock);
    const pulse = new AriPulse(
      clock,
      () => socket.ping(),
      () => this.#end(timeout('give a sign of life', LIMITS.ariSilentMs)),
    );
    this.#pulse = pulse;
    socket.on('message', (data: RawData) => {
      pulse.heard();
      if (this.#ended === null) this.#onMessage(data);
    });
    socket.on('ping', () => pulse.heard());
    socket.on('pong', () => pulse.heard());
    socket.on('error', (error) => this.#end(brokenBy(error)));
    socket.on('close', (code) => this.#end(down(`Asterisk closed the connection (${code})`)));
  }

  /** Resolves when a request was answered, by whichever way this Asterisk takes them. */
  async prove(withinMs: number): Promise<void> {
    const http = new AriHttp(this.#target, this.#clock);
    if (this.#target.tls === true) {
      // Over TLS Asterisk 22 reads the first message of a record and leaves the others there until more bytes come: requests that
      // are sent together would wait for our next ping.
      this.#http = http;
      this.info = infoOf(await askOver(http, { ...INFO_REQUEST, timeoutMs: withinMs }));
      return;
    }
    let probe: Timer | undefined;
    // An Asterisk before 20.14, 21.9 and 22.4 reads what comes by the WebSocket, and says nothing to it.
    const byHttp = new Promise<AriInfo>((resolve) => {
      probe = this.#clock.after(LIMITS.ariProbeMs, () => {
        const asked = http.request({ ...INFO_REQUEST, timeoutMs: withinMs }).then(infoOf);
        asked.then(
          (info) => {
            this.#http = http;
            resolve(info);
          },
          // Then the other way decides, if only by its time-out.
          () => undefined,
        );
      });
    });
    try {
      const bySocket = this.#ask({ ...INFO_REQUEST, timeoutMs: withinMs }).then(infoOf);
      this.info = await Promise.race([bySocket, byHttp]);
    } finally {
      probe?.cancel();
      if (this.#http !== http) http.close(down('not needed'));
      else this.#pending.rejectAll(down('Asterisk takes no requests by its WebSocket'));
    }
  }

  async request(request: AriRequest): Promise<unknown> {
    if (this.#ended !== null) throw unanswered(this.#ended);
    const answer = await (this.#http === null ? this.#ask(request) : askOver(this.#http, request));
    return readAnswer(request, answer);
  }

  close(error: TalkspurtError): void {
    this.#end(error, false);
  }

  #ask(request: AriRequest): Promise<AriAnswer> {
    return this.#pending.ask(request, (id) => {
      // A goodbye that was answered and not followed by an end: nothing is taken there any more.
      if (this.#socket.readyState !== WebSocket.OPEN) this.#end(down('Asterisk closes the connection'));
      if (this.#socket.bufferedAmount > LIMITS.ariBufferedBytes) throw queueFull();
      this.#socket.send(checkedLength(request, requestText(id, request)));
    });
  }

  #onMessage(data: RawData): void {
    let message: AriEvent;
    try {
      // `nodebuffer`, the default of `binaryType`: it is one.
      message = readMessage((data as Buffer).toString('utf8'));
      if (message.type === 'RESTResponse') {
        this.#onAnswer(message);
        return;
      }
    } catch (error) {
      this.#sink.onFault(asTalkspurtError(error));
      return;
    }
    if (isReplacement(message, this.#target.app)) {
      this.#end(replaced(this.#target.app));
    } else this.#sink.onEvent(message);
  }

  #onAnswer(message: AriEvent): void {
    const { request_id: name, status_code: status, message_body: body } = message;
    const id = typeof name === 'string' ? Number(/^t([1-9]\d*)$/.exec(name)?.[1]) : NaN;
    const waiting = this.#pending.take(id);
    if (waiting === undefined) {
      // One of ours that came too late is nobody's fault here.
      if (!(id <= this.#pending.last)) throw protocolError('an answer to nothing');
    } else if (typeof status === 'number') {
      waiting.resolve({ status, body: typeof body === 'string' ? body : '' });
    } else waiting.reject(protocolError('an answer without a status'));
  }

  #end(error: TalkspurtError, tell = true): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#pulse.stop();
    // A goodbye, and not a moment's wait for theirs.
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(1000);
    this.#socket.terminate();
    this.#http?.close(unanswered(error));
    this.#pending.rejectAll(unanswered(error));
    if (tell) this.#sink.onClosed(error);
  }
}

/** As `AriLink.request` has it: an Asterisk that cannot be reached any more is a link that is down. */
async function askOver(http: AriHttp, request: AriRequest): Promise<AriAnswer> {
  try {
    return await http.request(request);
  } catch (error) {
    throw hasCode(error, 'ERR_TALKSPURT_LINK_REFUSED') ? unanswered(error) : error;
  }
}

function infoOf(answer: AriAnswer): AriInfo {
  return readInfo(readAnswer(INFO_REQUEST, answer));
}

function requestText(id: number, request: AriRequest): string {
  const query = Object.entries(request.query ?? {});
  return JSON.stringify({
    type: 'RESTRequest',
    request_id: `t${id}`,
    method: request.method,
    uri: request.path,
    ...(query.length === 0 ? {} : { query_strings: query.map(([name, value]) => ({ name, value })) }),
    ...(request.body === undefined
      ? {}
      : { content_type: 'application/json', message_body: JSON.stringify(request.body) }),
  });
}

/** `ws` ends a connection whose frames are malformed or too long with an error of its own. */
function brokenBy(error: Error): TalkspurtError {
  const errno = (error as NodeJS.ErrnoException).code ?? '';
  if (!errno.startsWith('WS_ERR_')) return down('the connection to Asterisk broke', error);
  if (errno === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return protocolError(`more than ${LIMITS.ariMessageBytes} bytes`);
  return protocolError(`a WebSocket frame that is none (${errno})`);
}
