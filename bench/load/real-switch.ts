/** A real FreeSWITCH as a source of calls: each is one that it makes to a telephone of the bench, answered and parked. */
import { randomUUID } from 'node:crypto';
import { EslCaller } from './esl-caller.ts';
import { SipTelephone } from './sip-telephone.ts';
import { sharedNowMs } from './switch-protocol.ts';

/** Owns its connection and its telephone, and hangs up what it made. */
export class RealSwitch {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly #control: EslCaller;
  readonly #withinMs: number;
  readonly #calls = new Set<string>();
  readonly #waiting: Map<string, (atMs: number) => void>;
  readonly #telephone: SipTelephone;

  private constructor(at: Address, control: EslCaller, telephone: SipTelephone, parts: Parts) {
    ({ host: this.host, port: this.port, password: this.password } = at);
    this.#control = control;
    this.#telephone = telephone;
    this.#withinMs = parts.withinMs;
    this.#waiting = parts.waiting;
  }

  /** `text` is `host:port:password`; the telephone listens on TALKSPURT_BENCH_HOST, by default 127.0.0.1. */
  static async open(text: string, withinMs: number): Promise<RealSwitch> {
    const [host = '', port = '', ...rest] = text.split(':');
    const at = { host, port: Number(port), password: rest.join(':') };
    const control = await EslCaller.open(at.host, at.port, at.password);
    const waiting = new Map<string, (atMs: number) => void>();
    const telephone = await SipTelephone.open(process.env['TALKSPURT_BENCH_HOST'] ?? '127.0.0.1', (user) => {
      waiting.get(user)?.(sharedNowMs());
      waiting.delete(user);
    });
    return new RealSwitch(at, control, telephone, { withinMs, waiting });
  }

  get name(): string {
    return `FreeSWITCH at ${this.host}:${this.port}`;
  }

  async ring(): Promise<string> {
    const uuid = randomUUID();
    const profile = process.env['TALKSPURT_BENCH_PROFILE'] ?? 'internal';
    const variables = `{origination_uuid=${uuid},absolute_codec_string=PCMU}`;
    this.#calls.add(uuid);
    const reply = await this.#control.api(
      `originate ${variables}sofia/${profile}/${uuid}@${this.#telephone.address} &park`,
    );
    if (!reply.startsWith('+OK')) throw new Error(`originate: ${reply.trim()}`);
    return uuid;
  }

  heardMs(uuid: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the telephone heard nothing')), this.#withinMs);
      this.#waiting.set(uuid, (atMs) => {
        clearTimeout(timer);
        resolve(atMs);
      });
    });
  }

  async hangup(uuid: string): Promise<number> {
    const soundMs = this.#telephone.soundMs(uuid);
    if (this.#calls.delete(uuid)) await this.#control.api(`uuid_kill ${uuid}`);
    return soundMs;
  }

  async close(): Promise<void> {
    for (const uuid of this.#calls) await this.hangup(uuid);
    this.#control.close();
    this.#telephone.close();
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly password: string;
}

interface Parts {
  readonly withinMs: number;
  readonly waiting: Map<string, (atMs: number) => void>;
}
