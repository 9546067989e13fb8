/** An ARI link whose odd moments are told of and counted: requests that Asterisk refuses, and events of a kind nobody knows. */
import type { Clock } from '../../core/clock.ts';
import type { EventSink } from '../../core/events.ts';
import { statusOf } from './asterisk-requests.ts';
import type { AriEvent, AriLink, AriLinkListener, AriRequest } from './ari-link.ts';

/** The same link; owned as the one that it stands before. */
export class AriObservedLink implements AriLink {
  readonly name: string;
  readonly app: string;
  readonly #link: AriLink;
  readonly #clock: Clock;
  readonly #events: EventSink;

  constructor(link: AriLink, clock: Clock, events: EventSink) {
    this.name = link.name;
    this.app = link.app;
    this.#link = link;
    this.#clock = clock;
    this.#events = events;
  }

  get up(): boolean {
    return this.#link.up;
  }

  async start(listener: AriLinkListener): Promise<void> {
    await this.#link.start({
      onUp: (info) => listener.onUp(info),
      onDown: (error, retryInMs) => listener.onDown(error, retryInMs),
      onEvent: (event) => {
        this.#look(event);
        listener.onEvent(event);
      },
      onFault: (error) => listener.onFault?.(error),
    });
  }

  async request(request: AriRequest): Promise<unknown> {
    try {
      return await this.#link.request(request);
    } catch (error) {
      const status = statusOf(error);
      if (status !== 0) {
        this.#events.emit({ type: 'request.refused', link: this.name, status, atMs: this.#clock.nowMs() });
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  #look({ type }: AriEvent): void {
    if (KNOWN.has(type)) return;
    // Of a peer's word no more than a name.
    const kind = /^[A-Za-z]{1,64}$/.test(type) ? type : 'unnamed';
    this.#events.emit({ type: 'peer.unknown', peer: this.name, kind, atMs: this.#clock.nowMs() });
  }
}

/** Events of Asterisk 22 (its api-docs), whether or not we do anything about them. */
const KNOWN: ReadonlySet<string> = new Set(
  `ApplicationMoveFailed ApplicationRegistered ApplicationReplaced ApplicationUnregistered
  BridgeAttendedTransfer BridgeBlindTransfer BridgeCreated BridgeDestroyed BridgeMerged BridgeVideoSourceChanged
  ChannelCallerId ChannelConnectedLine ChannelCreated ChannelDestroyed ChannelDialplan ChannelDtmfReceived
  ChannelEnteredBridge ChannelHangupRequest ChannelHold ChannelLeftBridge ChannelStateChange ChannelTalkingFinished
  ChannelTalkingStarted ChannelToneDetected ChannelTransfer ChannelUnhold ChannelUserevent ChannelVarset
  ContactStatusChange DeviceStateChanged Dial EndpointStateChange MissingParams PeerStatusChange PlaybackContinuing
  PlaybackFinished PlaybackStarted RESTResponse RecordingFailed RecordingFinished RecordingStarted StasisEnd StasisStart
  TextMessageReceived`.split(/\s+/),
);
