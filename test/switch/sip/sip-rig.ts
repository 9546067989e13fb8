/** What the tests of calls by SIP share: an endpoint with a clock in hand, ports, and a far end with SIP and RTP of its own. */
import type { SipCall, SipEnd } from '../../../src/sip/sip-call.ts';
import type { SipEndpointOptions } from '../../../src/sip/sip-endpoint.ts';
import type { SipMediaOptions } from '../../../src/switch/sip/sip-media.ts';
import { RtpPortPool } from '../../../src/transport/rtp-port-pool.ts';
import type { Bench, Peer, RequestParts } from '../../sip/scripted-peer.ts';
import { bodyOf, fieldOf, openBench, request, response, toTagOf, udpPeer } from '../../sip/scripted-peer.ts';
import { udpPeer as rtpPeer } from '../../transport/rtp-rig.ts';
import type { UdpPeer } from '../../transport/rtp-rig.ts';

/** A description of audio at `port`. */
export function sdp(port: number, lines: readonly string[] = ['a=sendrecv'], payloads = '0 101'): string {
  const head = ['v=0', 'o=- 7 7 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
  const events = payloads.includes('101') ? ['a=rtpmap:101 telephone-event/8000'] : [];
  return `${[...head, `m=audio ${port} RTP/AVP ${payloads}`, ...events, ...lines].join('\r\n')}\r\n`;
}

/** Port of the audio in a description of ours. */
export function audioPort(description: string): number {
  return Number(/^m=audio (\d+) /m.exec(description)?.[1] ?? 0);
}

/** Until `is`, or for a second: packets on loopback take their time. */
export async function until(is: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 200 && !is(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  return is();
}

/** A dialog as the far end has it. */
export interface Dialog {
  readonly callId: string;
  readonly toTag: string;
  /** The 200. */
  readonly ok: string;
  /** A request in it, numbered as its turn comes. */
  send(method: string, parts?: Partial<RequestParts>): void;
  /** The ACK of a re-INVITE that was sent last. */
  ack(body?: string): void;
}

export class SipRig {
  readonly bench: Bench;
  readonly peer: Peer;
  readonly rtp: UdpPeer;
  readonly ports: RtpPortPool;
  readonly digits: string[] = [];
  readonly ends: SipEnd[] = [];
  #dialogs = 0;

  private constructor(bench: Bench, peer: Peer, rtp: UdpPeer, ports: RtpPortPool) {
    this.bench = bench;
    this.peer = peer;
    this.rtp = rtp;
    this.ports = ports;
  }

  static async open(options: Partial<SipEndpointOptions> = {}, pairs = 50): Promise<SipRig> {
    const bench = await openBench(options);
    const { clock } = bench;
    const from = 21_000 + (process.pid % 100) * 100;
    const ports = new RtpPortPool({ clock, bindHost: '127.0.0.1', from, to: from + pairs * 2 - 1 });
    return new SipRig(bench, await udpPeer(bench.port), await rtpPeer(), ports);
  }

  get media(): SipMediaOptions {
    return {
      clock: this.bench.clock,
      ports: this.ports,
      sources: ['127.0.0.1'],
      codecs: ['l16', 'g722', 'pcmu', 'pcma'],
      onDigit: (digit) => this.digits.push(digit),
      onEnded: (end) => this.ends.push(end),
    };
  }

  /** INVITE; resolves once 100 has come. */
  async invite(parts: Partial<RequestParts> = {}): Promise<{ call: SipCall | undefined; callId: string }> {
    this.#dialogs += 1;
    const callId = `call-${this.#dialogs}`;
    this.peer.send(
      request(this.peer, 'INVITE', { branch: `inv-${callId}`, callId, body: sdp(this.rtp.port), ...parts }),
    );
    await this.peer.next();
    return { call: this.bench.calls.at(-1), callId };
  }

  /** Waits for the 200 and acknowledges it. */
  async answered(callId: string, ackBody?: (ok: string) => string): Promise<Dialog> {
    const ok = await this.peer.next();
    const toTag = toTagOf(ok);
    let cseq = 1;
    const send = (method: string, parts: Partial<RequestParts> = {}): void => {
      if (method !== 'ACK') cseq += 1;
      const branch = `${method}-${callId}-${cseq}`;
      this.peer.send(request(this.peer, method, { branch, cseq, callId, toTag, ...parts }));
    };
    const ack = (body = ''): void => send('ACK', { body });
    ack(ackBody?.(ok));
    return { callId, toTag, ok, send, ack };
  }

  /** The answer to a request of ours: its first line, and its Reason. */
  async answer(method: string, status = '200 OK'): Promise<string> {
    let text = await this.peer.next();
    while (!text.startsWith(`${method} `)) text = await this.peer.next();
    this.peer.send(response(text, status));
    return `${text.split(' ', 1)[0]} ${fieldOf(text, 'Reason')}`.trim();
  }

  async close(): Promise<void> {
    await this.bench.close();
    await this.peer.close();
    await this.rtp.close();
  }
}

export { bodyOf };
