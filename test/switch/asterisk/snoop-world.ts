/** A call on the fake ARI that can be snooped on, and a tap on it. */
import { hasCode } from '../../../src/core/errors.ts';
import type { AriEvent } from '../../../src/switch/asterisk/ari-link.ts';
import { AsteriskTapLeg } from '../../../src/switch/asterisk/asterisk-tap-leg.ts';
import type { AsteriskTapParts } from '../../../src/switch/asterisk/asterisk-tap-leg.ts';
import { readChannel } from '../../../src/switch/asterisk/stasis-channel.ts';
import { StasisIds } from '../../../src/switch/asterisk/stasis-ids.ts';
import { StasisRoutes } from '../../../src/switch/asterisk/stasis-routes.ts';
import { FakeClock } from '../../sim/fake-clock.ts';
import { FakeAri, refusal } from './fake-ari.ts';
import { FakePath, listening } from './stasis-world.ts';

export const CALL = 'call-1';

export class SnoopWorld {
  readonly ari = new FakeAri();
  readonly clock = new FakeClock();
  readonly path = new FakePath();
  readonly routes = new StasisRoutes();
  readonly ids = new StasisIds('talkspurt');
  readonly leg: AsteriskTapLeg;
  readonly told: string[];
  /** Whether a snoop comes into the application by itself. */
  snoopsArrive = true;
  /** Before each request of ours is carried out, and after the snoop it may be for was made. */
  beforeRequest: (line: string, index: number) => unknown = () => undefined;
  overs = 0;
  leftovers = 0;
  #requests = 0;

  constructor(parts: Partial<AsteriskTapParts> = {}) {
    const { ari } = this;
    void ari.start({
      onUp: () => undefined,
      onDown: () => undefined,
      onEvent: (event: AriEvent) => this.routes.route(event),
    });
    ari.add(CALL, { name: 'PJSIP/alice-00000007' });
    ari.answer = (line) => this.#answer(line);
    this.leg = new AsteriskTapLeg({
      switchName: 'pbx',
      link: ari,
      clock: this.clock,
      ids: this.ids,
      routes: this.routes,
      path: this.path,
      format: 'auto',
      channel: readChannel(ari.json(ari.channels.get(CALL)!))!,
      request: { mix: 'mono', sampleRateHz: null },
      onLeftover: () => (this.leftovers += 1),
      onOver: () => (this.overs += 1),
      ...parts,
    });
    this.told = listening(this.leg);
  }

  /** What is left of ours, here and there. */
  get left(): string[] {
    const { ari, path, clock, routes } = this;
    const kinds = [...ari.channels.keys(), ...ari.bridges].flatMap((id) => this.ids.kindOf(id) ?? []);
    const here = { paths: path.open, timers: clock.pending, watched: routes.size };
    const counts = Object.entries(here).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
    const told = [...ari.channels.values()].some(({ subscribed }) => subscribed) ? ['subscription'] : [];
    return [...kinds, ...counts, ...told];
  }

  /** Snoops that there are, as `spy/whisper`, in the order in which they were asked for. */
  get snoops(): string[] {
    return this.ari.requests.flatMap((line) => {
      const [, id = '', spy, whisper] = /\/snoop\/(\S+)\?.*spy=(\w+)&whisper=(\w+)/.exec(line) ?? [];
      return this.ari.channels.has(id) ? [`${spy}/${whisper}`] : [];
    });
  }

  /** Requests that do anything to the call's own channel. */
  get touches(): string[] {
    return this.ari.requests.filter(
      (line) => line.includes(`channels/${CALL}`) && !line.startsWith('GET') && !line.includes('/snoop/'),
    );
  }

  idOf(kind: string): string {
    return [...this.ari.channels.keys(), ...this.ari.bridges].find((id) => id.startsWith(`talkspurt-${kind}-`)) ?? '';
  }

  /** The call's party hangs up: the snoops go with it. */
  endCall(cause: number): void {
    const snoops = [...this.ari.channels.values()].filter(({ name }) => name.startsWith('Snoop/'));
    this.ari.hangUp(CALL, cause);
    for (const { id } of snoops) this.ari.hangUp(id, 16, true);
  }

  async #answer(line: string): Promise<unknown> {
    const index = this.#requests;
    this.#requests += 1;
    const [, target = '', snoop = ''] = /^POST channels\/([^/]+)\/snoop\/([^?]+)/.exec(line) ?? [];
    const told = await this.beforeRequest(line, index);
    if (told !== undefined) return told;
    if (snoop === '') return line.endsWith('CHANNEL%28audionativeformat%29') ? { value: '(ulaw)' } : undefined;
    if (!this.ari.channels.has(target)) throw refusal(404, 'Channel not found');
    const name = `Snoop/${target}-${String(index).padStart(8, '0')}`;
    const channel = this.ari.add(snoop, { name, state: 'Down' });
    if (this.snoopsArrive) queueMicrotask(() => this.ari.arrive(snoop));
    return this.ari.json(channel);
  }
}

/** The code of what an attempt is refused with. */
export async function codeOf(attempt: Promise<unknown>): Promise<string> {
  const codes = [
    'CALL_GONE',
    'LINK_DOWN',
    'ARI_REFUSED',
    'MEDIA_CONNECTION',
    'NOT_SUPPORTED',
    'ALREADY_RUNNING',
  ] as const;
  return await attempt.then(
    () => 'done',
    (error: unknown) => codes.find((code) => hasCode(error, `ERR_TALKSPURT_${code}`)) ?? String(error),
  );
}
