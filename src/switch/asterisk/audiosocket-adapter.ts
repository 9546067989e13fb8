/** Calls that a dialplan sends by its `AudioSocket` application, as a switch: they come one by one, and there is no link. */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { AudioSocketConnection } from '../../transport/audiosocket-connection.ts';
import type { CallLeg, SwitchAdapter, SwitchSink } from '../switch-adapter.ts';
import { AudioSocketLeg } from './audiosocket-leg.ts';

/** Whose calls, and what they are given. */
export interface AudioSocketAdapterOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly profile: string;
}

/** Makes legs of connections. The server that they come in by belongs to whoever offers them. */
export class AudioSocketAdapter implements SwitchAdapter {
  readonly kind = 'asterisk';
  readonly name: string;
  /** There is none that could be down. */
  readonly linkUp = true;
  readonly #options: AudioSocketAdapterOptions;
  readonly #legs = new Map<string, AudioSocketLeg>();
  #sink: SwitchSink | null = null;

  constructor(options: AudioSocketAdapterOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Legs whose connection is up. */
  get legCount(): number {
    return this.#legs.size;
  }

  start(sink: SwitchSink): Promise<void> {
    this.#sink = sink;
    return Promise.resolve();
  }

  /** Takes a connection that nobody asked for. False: we are closed, and it is still the caller's. */
  offer(connection: AudioSocketConnection): boolean {
    if (this.#sink === null) return false;
    const { clock, profile } = this.#options;
    const leg: AudioSocketLeg = new AudioSocketLeg({
      clock,
      connection,
      switchName: this.name,
      onOver: () => void this.#legs.delete(leg.id),
    });
    this.#legs.set(leg.id, leg);
    this.#sink.onCall(leg, profile);
    return true;
  }

  /** A call of ours has had its voice from the start. @throws ERR_TALKSPURT_ALREADY_RUNNING, ERR_TALKSPURT_UNKNOWN_CALL */
  attach(channelId: string): Promise<CallLeg> {
    const error = this.#legs.has(channelId)
      ? new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'this call already has a voice')
      : new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', `${this.name} has no such call: the dialplan brings them`);
    return Promise.reject(error);
  }

  /** @throws ERR_TALKSPURT_NOT_SUPPORTED */
  command(): Promise<string> {
    const message = `${this.name} takes no commands: ask the Asterisk itself`;
    return Promise.reject(new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message));
  }

  /** Closes every connection, on which the dialplan goes on; new ones are refused. */
  async stop(): Promise<void> {
    this.#sink = null;
    await Promise.allSettled([...this.#legs.values()].map((leg) => leg.release()));
    this.#legs.clear();
  }
}
