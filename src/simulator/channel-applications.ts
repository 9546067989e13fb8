/** What a simulated channel executes: a script from the dialplan, and on top of it what clients make it execute. */
import { randomUUID } from 'node:crypto';
import type { Application } from './application-text.ts';
import type { ChannelBridge } from './channel-bridge.ts';
import type { ParkLoop } from './channel-unicast.ts';
import type { ChannelEavesdrop } from './eavesdrop.ts';
import { streamMs, toneFrame } from './tone-stream.ts';

/** What applications do to their channel. */
export interface ApplicationHost {
  mediaUp(): boolean;
  readonly format: { readonly sampleRateHz: number; readonly ptimeMs: number; readonly frameSamples: number };
  answer(): void;
  preAnswer(): void;
  hangup(cause: string): void;
  readonly variables: Map<string, string>;
  sendDigits(digits: string): void;
  readonly bridge: ChannelBridge;
  readonly eavesdrop: ChannelEavesdrop;
  /** The application `socket`; null: the data name no address. */
  connect(data: string): ChannelConnection | null;
  /** The application `transfer`: at its next turn the channel goes there. */
  transfer(destination: string, dialplan: string): void;
  held(): boolean;
  /** Why the channel is being hung up, or null while it is not. */
  hangupCause(): number | null;
  /** A file that can be played, at the channel's rate; null: there is none such. */
  sound(path: string): Int16Array | null;
  /** Says samples to the channel's own phone; the frame is handed over. */
  write(samples: Int16Array): void;
  /** A playback, a tone, a bridge: what ends unicast. */
  resetMedia(): void;
  onParkTick(park: ParkLoop, samples: Int16Array | null): void;
  fire(name: string, headers?: readonly (readonly [string, string])[]): void;
}

/** Somebody outside who runs the channel. */
export interface ChannelConnection {
  readonly over: boolean;
  readonly parks: boolean;
  /** The channel does something else now, or has gone. */
  leave(gone: boolean): void;
}

/** An application that takes time; the innermost one runs. */
interface Running extends Application {
  readonly applicationUuid: string;
  /** Parked: by `park`, and by `socket` once the other side has taken over. */
  park: ParkLoop | null;
  /** The connection of `socket`. */
  connection: ChannelConnection | null;
  /** Tells who had it executed that it is over. */
  readonly onEnd: () => void;
  /** Ticks until it ends by itself; Infinity: it does not. */
  remainingTicks: number;
  /** What a playback of a file plays. */
  sound: Int16Array | null;
  /** Frames of a playback that were played; null for everything else. */
  playedFrames: number | null;
}

/** What joins two channels: by an API command, from the dialplan, and at the far end of the latter. */
const BRIDGES = new Set(['uuid_bridge', 'bridge', 'exchange_media']);
/** What no client can have executed. */
const INTERNAL = new Set(['uuid_bridge', 'exchange_media', 'limbo']);
const ENDLESS = Number.POSITIVE_INFINITY;
const RESPONSE = 'current_application_response';

/** The dialplan of one channel, as it runs. */
export class ChannelApplications {
  readonly #host: ApplicationHost;
  readonly #stack: Running[] = [];
  /** The connection of a `socket` that the channel has left. */
  #outlived: ChannelConnection | null = null;
  #script: Application[] = [];

  constructor(host: ApplicationHost) {
    this.#host = host;
  }

  /** The innermost application; the exchange of media at the called end of a bridge is none. */
  get current(): Application | null {
    const running = this.#stack.at(-1);
    return running === undefined || running.name === 'exchange_media' ? null : running;
  }

  /** Whether the channel's thread does nothing at all, not even read what the phone says: until it is sent elsewhere. */
  get stranded(): boolean {
    return this.#stack.at(-1)?.name === 'limbo' || this.#host.bridge.waits;
  }

  /** The running park loop, even while a playback runs inside it; null when the channel is not parked. */
  get park(): ParkLoop | null {
    return this.#stack.findLast((running) => running.park !== null)?.park ?? null;
  }

  /** Leaves everything that runs and begins a new script. */
  begin(script: readonly Application[]): void {
    this.leaveAll();
    this.#script = [...script];
    this.#advance();
  }

