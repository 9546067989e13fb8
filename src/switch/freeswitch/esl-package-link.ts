/**
 * The Event Socket link over the `esl` package. The package parses the wire and matches replies; dialling, logging in,
 * time-outs, limits and back-off are ours, around a socket of our own: docs/decisions/0001-esl-link.md says why.
 */
import { FreeSwitchError, FreeSwitchResponse } from 'esl';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Backoff } from '../../core/backoff.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { EslFrameLimit } from './esl-frame-limit.ts';
import type { EslEvent, EslLink, EslLinkListener, UnicastAddresses } from './esl-link.ts';
import { redeemPermit } from './unicast-guard.ts';
import type { UnicastPermit } from './unicast-guard.ts';

/** Which switch, and how to get in. */
export interface EslPackageLinkOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly clock: Clock;
}

/** Events of watched channels that legs live by. */
const EVENTS = [
  'CHANNEL_ANSWER',
  'CHANNEL_PARK',
  'CHANNEL_UNPARK',
  'CHANNEL_BRIDGE',
  'PLAYBACK_START',
  'DTMF',
  'CHANNEL_HANGUP',
  'CHANNEL_HANGUP_COMPLETE',
  'CHANNEL_DESTROY',
] as const;
/** A filter that no channel meets: without any filter every event of the switch would come. */
const NOBODY = 'talkspurt-watches-nobody';
/** After a refused password: slowly, because nothing will change by itself. */
const REFUSED_RETRY_MS = 60_000;
/** The package logs commands, the password among them: it has nowhere to. */
const SILENT = { debug: (): void => undefined, info: (): void => undefined, error: (): void => undefined };

interface Connection {
  readonly socket: Socket;
  readonly esl: FreeSwitchResponse;
  /** Rejects what is waited for when the connection is lost. */
  readonly lost: Promise<never>;
  readonly lose: (error: TalkspurtError) => void;
}

/** The `esl` package behind the port. */
export class EslPackageLink implements EslLink {
  readonly name: string;
  readonly #options: EslPackageLinkOptions;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #watched = new Set<string>();
  #listener: EslLinkListener | null = null;
  #connection: Connection | null = null;
  #up = false;
  #closed = false;
  #retry: Timer | null = null;
  #pending = 0;

  constructor(options: EslPackageLinkOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock;
    const baseMs = LIMITS.linkBackoffBaseMs;
    const capMs = LIMITS.linkBackoffCapMs;
    this.#backoff = new Backoff({ baseMs, capMs, random: () => options.clock.random() });
  }

  get up(): boolean {
    return this.#up;
  }

  async start(listener: EslLinkListener): Promise<void> {
    this.#listener = listener;
    await this.#dial();
  }

