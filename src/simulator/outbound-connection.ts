/** The application `socket`: one Event Socket connection that the simulated switch makes for one call. */
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { splitCommand } from '../switch/freeswitch/esl-dialogue.ts';
import { headerOf, EslRequestParser } from '../switch/freeswitch/esl-request-parser.ts';
import type { EslRequest } from '../switch/freeswitch/esl-request-parser.ts';
import { eventFrame } from '../switch/freeswitch/esl-server-event.ts';
import type { EslServerEvent } from '../switch/freeswitch/esl-server-event.ts';
import { EslSubscription } from '../switch/freeswitch/esl-subscription.ts';

/** `host:port[/path] [async] [full]`, read. */
export interface OutboundTarget {
  readonly host: string;
  readonly port: number;
  /** What stands behind a slash: the channel variable `socket_path`. Empty: nothing. */
  readonly path: string;
  /** The channel is parked beside the connection; without it the connection is all there is. */
  readonly async: boolean;
  /** All commands; without it only those about the call itself. */
  readonly full: boolean;
}

/** What a connection needs of its switch. */
export interface OutboundHost {
  readonly clock: Clock;
  readonly uuid: string;
  readonly channelName: string;
  /** All there is to say about the channel, with `more` behind it. */
  describe(more: readonly (readonly [string, string])[]): string;
  variable(name: string): string | undefined;
  api(line: string): Promise<string>;
  sendMessage(uuid: string, request: EslRequest): string;
  sendEvent(request: EslRequest): string;
  jobDone(job: { jobUuid: string; line: string; output: string; owner: string }): void;
  onClosed(connection: OutboundConnection): void;
}

const GOODBYE = 'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n';

/** Null for what names no port. */
export function outboundTarget(data: string): OutboundTarget | null {
  const [where = '', ...flags] = data.trim().split(/ +/);
  const found = /^([^:/]+)(?::(\d{1,5}))?(?:\/(.*))?$/.exec(where);
  if (found === null) return null;
  const port = Number(found[2] ?? 8084);
  return { host: found[1]!, port, path: found[3] ?? '', async: flags.includes('async'), full: flags.includes('full') };
}

/** Owns its socket. The call goes on when it is closed, with whatever its dialplan has left. */
export class OutboundConnection {
  readonly #target: OutboundTarget;
  readonly #host: OutboundHost;
  readonly #socket: Socket;
  readonly #subscription = new EslSubscription();
  readonly #parser = new EslRequestParser((request) => this.#requests.push(request));
  #requests: EslRequest[] = [];
  #pumping = false;
  #state: 'connecting' | 'waiting' | 'open' | 'over' = 'connecting';
  /** Seconds after the hang-up; Infinity: until the other side leaves. */
  #lingerSeconds: number | null = null;
  #timer: Timer | null = null;