  /** Ends all that runs, as a transfer or a hang-up does; `between`: when only the outermost is left. */
  leaveAll(between: () => void = nothing): void {
    this.#script = [];
    while (this.#stack.length > 1) this.#end('PLAYBACK ERROR');
    between();
    if (this.#stack.length > 0) this.#end('PLAYBACK ERROR');
  }

  /** Announces an application that ends before it has begun, as on a channel that is about to go elsewhere. */
  pass(application: Application): void {
    if (!Object.hasOwn(STARTERS, application.name)) return;
    const running = { ...application, applicationUuid: randomUUID() };
    this.#host.fire('CHANNEL_EXECUTE', this.#describe(running));
    this.#host.fire('CHANNEL_EXECUTE_COMPLETE', this.#describe(running, '_none_'));
  }

  /** Executes on top of what runs; false: there is no such application. `onEnd` is called when it is over, perhaps at once. */
  execute(application: Application, onEnd: () => void = nothing): boolean {
    const { name, data } = application;
    const start = Object.hasOwn(STARTERS, name) ? STARTERS[name] : undefined;
    if (start === undefined || (INTERNAL.has(name) && application.unannounced !== true)) return false;
    // A second park loop inside the first is refused by FreeSWITCH, with a line in its log.
    if (name === 'park' && this.park !== null) {
      onEnd();
      return true;
    }
    const running: Running = {
      ...application,
      applicationUuid: randomUUID(),
      park: name === 'park' ? this.#newPark() : null,
      connection: null,
      onEnd,
      remainingTicks: ENDLESS,
      sound: null,
      playedFrames: null,
    };
    if (running.unannounced !== true) {
      this.#host.variables.set('current_application', name);
      if (data === '') this.#host.variables.delete('current_application_data');
      else this.#host.variables.set('current_application_data', data);
      this.#host.variables.delete(RESPONSE);
      this.#host.fire('CHANNEL_EXECUTE', this.#describe(running));
    }
    this.#stack.push(running);
    if (!start(this.#host, running)) this.#end(null);
    return true;
  }

  /** `uuid_break`: ends the innermost playback. */
  breakPlayback(): void {
    if (typeof this.#stack.at(-1)?.playedFrames !== 'number') return;
    // Broken or not, FreeSWITCH says the same.
    this.#end('FILE PLAYED', true);
    this.#advance();
  }

  /** One ptime. `samples` is what the phone said, null when it sent no RTP. */
  tick(samples: Int16Array | null): void {
    const running = this.#stack.at(-1);
    if (running === undefined) return;
    if (this.#endedWithSocket(running)) return;
    if (running.connection !== null && this.#tickSocket(running, running.connection)) return;
    if (running.park !== null) {
      this.#host.onParkTick(running.park, samples);
      if (running.park.writesSilence) this.#host.write(new Int16Array(this.#host.format.frameSamples));
    } else if (running.playedFrames !== null) {
      // On hold nothing is read, and what is played stands still.
      if (this.#host.held()) return;
      this.#host.write(playedFrame(running, running.playedFrames, this.#host.format));
      running.playedFrames += 1;
    } else if (BRIDGES.has(running.name)) {
      if (!this.#host.bridge.tick(samples)) this.#endBridge(running);
      return;
    } else if (running.name === 'eavesdrop') {
      if (this.#host.eavesdrop.tick(samples)) return;
      this.#end(null);
      this.#advance();
      return;
    } else if (running.name === 'echo' && samples !== null) this.#host.write(samples.slice());
    running.remainingTicks -= 1;
    if (running.remainingTicks > 0) return;
    this.#end('FILE PLAYED');
    this.#advance();
  }

  /** The connection of `socket` decides: true, this turn is done. */
  #tickSocket(running: Running, connection: ChannelConnection): boolean {
    if (connection.over) {
      this.#end(null);
      this.#advance();
      return true;
    }
    if (running.park !== null || !connection.parks) return running.park === null;
    running.park = this.#newPark();
    this.#host.fire('CHANNEL_PARK');
    return true;
  }

  /** A connection outlives its application: FreeSWITCH closes it with the call. Whenever it ends, so does a park. */
  #leaveSocket(connection: ChannelConnection | null): void {
    if (connection !== null && !connection.over) this.#outlived = connection;
    if (this.#host.hangupCause() === null) return;
    this.#outlived?.leave(true);
    this.#outlived = null;
  }

  /** True: the end of an earlier connection has ended this turn's park. */
  #endedWithSocket(running: Running): boolean {
    if (this.#outlived?.over !== true || running.connection !== null) return false;
    this.#outlived = null;
    if (running.park === null) return false;
    this.#end(null);
    this.#advance();
    return true;
  }

  /** `send_silence_when_idle` counts as it is when the park begins. */
  #newPark(): ParkLoop {
    const idle = Number.parseInt(this.#host.variables.get('send_silence_when_idle') ?? '', 10);
    return { unicast: null, writesSilence: Number.isFinite(idle) && idle !== 0 };
  }

  /** The other side has gone, or never came. */
  #endBridge(running: Running): void {
    // A call that came to nothing may have ended this one, and with it all that ran.
    if (this.#stack.at(-1) !== running) return;
    const { bridge } = this.#host;
    const { wasJoined } = bridge;
    // What the variables say is done before the application is told to be over.
    bridge.leave(null);
    const goes = wasJoined && bridge.after();
    if (this.#stack.at(-1) !== running) return;
    this.#end(null);
    if (goes) return;
    if (running.name === 'uuid_bridge') this.#host.bridge.resume();
    this.#advance();
  }

  /** Runs the script on until an application takes time, or the script is over: then the call is. */
  #advance(): void {
    while (this.#stack.length === 0) {
      const next = this.#script.shift();
      if (next === undefined) {
        this.#host.hangup('NORMAL_CLEARING');
        return;
      }
      if (!this.execute(next)) {
        this.#host.hangup('DESTINATION_OUT_OF_ORDER');
        return;
      }
    }
  }

  /** `response` is what a playback leaves behind; other applications leave nothing of their own. */
  #end(response: string | null, broken = false): void {
    const running = this.#stack.pop();
    if (running === undefined) return;
    if (running.park !== null) this.#host.fire('CHANNEL_UNPARK');
    if (BRIDGES.has(running.name)) this.#host.bridge.leave(this.#host.hangupCause());
    this.#leaveSocket(running.connection);
    if (running.name === 'eavesdrop') this.#host.eavesdrop.leave();
    if (running.playedFrames !== null && response !== null) {
      this.#host.variables.set(RESPONSE, response);
      this.#host.fire('PLAYBACK_STOP', [
        ['Playback-File-Path', running.data],
        ['Playback-File-Type', 'local'],
        ['Playback-Status', response === 'FILE PLAYED' && !broken ? 'done' : 'break'],
      ]);
    }
    if (running.unannounced !== true) {
      this.#host.fire(
        'CHANNEL_EXECUTE_COMPLETE',
        this.#describe(running, this.#host.variables.get(RESPONSE) ?? '_none_'),
      );
    }
    running.onEnd();
  }

  #describe(
    running: Application & { readonly applicationUuid: string },
    response?: string,
  ): (readonly [string, string])[] {
    const headers: (readonly [string, string])[] = [['Application', running.name]];
    if (running.data !== '') headers.push(['Application-Data', running.data]);
    if (response !== undefined) headers.push(['Application-Response', response]);
    headers.push(['Application-UUID', running.applicationUuid]);
    return headers;
  }
}

/** Starts an application; false: it is done already. */
type Starter = (host: ApplicationHost, running: Running) => boolean;

const STARTERS: Readonly<Record<string, Starter>> = {
  answer: (host) => (host.answer(), false),
  pre_answer: (host) => (host.preAnswer(), false),
  hangup: (host, { data }) => (host.hangup(data), false),
  set: (host, { data }) => {
    const equals = data.indexOf('=');
    if (equals > 0) host.variables.set(data.slice(0, equals), data.slice(equals + 1));
    return false;
  },
  unset: (host, { data }) => (host.variables.delete(data), false),
  transfer: (host, { data }) => {
    const [destination = '', dialplan = 'XML'] = data.split(/ +/);
    host.transfer(destination, dialplan);
    return false;
  },
  send_dtmf: (host, { data }) => (host.sendDigits(data), false),
  park: (host) => (host.fire('CHANNEL_PARK'), true),
  sleep: (host, running) => {
    running.remainingTicks = Math.max(1, Math.ceil((Number.parseInt(running.data, 10) || 0) / host.format.ptimeMs));
    return true;
  },
  echo: (host) => (ensureMedia(host), host.resetMedia(), true),
  uuid_bridge: (host) => (host.resetMedia(), host.bridge.meet()),
  limbo: () => true,
  bridge: (host, { data }) => (host.resetMedia(), host.bridge.dial(data)),
  exchange_media: (host) => (host.resetMedia(), host.bridge.join()),
  socket: (host, running) => {
    running.connection = host.connect(running.data);
    return running.connection !== null;
  },
  eavesdrop: (host, { data }) => (ensureMedia(host), host.eavesdrop.start(data)),
  playback: startPlayback,
  endless_playback: startPlayback,
  gentones: startPlayback,
  speak: startPlayback,
};

function startPlayback(host: ApplicationHost, running: Running): boolean {
  ensureMedia(host);
  // FreeSWITCH resets the channel first and only then finds that it cannot open the file.
  host.resetMedia();
  running.sound = host.sound(running.data);
  const seconds = (running.sound?.length ?? 0) / host.format.sampleRateHz;
  const milliseconds = running.sound === null ? streamMs(running.data) : seconds * 1000;
  if (milliseconds === null) {
    host.variables.set(RESPONSE, 'FILE NOT FOUND');
    return false;
  }
  running.playedFrames = 0;
  if (running.name !== 'endless_playback')
    running.remainingTicks = Math.max(1, Math.ceil(milliseconds / host.format.ptimeMs));
  host.fire('PLAYBACK_START', [
    ['Playback-File-Path', running.data],
    ['Playback-File-Type', 'local'],
  ]);
  return true;
}

/** The last frame of a file is filled up with silence. */
function playedFrame({ sound, data }: Running, frame: number, format: ApplicationHost['format']): Int16Array {
  if (sound === null) return toneFrame(data, frame, format);
  const samples = new Int16Array(format.frameSamples);
  samples.set(sound.subarray(frame * format.frameSamples, (frame + 1) * format.frameSamples));
  return samples;
}

function ensureMedia(host: ApplicationHost): void {
  if (!host.mediaUp()) host.preAnswer();
}

function nothing(): void {
  // The default for those who do not wait for the end.
}