  async api(command: string): Promise<string> {
    refuseLineBreaks(command);
    const connection = this.#live();
    return await this.#exchange(connection, command.split(' ', 1)[0] ?? '', async () => {
      try {
        return (await connection.esl.api(command, LIMITS.eslCommandMs)).body;
      } catch (error) {
        // To the package every reply that begins with a dash is an error; to us it is a reply.
        if (error instanceof FreeSwitchError && typeof error.res?.body === 'string') return error.res.body;
        throw error;
      }
    });
  }

  async watch(uuid: string): Promise<void> {
    refuseLineBreaks(uuid);
    this.#watched.add(uuid);
    const connection = this.#live();
    await this.#exchange(connection, 'filter', () =>
      connection.esl.send(`filter Unique-ID ${uuid}`, {}, LIMITS.eslCommandMs),
    );
  }

  async unwatch(uuid: string): Promise<void> {
    this.#watched.delete(uuid);
    const connection = this.#connection;
    if (!this.#up || connection === null) return;
    const forget = (): Promise<unknown> =>
      connection.esl.send(`filter delete Unique-ID ${uuid}`, {}, LIMITS.eslCommandMs);
    await this.#exchange(connection, 'filter', forget).catch((error: unknown) => {
      // Refused or lost: either way its events are no longer asked for after the next login.
      if (!(error instanceof TalkspurtError)) throw error;
    });
  }

  async activateUnicast(permit: UnicastPermit, addresses: UnicastAddresses): Promise<void> {
    const connection = this.#live();
    const { localHost, remoteHost, remotePort, native } = addresses;
    refuseLineBreaks(localHost + remoteHost);
    const uuid = redeemPermit(permit);
    const headers = {
      'call-command': 'unicast',
      'local-ip': localHost,
      'local-port': '0',
      'remote-ip': remoteHost,
      'remote-port': String(remotePort),
      transport: 'udp',
      ...(native ? { flags: 'native' } : {}),
    };
    await this.#exchange(connection, 'sendmsg', () =>
      connection.esl.send(`sendmsg ${uuid}`, headers, LIMITS.eslCommandMs),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    this.#retry = null;
    const connection = this.#connection;
    if (connection === null) return;
    const gone = new Promise<void>((resolve) => connection.socket.once('close', () => resolve()));
    connection.lose(new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', `the link to ${this.name} was closed`));
    await gone;
  }

  #live(): Connection {
    if (this.#up && this.#connection !== null) return this.#connection;
    throw new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', `the link to ${this.name} is down: see its log lines for why`);
  }

  /** One command and its reply, which cannot outlive the connection or its time. `what` is for people. */
  async #exchange<T>(connection: Connection, what: string, run: () => Promise<T>): Promise<T> {
    if (this.#pending >= LIMITS.eslPendingCommands) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_LINK_TIMEOUT',
        `${LIMITS.eslPendingCommands} commands already wait for ${this.name}`,
      );
    }
    this.#pending += 1;
    try {
      return await Promise.race([run(), connection.lost]);
    } catch (error) {
      if (error instanceof TalkspurtError) throw error;
      if (error instanceof FreeSwitchError) {
        const reply = error.res?.headers['Reply-Text'] ?? 'no reply';
        throw new TalkspurtError(
          'ERR_TALKSPURT_SWITCH_COMMAND',
          `${this.name} refused ${what}: ${reply.slice(0, 200)}`,
        );
      }
      // The package's own errors quote the command, and an `auth` among them: they are not passed on as causes.
      const timeout = new TalkspurtError(
        'ERR_TALKSPURT_LINK_TIMEOUT',
        `${this.name} did not answer ${what} within ${LIMITS.eslCommandMs} ms`,
      );
      connection.lose(timeout);
      throw timeout;
    } finally {
      this.#pending -= 1;
    }
  }

  /** One attempt; never rejects. */
  async #dial(): Promise<void> {
    if (this.#closed) return;
    let connection: Connection | null = null;
    const slow = new TalkspurtError(
      'ERR_TALKSPURT_LINK_TIMEOUT',
      `${this.name} did not log us in within ${LIMITS.eslLoginMs} ms`,
    );
    let deadline: Timer | null = null;
    try {
      connection = this.#connect();
      const { lose } = connection;
      deadline = this.#clock.after(LIMITS.eslLoginMs, () => lose(slow));
      const version = await this.#login(connection);
      deadline.cancel();
      this.#up = true;
      this.#backoff.reset();
      this.#listener?.onUp(version);
      void connection.lost.catch((error: unknown) => this.#down(asTalkspurtError(error, 'ERR_TALKSPURT_LINK_DOWN')));
    } catch (error) {
      deadline?.cancel();
      const failure = asTalkspurtError(error, 'ERR_TALKSPURT_LINK_PROTOCOL');
      connection?.lose(failure);
      this.#down(failure);
    }
  }

  #connect(): Connection {
    const { host, port } = this.#options;
    const socket = connect({ host, port });
    let lose: (error: TalkspurtError) => void = () => undefined;
    const lost = new Promise<never>((_resolve, reject) => {
      lose = (error) => {
        reject(error);
        socket.destroy();
      };
    });
    // Who waits gets the rejection; that nobody waits is no fault.
    lost.catch(() => undefined);
    const limit = new EslFrameLimit();
    // Before the package's own listener: what is too large never gathers there.
    socket.on('data', (chunk) => {
      const fault = limit.accept(chunk);
      if (fault === null) return;
      lose(new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', `${this.name} sent ${fault}`));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      lose(
        new TalkspurtError(
          'ERR_TALKSPURT_LINK_REFUSED',
          `${this.name} at ${host}:${port} cannot be reached: ${error.code ?? error.message}`,
        ),
      );
    });
    const esl = new FreeSwitchResponse(socket, SILENT);
    const connection: Connection = { socket, esl, lost, lose };
    this.#connection = connection;
    socket.on('close', () => {
      if (this.#connection === connection) this.#connection = null;
      lose(new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', `${this.name} closed the link`));
    });
    esl.once('freeswitch_rude_rejection', () => {
      lose(
        new TalkspurtError(
          'ERR_TALKSPURT_LINK_DENIED',
          `${this.name} does not let this address in: add it to its ACL (apply-inbound-acl)`,
        ),
      );
    });
    esl.once('freeswitch_disconnect_notice', () => {
      lose(new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', `${this.name} said goodbye`));
    });
    for (const name of EVENTS) esl.on(name, ({ body }) => this.#listener?.onEvent(eventOf(name, body)));
    return connection;
  }

  /** Logs in and proves it by a command; resolves to the switch's version. */
  async #login(connection: Connection): Promise<string> {
    const { esl, lost } = connection;
    const asked = new Promise<void>((resolve) => esl.once('freeswitch_auth_request', () => resolve()));
    await Promise.race([asked, lost]);
    const refused = new TalkspurtError(
      'ERR_TALKSPURT_LINK_AUTH',
      `${this.name} refused the password of its event socket`,
    );
    const auth = esl.send(`auth ${this.#options.password}`, {}, LIMITS.eslLoginMs).catch((error: unknown) => {
      if (error instanceof FreeSwitchError && error.res !== undefined) throw refused;
      throw new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', `${this.name} did not answer the login`);
    });
    // A refusal is followed by a goodbye and the end of the connection: it must win over them.
    await Promise.race([
      auth,
      lost.catch(async (error: unknown) =>
        Promise.race([
          auth.then(() => {
            throw error;
          }),
          this.#soon(error),
        ]),
      ),
    ]);
    const say = (command: string): Promise<unknown> =>
      this.#exchange(connection, command.split(' ', 1)[0] ?? '', () => esl.send(command, {}, LIMITS.eslCommandMs));
    const version = await this.#exchange(
      connection,
      'version',
      async () => (await esl.api('version', LIMITS.eslCommandMs)).body,
    );
    await say(`filter Unique-ID ${NOBODY}`);
    for (const uuid of this.#watched) await say(`filter Unique-ID ${uuid}`);
    await say(`event json ${EVENTS.join(' ')}`);
    return version.trim();
  }

  #soon(error: unknown): Promise<never> {
    return new Promise((_resolve, reject) => this.#clock.after(0, () => reject(error as Error)));
  }

  #down(error: TalkspurtError): void {
    this.#up = false;
    if (this.#closed) return;
    const slow = error.code === 'ERR_TALKSPURT_LINK_AUTH' || error.code === 'ERR_TALKSPURT_LINK_DENIED';
    const retryInMs = Math.max(slow ? REFUSED_RETRY_MS : 0, this.#backoff.nextMs());
    this.#retry = this.#clock.after(retryInMs, () => {
      this.#retry = null;
      void this.#dial();
    });
    this.#listener?.onDown(error, retryInMs);
  }
}

function eventOf(name: string, body: Readonly<Record<string, string | undefined>>): EslEvent {
  return { name, uuid: body['Unique-ID'] ?? '', headers: body };
}

/** A line break in a command would begin a second one. */
function refuseLineBreaks(text: string): void {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (!/[\r\n\u0000]/.test(text)) return;
  throw new TalkspurtError(
    'ERR_TALKSPURT_COMMAND_SYNTAX',
    'a command to the switch holds a line break or a NUL: leave it out',
  );
}
