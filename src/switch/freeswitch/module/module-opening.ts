/**
 * From a channel to audio that flows through the switch's own module: variables, `start`, the module's connection to us, first frame.
 * And back: `stop` before our end is closed, because a module whose server hangs up first stays on the channel and refuses to be
 * started again.
 */
import type { Clock } from '../../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../../core/errors.ts';
import type { MediaFormat } from '../../../core/media.ts';
import { LIMITS } from '../../../limits.ts';
import { isChannelId } from '../esl-command-text.ts';
import type { EslEvent, EslLink } from '../esl-link.ts';
import { BinaryPlayback } from './binary-playback.ts';
import { FilePlayback } from './file-playback.ts';
import type { ModuleConnection } from './module-connection.ts';
import { checkModuleFit } from './module-detection.ts';
import type { ModuleDetection } from './module-detection.ts';
import { moduleEvents, playMessage, startCommand, stopCommand, streamVariables } from './module-dialect.ts';
import { jsonObject } from './module-playback.ts';
import type { ModulePlayback } from './module-playback.ts';
import { basicAuthorization } from './module-server.ts';
import type { ModuleServer } from './module-server.ts';
import { ModuleTransport } from './module-transport.ts';

/** One stream as it is wanted. */
export interface ModuleMediaOptions {
  readonly uuid: string;
  readonly link: EslLink;
  readonly server: ModuleServer;
  /** Host of ours as the switch reaches it; default: the one that the server is bound to. */
  readonly advertiseHost?: string;
  readonly detection: ModuleDetection;
  readonly mix: 'mono' | 'mixed' | 'stereo';
  readonly sampleRateHz: number;
  /** Whether the agent talks on this call; otherwise it only listens. */
  readonly play: boolean;
  /** Whether anything writes to the channel all the time; see {@link checkModuleFit}. */
  readonly written: boolean;
  /** Told to us by the module in its first text, or nearly. */
  readonly metadata?: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A text of the module that is not about playback. Personal. */
  onText?(text: string): void;
  /** Something that the call survives. */
  onFault?(error: TalkspurtError): void;
}

const PTIME_MS = 20;
const FORK_USER = 'MOD_AUDIO_BASIC_AUTH_USERNAME';
const FORK_PASSWORD = 'MOD_AUDIO_BASIC_AUTH_PASSWORD';
const STREAM_HEADERS = 'STREAM_EXTRA_HEADERS';

/** One stream: made, told of events while it opens, opened once. */
export class ModuleMedia {
  readonly #options: ModuleMediaOptions;
  readonly #failures: readonly string[];
  readonly #failed = new AbortController();
  #transport: ModuleTransport | null = null;
  /** What runs on the channel is ours to stop. */
  #started = false;

  constructor(options: ModuleMediaOptions) {
    this.#options = options;
    this.#failures = moduleEvents(options.detection).failures;
  }

