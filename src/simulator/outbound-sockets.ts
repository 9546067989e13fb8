/** All the outbound connections of a simulated switch: calls that run the application `socket`. */
import { splitCommand } from '../switch/freeswitch/esl-dialogue.ts';
import type { EslServerEvent } from '../switch/freeswitch/esl-server-event.ts';
import { OutboundConnection, outboundTarget } from './outbound-connection.ts';
import type { OutboundHost } from './outbound-connection.ts';
import type { SimulatedChannel } from './simulated-channel.ts';

/** What is the same for every connection. */
export type OutboundSwitch = Omit<OutboundHost, 'uuid' | 'channelName' | 'describe' | 'variable' | 'onClosed'> & {
  describe(channel: SimulatedChannel, more: readonly (readonly [string, string])[]): string;
};

/** The headers of the event that tells a background job's result. */
export function jobHeaders(job: Parameters<OutboundHost['jobDone']>[0]): (readonly [string, string])[] {
  const [command, argument] = splitCommand(job.line);
  return [
    ['Job-UUID', job.jobUuid],
    ['Job-Command', command],
    ['Job-Command-Arg', argument],
    ['Job-Owner-UUID', job.owner],
  ];
}

/** Owns the connections. */
export class OutboundSockets {
  readonly #switch: OutboundSwitch;
  readonly #open = new Map<OutboundConnection, SimulatedChannel>();

  constructor(simulated: OutboundSwitch) {
    this.#switch = simulated;
  }

  /** Null when the data name no address. */
  connect(channel: SimulatedChannel, data: string): OutboundConnection | null {
    const target = outboundTarget(data);
    if (target === null) return null;
    if (target.path !== '') channel.variables.set('socket_path', target.path);
    const connection = new OutboundConnection(target, {
      ...this.#switch,
      uuid: channel.uuid,
      channelName: channel.describe().name,
      describe: (more) => this.#switch.describe(channel, more),
      variable: (name) => channel.variables.get(name),
      onClosed: (closed) => this.#open.delete(closed),
    });
    this.#open.set(connection, channel);
    return connection;
  }

  fire(event: EslServerEvent): void {
    for (const connection of this.#open.keys()) connection.deliver(event);
  }

  /** The call's last event is out. */
  onDestroyed(channel: SimulatedChannel): void {
    for (const [connection, of] of this.#open) if (of === channel) connection.linger();
  }

  pause(paused: boolean): void {
    for (const connection of this.#open.keys()) connection.pause(paused);
  }

  /** Cuts them all. */
  close(): void {
    for (const connection of [...this.#open.keys()]) connection.destroy();
  }
}
