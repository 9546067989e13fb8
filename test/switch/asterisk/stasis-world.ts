/** An adapter over the fake ARI, with a media path and a sink that do what a test says. */
import { AsteriskAdapter } from '../../../src/switch/asterisk/asterisk-adapter.ts';
import type { AsteriskAdapterOptions } from '../../../src/switch/asterisk/asterisk-adapter.ts';
import type { AsteriskMediaPath, MediaWanted, PreparedMedia } from '../../../src/switch/asterisk/media-path.ts';
import type { CallLeg, LegListener, RememberedOrders, SwitchSink } from '../../../src/switch/switch-adapter.ts';
import type { MediaTransport } from '../../../src/transport/media-transport.ts';
import { FakeClock } from '../../sim/fake-clock.ts';
import { FakeTransport, RecordingEvents } from '../../sim/fake-peers.ts';
import { FakeAri } from './fake-ari.ts';

export class FakePath implements AsteriskMediaPath {
  readonly kind = 'rtp';
  readonly wanted: MediaWanted[] = [];
  readonly transports: FakeTransport[] = [];
  abandoned = 0;
  closes = 0;
  /** Prepared, and neither abandoned nor closed. */
  open = 0;
  beforePrepare: () => Promise<void> = () => Promise.resolve();
  beforeConnect: () => Promise<void> = () => Promise.resolve();

  async prepare(wanted: MediaWanted): Promise<PreparedMedia> {
    this.wanted.push(wanted);
    await this.beforePrepare();
    this.open += 1;
    let handedOut = false;
    let freed = false;
    const free = (): Promise<void> => {
      if (!freed) this.open -= 1;
      freed = true;
      return Promise.resolve();
    };
    return {
      externalMedia: { external_host: '127.0.0.1:30100', encapsulation: 'rtp', transport: 'udp', format: 'ulaw' },
      connect: async (): Promise<MediaTransport> => {
        await this.beforeConnect();
        const transport = new FakeTransport();
        transport.onClose = free;
        this.transports.push(transport);
        handedOut = true;
        return transport;
      },
      abandon: async () => {
        this.abandoned += 1;
        if (!handedOut) await free();
      },
    };
  }

  close(): Promise<void> {
    this.closes += 1;
    return Promise.resolve();
  }
}

export interface TakenCall {
  readonly leg: CallLeg;
  readonly profile: string;
  readonly adopted: boolean | RememberedOrders;
}

/** What a session would be told, as words. */
export function listening(leg: CallLeg): string[] {
  const told: string[] = [];
  const listener: LegListener = {
    onHangup: (cause) => told.push(`hangup ${cause}`),
    onDigit: (digit, durationMs) => told.push(`digit ${digit} ${durationMs}`),
    onMediaEnded: (reason, as) => told.push(`${as ?? 'media ended'}: ${reason}`),
  };
  leg.listen(listener);
  return told;
}

export class StasisWorld {
  readonly ari = new FakeAri();
  readonly clock = new FakeClock();
  readonly events = new RecordingEvents();
  readonly path = new FakePath();
  readonly calls: TakenCall[] = [];
  readonly adapter: AsteriskAdapter;

  constructor(options: Partial<AsteriskAdapterOptions> = {}) {
    const { ari: link, clock, events, path: media } = this;
    this.adapter = new AsteriskAdapter({ name: 'pbx', link, clock, events, media, format: 'ulaw', ...options });
  }

  get sink(): SwitchSink {
    return {
      onCall: (leg, profile, adopted = false) => void this.calls.push({ leg, profile, adopted }),
      onLinkDown: () => undefined,
      onLinkUp: () => undefined,
    };
  }

  async start(): Promise<this> {
    await this.adapter.start(this.sink);
    await settle();
    return this;
  }

  /** A call that came in and was taken. */
  async call(id = 'c1', args: readonly string[] = ['profile=agent']): Promise<CallLeg> {
    this.ari.enter(id, args);
    await settle();
    const taken = this.calls.find(({ leg }) => leg.id === id);
    if (taken === undefined) throw new Error('the call was not taken');
    return taken.leg;
  }

  /** Channels and bridges that bear ids of ours. */
  get ours(): string[] {
    return [...this.ari.channels.keys(), ...this.ari.bridges].filter((id) => id.startsWith('talkspurt-'));
  }

  /** Requests since the last time, ids of ours left out. */
  said(): string[] {
    return this.ari.requests
      .splice(0)
      .map((line) => line.replaceAll(/talkspurt-([a-z]+)-[0-9a-f]{8}-[0-9a-f-]{36}/g, 'our-$1'));
  }
}

/** Long chains of answers: more turns than the clock's own `settle` gives. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