  /** Whatever the link says of this channel, CUSTOM events of the module among it; others are ignored. */
  onEvent(event: EslEvent): void {
    if (event.uuid !== this.#options.uuid) return;
    if (event.name === 'CUSTOM' && this.#failures.includes(event.headers['Event-Subclass'] ?? '')) {
      this.#failed.abort(failure(event.body));
      return;
    }
    this.#transport?.onEvent(event);
  }

  /**
   * Opens the audio of an answered channel. When it rejects, nothing of ours is left on it.
   * @throws ERR_TALKSPURT_MODULE_UNFIT, _MODULE_SILENT, _SWITCH_COMMAND, _COMMAND_SYNTAX, _LINK_*, or the signal's reason
   */
  async open(): Promise<ModuleTransport> {
    const { uuid, link, detection, play } = this.#options;
    if (!isChannelId(uuid)) throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', 'not the id of a channel');
    const sampleRateHz = checkModuleFit(detection, this.#options);
    const format: MediaFormat = { codec: 'l16', sampleRateHz, ptimeMs: PTIME_MS };
    const { play: playEvent, failures } = moduleEvents(detection);
    for (const subclass of play ? [playEvent, ...failures] : failures) await link.subscribe(subclass);
    let connection: ModuleConnection | null = null;
    try {
      connection = await this.#connected(sampleRateHz);
      return await this.#flowing(connection, format);
    } catch (error) {
      if (this.#transport === null) {
        await this.#stop();
        await connection?.close();
      } else await this.#transport.close();
      throw asTalkspurtError(error);
    }
  }

  async #connected(sampleRateHz: number): Promise<ModuleConnection> {
    const { uuid, server, detection, mix, metadata = null, play, advertiseHost, signal } = this.#options;
    const token = server.newToken();
    const url = server.url(token, advertiseHost);
    const start = startCommand(detection, { uuid, url, mix, sampleRateHz, metadata, play });
    for (const variable of streamVariables(detection, play, sampleRateHz)) {
      await this.#command(`uuid_setvar ${uuid} ${variable.replace('=', ' ')}`);
    }
    const credentials = this.#credentials();
    try {
      for (const [name, value] of credentials) await this.#command(`uuid_setvar ${uuid} ${name} ${value}`);
      const giveUp = AbortSignal.any([signal, this.#failed.signal]);
      const refused = new AbortController();
      const expected = server.expect(token, { signal: AbortSignal.any([giveUp, refused.signal]) });
      // It may fail before it is waited for.
      expected.catch(() => undefined);
      try {
        await this.#start(start);
      } catch (error) {
        refused.abort(asTalkspurtError(error));
      }
      return await expected;
    } finally {
      // Passwords do not stay on the channel, whose variables many can read.
      for (const [name] of credentials) await this.#quietly(`uuid_setvar ${uuid} ${name}`);
    }
  }

  /** A stream of somebody else's is neither taken over nor stopped. */
  async #start(command: string): Promise<void> {
    // Also when no answer comes: it may have been carried out.
    this.#started = true;
    const reply = await this.#options.link.api(command);
    if (reply.startsWith('+OK')) return;
    this.#started = false;
    const { detection } = this.#options;
    const why = reply.startsWith('-USAGE')
      ? 'it takes other arguments: is it another version?'
      : reply.startsWith('-ERR no reply')
        ? 'it did not like the arguments'
        : `a stream runs on the channel already, or was left behind (${detection.command} <uuid> stop ends it), or the channel is gone`;
    throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', `${detection.module} refused to start: ${why}`);
  }

  async #flowing(connection: ModuleConnection, format: MediaFormat): Promise<ModuleTransport> {
    const { clock, mix, signal, play } = this.#options;
    const transport = new ModuleTransport({
      clock,
      connection,
      format,
      channels: mix === 'stereo' ? 2 : 1,
      playback: play ? this.#playback(connection, format) : null,
      onText: (text) => this.#options.onText?.(text),
      onClose: () => this.#stop(),
    });
    this.#transport = transport;
    await transport.firstFrame(LIMITS.moduleFirstFrameMs, AbortSignal.any([signal, this.#failed.signal]));
    return transport;
  }

  #playback(connection: ModuleConnection, format: MediaFormat): ModulePlayback {
    const { clock, uuid, link, detection } = this.#options;
    if (detection.canPlay === 'binary') {
      return new BinaryPlayback({ clock, connection, format, marks: detection.edition === 'jambonz' });
    }
    return new FilePlayback({
      clock,
      connection,
      format,
      playEvent: moduleEvents(detection).play,
      message: (base64, sampleRateHz, batch) => playMessage(detection, base64, sampleRateHz, batch),
      play: (file) => {
        const execute = { 'call-command': 'execute', 'execute-app-name': 'playback', 'execute-app-arg': file };
        link.sendMessage(uuid, { ...execute, 'event-lock': 'true' }).catch(this.#fault);
      },
      breakOff: () => void link.api(`uuid_break ${uuid} all`).catch(this.#fault),
      onFault: this.#fault,
    });
  }

  readonly #fault = (error: unknown): void => this.#options.onFault?.(asTalkspurtError(error));

  #credentials(): readonly (readonly [string, string])[] {
    const { server, detection } = this.#options;
    const { basicAuth } = server;
    if (basicAuth === null) return [];
    return detection.module === 'mod_audio_fork'
      ? [
          [FORK_USER, basicAuth.username],
          [FORK_PASSWORD, basicAuth.password],
        ]
      : [[STREAM_HEADERS, JSON.stringify({ Authorization: basicAuthorization(basicAuth) })]];
  }

  /** @throws ERR_TALKSPURT_SWITCH_COMMAND without what was sent, which may be secret */
  async #command(line: string): Promise<void> {
    const reply = await this.#options.link.api(line);
    if (reply.startsWith('+OK')) return;
    const message = `the switch refused ${line.split(' ', 1)[0]}: is the channel gone?`;
    throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message);
  }

  async #quietly(line: string): Promise<void> {
    try {
      await this.#options.link.api(line);
    } catch (error) {
      this.#fault(error);
    }
  }

  /**
   * Stops what runs on the channel, if anything of ours does; what could not be said for want of a link is said then.
   * @throws ERR_TALKSPURT_LINK_*
   */
  async stop(): Promise<void> {
    if (!this.#started) return;
    const { link, detection, uuid } = this.#options;
    // `-ERR` when it has ended already, which is what was wanted.
    await link.api(stopCommand(detection, uuid));
    this.#started = false;
  }

  async #stop(): Promise<void> {
    try {
      await this.stop();
    } catch (error) {
      this.#fault(error);
    }
  }
}

/** What the module says of why it could not connect; its own words are for its log. */
function failure(body: string): TalkspurtError {
  const object = jsonObject(body);
  const message = object?.['message'] as Readonly<Record<string, unknown>> | null | undefined;
  const code = typeof message?.['code'] === 'number' ? message['code'] : undefined;
  const text = `the switch's module could not connect to us${code === undefined ? '' : ` (error ${code})`}: does the switch reach our address and port, and is it allowed in?`;
  return new TalkspurtError('ERR_TALKSPURT_MODULE_SILENT', text, { details: { code } });
}
