/**
 * An Asterisk's ARI behind the port, in memory: channels, bridges and one application, which do what a real Asterisk 22.10.1 was
 * seen to do. Answers one turn of the event loop later, and does as a test says where it is told to.
 */
import { TalkspurtError } from '../../../src/core/errors.ts';
import type { AriEvent, AriInfo, AriLink, AriLinkListener, AriRequest } from '../../../src/switch/asterisk/ari-link.ts';

export interface FakeChannel {
  readonly id: string;
  name: string;
  state: string;
  /** In our application. */
  inApp: boolean;
  bridge: string | null;
  readonly variables: Map<string, string>;
  subscribed: boolean;
  /** What its application was given, as one text. */
  data: string;
}

const INFO: AriInfo = { version: '22.10.1', startupTime: '2026-11-21T11:25:55.918+0000' };

/** What Asterisk says when it says no. */
export function refusal(status: number, message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_ARI_REFUSED', message, { details: { status } });
}

export function linkDown(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', 'the link is down');
}

export class FakeAri implements AriLink {
  readonly name = 'pbx';
  readonly app = 'talkspurt';
  readonly channels = new Map<string, FakeChannel>();
  readonly bridges = new Set<string>();
  /** Every request, as `POST channels/x/answer`, with its query behind where it has one. */
  readonly requests: string[] = [];
  /** Each is the answer in place of Asterisk's; one that throws is a refusal; undefined: what Asterisk says. */
  answer: (line: string, request: AriRequest) => unknown = () => undefined;
  /** Whether a media channel comes into the application by itself. */
  mediaArrives = true;
  up = false;
  closes = 0;
  listener: AriLinkListener | null = null;

  start(listener: AriLinkListener): Promise<void> {
    this.listener = listener;
    this.comeUp();
    return Promise.resolve();
  }

  comeUp(info: Partial<AriInfo> = {}): void {
    this.up = true;
    this.listener?.onUp({ ...INFO, ...info });
  }

  goDown(): void {
    this.up = false;
    this.listener?.onDown(linkDown(), 250);
  }

  /** Asterisk is started anew. */
  restart(): void {
    this.goDown();
    this.channels.clear();
    this.bridges.clear();
    this.comeUp({ startupTime: '2026-11-21T12:00:00.000+0000' });
  }

  close(): Promise<void> {
    this.up = false;
    this.closes += 1;
    return Promise.resolve();
  }

  async request(request: AriRequest): Promise<unknown> {
    if (!this.up) throw linkDown();
    const query = new URLSearchParams(request.query).toString();
    const line = `${request.method} ${request.path}${query === '' ? '' : `?${query}`}`;
    this.requests.push(line);
    await Promise.resolve();
    const told = await this.answer(line, request);
    if (told !== undefined) return told;
    return this.#carryOut(request);
  }

  event(event: AriEvent): void {
    if (this.up) this.listener?.onEvent(event);
  }

  /** The dialplan sends a call into our application. */
  enter(id: string, args: readonly string[], channel: Partial<FakeChannel> = {}): FakeChannel {
    const entered = this.add(id, { inApp: true, ...channel });
    this.event({ type: 'StasisStart', args, channel: this.json(entered), application: this.app });
    return entered;
  }

  /** A channel without any word about it. */
  add(id: string, channel: Partial<FakeChannel> = {}): FakeChannel {
    const made: FakeChannel = {
      id,
      name: `PJSIP/alice-${id}`,
      state: 'Up',
      inApp: false,
      bridge: null,
      variables: new Map(),
      subscribed: false,
      data: `${this.app},profile=agent`,
      ...channel,
    };
    this.channels.set(id, made);
    return made;
  }

  /** The channel is hung up, by its far end or by us. */
  hangUp(id: string, cause: number, soft = false): void {
    const channel = this.channels.get(id);
    if (channel === undefined) return;
    const json = this.json(channel);
    this.channels.delete(id);
    const ours = channel.inApp || channel.subscribed;
    if (ours)
      this.event({ type: 'ChannelHangupRequest', cause: soft ? 32 : cause, ...(soft ? { soft } : {}), channel: json });
    this.#leaveBridge(channel, json);
    if (channel.inApp) this.event({ type: 'StasisEnd', channel: json });
    // As Asterisk: only who has asked to be told hears of the end.
    if (channel.subscribed || channel.name.startsWith('UnicastRTP')) {
      this.event({ type: 'ChannelDestroyed', cause, cause_txt: 'x', channel: json });
    }
  }

  json({ id, name, state, inApp, data: given }: FakeChannel): Record<string, unknown> {
    const [application, data] = inApp ? ['Stasis', given] : ['Wait', '3600'];
    return {
      id,
      name,
      state,
      protocol_id: '',
      caller: { name: '', number: '4711' },
      connected: { name: '', number: '' },
      accountcode: '',
      dialplan: { context: 'test', exten: '100', priority: 2, app_name: application, app_data: data },
      creationtime: '2026-11-21T11:37:39.561+0000',
      language: 'en',
    };
  }