  constructor(target: OutboundTarget, host: OutboundHost) {
    this.#target = target;
    this.#host = host;
    this.#socket = connect(target.port, target.host);
    this.#socket.setNoDelay(true);
    this.#socket.on('connect', () => {
      if (this.#state === 'connecting') this.#state = 'waiting';
    });
    this.#socket.on('data', (bytes) => this.#onData(bytes));
    this.#socket.on('end', () => this.#goodbye());
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => this.#onClose());
  }

  /** Whether the channel may be parked: the other side has said `connect`, and the connection is `async`. */
  get parks(): boolean {
    return this.#state === 'open' && this.#target.async;
  }

  get over(): boolean {
    return this.#state === 'over';
  }

  deliver(event: EslServerEvent): void {
    if (this.#state !== 'open' || !this.#subscription.wants(event)) return;
    if (this.#socket.writableLength > LIMITS.eslServerBufferedBytes) this.#socket.resetAndDestroy();
    else this.#socket.write(eventFrame(event, this.#subscription.format));
  }

  /** The channel is gone, or does something else now. */
  leave(gone: boolean): void {
    if (this.#state === 'over') return;
    if (this.#lingerSeconds === null || !gone) this.#goodbye();
  }

  /** The call's last event has been delivered: those who asked for it may stay a while. */
  linger(): void {
    if (this.#state === 'over' || this.#lingerSeconds === null) return;
    const time = Number.isFinite(this.#lingerSeconds) ? [`Linger-Time: ${this.#lingerSeconds}`] : [];
    this.#notice(['Content-Disposition: linger', `Channel-Name: ${this.#host.channelName}`, ...time], '');
    if (!Number.isFinite(this.#lingerSeconds)) return;
    this.#timer = this.#host.clock.after(this.#lingerSeconds * 1000, () => this.#goodbye());
  }

  pause(paused: boolean): void {
    if (paused) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Cuts the connection, as a dying process does. */
  destroy(): void {
    // A reset after our own end would fail and leave the descriptor open.
    if (this.#state === 'over') this.#socket.destroy();
    else this.#socket.resetAndDestroy();
    this.#onClose();
  }

  #onData(bytes: Buffer): void {
    try {
      this.#parser.feed(bytes);
    } catch {
      this.#socket.resetAndDestroy();
      return;
    }
    if (this.#requests.length > LIMITS.eslServerPendingRequests) this.#socket.resetAndDestroy();
    else if (!this.#pumping) void this.#pump();
  }

  /** One request after the other; nothing in here rejects. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let request = this.#requests.shift(); request !== undefined; request = this.#requests.shift()) {
      if (this.#state === 'waiting' || this.#state === 'connecting') this.#greet(request);
      else if (this.#state === 'open') await this.#answer(request);
    }
    this.#pumping = false;
  }

  /** Until the other side has said `connect`, FreeSWITCH does not answer at all. */
  #greet(request: EslRequest): void {
    if (!/^connect\b/i.test(request.command)) return;
    this.#state = 'open';
    this.#socket.write(
      this.#host.describe([
        ['Content-Type', 'command/reply'],
        ['Reply-Text', '+OK\n'],
        ['Socket-Mode', this.#target.async ? 'async' : 'static'],
        ['Control', this.#target.full ? 'full' : 'single-channel'],
      ]),
    );
  }

  async #answer(request: EslRequest): Promise<void> {
    const { command } = request;
    const words = command.split(' ');
    const verb = words[0]!.toLowerCase();
    if (verb === 'exit' || verb === '...') {
      this.#reply('+OK bye');
      this.#goodbye();
    } else if (verb === 'connect') {
      this.#state = 'waiting';
      this.#greet(request);
    } else if (verb === 'api' && this.#target.full) {
      const output = (await this.#host.api(command.slice(4)).catch(() => '')) || '-ERR no reply\n';
      this.#socket.write(`Content-Type: api/response\nContent-Length: ${Buffer.byteLength(output)}\n\n${output}`);
    } else if (verb === 'bgapi' && this.#target.full) this.#bgapi(request);
    else this.#reply(this.#control(verb, words, request));
  }

  #bgapi(request: EslRequest): void {
    const line = splitCommand(request.command)[1];
    const jobUuid = (headerOf(request, 'Job-UUID') ?? randomUUID()).slice(0, 36);
    this.#socket.write(`Content-Type: command/reply\nReply-Text: +OK Job-UUID: ${jobUuid}\nJob-UUID: ${jobUuid}\n\n`);
    void this.#host
      .api(line)
      .catch(() => '-ERR internal error\n')
      .then((output) => this.#host.jobDone({ jobUuid, line, output, owner: this.#host.uuid }));
  }

  #control(verb: string, words: readonly string[], request: EslRequest): string {
    const { uuid } = this.#host;
    switch (verb) {
      case 'myevents':
        return this.#subscription.myevents(uuid, words[1] ?? '');
      case 'sendmsg':
        return this.#host.sendMessage(words[1]?.trim() || uuid, request);
      case 'getvar':
        return this.#host.variable(words[1] ?? '') ?? '';
      case 'resume':
        return '+OK';
      case 'linger':
        return this.#target.async ? this.#setLinger(words[1]) : NOT_FOUND;
      case 'nolinger':
        this.#lingerSeconds = null;
        return this.#target.async ? '+OK will not linger' : NOT_FOUND;
      case 'divert_events':
        return words[1] === 'off' ? '+OK events undiverted' : '+OK events diverted';
      case 'filter':
        return this.#subscription.filter(request.command.slice(7));
      default:
        return this.#target.full ? this.#fullControl(verb, words.slice(1), request) : NOT_FOUND;
    }
  }

  #fullControl(verb: string, words: readonly string[], request: EslRequest): string {
    if (verb === 'event') return this.#subscription.event(words);
    if (verb === 'nixevent') return this.#subscription.nixevent(words);
    if (verb === 'noevents') return this.#subscription.noevents();
    if (verb === 'sendevent') return this.#host.sendEvent(request);
    return NOT_FOUND;
  }

  #setLinger(text: string | undefined): string {
    const seconds = Number.parseInt(text ?? '', 10);
    this.#lingerSeconds = seconds > 0 ? seconds : Number.POSITIVE_INFINITY;
    return seconds > 0 ? `+OK will linger ${seconds} seconds` : '+OK will linger';
  }

  #reply(text: string): void {
    this.#socket.write(`Content-Type: command/reply\nReply-Text: ${text.replaceAll(/[\r\n]+/g, ' ')}\n\n`);
  }

  #notice(lines: readonly string[], body: string): void {
    const head = ['Content-Type: text/disconnect-notice', `Controlled-Session-UUID: ${this.#host.uuid}`, ...lines];
    this.#socket.write(`${head.join('\n')}\nContent-Length: ${body.length}\n\n${body}`);
  }

  #goodbye(): void {
    if (this.#state === 'over') return;
    if (this.#state !== 'connecting') this.#notice(['Content-Disposition: disconnect'], GOODBYE);
    this.#state = 'over';
    this.#requests = [];
    this.#timer?.cancel();
    this.#socket.end();
    this.#timer = this.#host.clock.after(LIMITS.eslServerCloseMs, () => this.#socket.destroy());
  }

  #onClose(): void {
    this.#state = 'over';
    this.#timer?.cancel();
    this.#timer = null;
    this.#host.onClosed(this);
  }
}

const NOT_FOUND = '-ERR command not found';