  #carryOut(request: AriRequest): unknown {
    const [kind, id = '', what = ''] = request.path.split('/').map(decodeURIComponent);
    const query = request.query ?? {};
    switch (kind) {
      case 'channels':
        return id === 'externalMedia' ? this.#externalMedia(query) : this.#channels(request, id, what, query);
      case 'bridges':
        return this.#bridges(request.method, id, what, query);
      case 'applications':
        if (id !== this.app) throw refusal(404, 'Application not found');
        return this.#application(request.method, what, query);
      default:
        throw refusal(404, 'Resource not found');
    }
  }

  #externalMedia(query: Readonly<Record<string, string>>): unknown {
    const id = query['channelId'] ?? '';
    if (this.channels.has(id)) throw refusal(500, 'An internal error prevented this request from being handled');
    const channel = this.add(id, { name: `UnicastRTP/${query['external_host']}-0x1`, state: 'Down' });
    const answer = {
      ...this.json(channel),
      channelvars: { UNICASTRTP_LOCAL_PORT: '27118', UNICASTRTP_LOCAL_ADDRESS: '127.0.0.1' },
    };
    if (this.mediaArrives) queueMicrotask(() => this.arrive(id));
    return answer;
  }

  /** Another client registers the application: it has the events from now on, and we have no link. */
  replace(): void {
    this.up = false;
    const error = new TalkspurtError('ERR_TALKSPURT_LINK_REPLACED', 'another client has taken over the application');
    this.listener?.onDown(error, 60_000);
  }

  /** Another client, or the dialplan, has the channel go elsewhere. */
  leadAway(id: string): void {
    const channel = this.channels.get(id)!;
    this.#leaveBridge(channel, this.json(channel));
    channel.inApp = false;
    this.event({ type: 'StasisEnd', channel: this.json(channel) });
  }

  /** A media channel comes into the application. */
  arrive(id: string): void {
    const channel = this.channels.get(id);
    if (channel === undefined) return;
    channel.inApp = true;
    channel.state = 'Up';
    this.event({ type: 'StasisStart', args: [], channel: this.json(channel) });
  }

  #channels(request: AriRequest, id: string, what: string, query: Readonly<Record<string, string>>): unknown {
    if (id === '') {
      if (request.method === 'GET') return [...this.channels.values()].map((channel) => this.json(channel));
      return this.json(this.add(query['channelId'] ?? '', { state: 'Down' }));
    }
    const channel = this.channels.get(id);
    if (channel === undefined) throw refusal(404, 'Channel not found');
    if (request.method === 'DELETE') return (this.hangUp(id, Number(query['reason_code'] ?? 16), true), null);
    if (what === '') return this.json(channel);
    if (what === 'variable') return this.#variable(request.method, channel, query);
    if (!channel.inApp) throw refusal(409, 'Channel not in Stasis application');
    if (what === 'answer') channel.state = 'Up';
    if (what === 'continue') {
      channel.inApp = false;
      this.#leaveBridge(channel, this.json(channel));
      this.event({ type: 'StasisEnd', channel: this.json(channel) });
    }
    return null;
  }

  #variable(method: string, { variables }: FakeChannel, query: Readonly<Record<string, string>>): unknown {
    const name = query['variable'] ?? '';
    if (method === 'POST') return (variables.set(name, query['value'] ?? ''), null);
    const value = variables.get(name);
    if (value === undefined) throw refusal(404, 'Provided variable was not found');
    return { value };
  }

  #bridges(method: string, id: string, what: string, query: Readonly<Record<string, string>>): unknown {
    if (id === '' && method === 'GET')
      return [...this.bridges].map((each) => ({ id: each, technology: 'simple_bridge' }));
    if (id === '') {
      const wanted = query['bridgeId'] ?? '';
      if (this.bridges.has(wanted)) throw refusal(409, `Bridge with id '${wanted}' already exists`);
      this.bridges.add(wanted);
      return { id: wanted };
    }
    if (!this.bridges.has(id)) throw refusal(404, 'Bridge not found');
    if (method === 'GET') {
      const members = [...this.channels.values()].filter(({ bridge }) => bridge === id);
      return { id, channels: members.map((channel) => channel.id) };
    }
    if (method === 'DELETE') {
      this.bridges.delete(id);
      for (const channel of this.channels.values()) {
        if (channel.bridge === id) this.#leaveBridge(channel, this.json(channel));
      }
      this.event({ type: 'BridgeDestroyed', bridge: { id } });
      return null;
    }
    for (const each of (query['channel'] ?? '').split(',')) {
      const channel = this.channels.get(each);
      if (channel === undefined) throw refusal(400, 'Channel not found');
      if (!channel.inApp) throw refusal(409, 'Channel not in Stasis application');
      this.#leaveBridge(channel, this.json(channel));
      channel.bridge = id;
      this.event({ type: 'ChannelEnteredBridge', bridge: { id }, channel: this.json(channel) });
    }
    return what === 'addChannel' ? null : undefined;
  }

  #application(method: string, what: string, query: Readonly<Record<string, string>>): unknown {
    if (what === 'subscription') {
      const channel = this.channels.get((query['eventSource'] ?? '').replace(/^channel:/, ''));
      if (channel === undefined) throw refusal(422, 'Event source does not exist');
      channel.subscribed = method === 'POST';
    }
    const known = [...this.channels.values()].filter(({ inApp, subscribed }) => inApp || subscribed);
    return {
      name: this.app,
      channel_ids: known.map(({ id }) => id),
      bridge_ids: [],
      endpoint_ids: [],
      device_names: [],
    };
  }

  #leaveBridge(channel: FakeChannel, json: Record<string, unknown>): void {
    if (channel.bridge === null) return;
    const id = channel.bridge;
    channel.bridge = null;
    this.event({ type: 'ChannelLeftBridge', bridge: { id }, channel: json });
  }
}
