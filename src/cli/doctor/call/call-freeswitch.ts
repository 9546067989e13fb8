/** The doctor's call on a FreeSWITCH: a loopback channel whose other end is the application `echo`; no dialplan is needed. */
import { randomUUID } from 'node:crypto';
import type { Config, FreeswitchConfig } from '../../../config.ts';
import type { Clock } from '../../../core/clock.ts';
import { TalkspurtError } from '../../../core/errors.ts';
import { G722Pool } from '../../../dsp/g722.ts';
import { freeswitchAdapter } from '../../../gateway-freeswitch.ts';
import { openGatewayModules } from '../../../gateway-modules.ts';
import { openGatewaySip } from '../../../gateway-sip.ts';
import type { EslLink } from '../../../switch/freeswitch/esl-link.ts';
import { killParked } from '../../../switch/freeswitch/parked-originate.ts';
import { EVENT_KEYS } from './judge-line.ts';
import type { MeasuredCall } from './judge-line.ts';
import { measureLine } from './measure-line.ts';
import { LinkEvents, placeCall, withinLimit } from './place-call.ts';
import type { TestSignal } from './test-signal.ts';

/** Default far end; an operator may name another one that echoes. */
export const FREESWITCH_ECHO = 'loopback/app=echo';
/** Should this process be killed, the switch ends the call itself then, s. */
const LONGEST_S = 60;
const KEYS_MS = 1_000;

/** Takes the configured media path; ports that a running talkspurt listens on are left to it. @throws why there is no call */
export async function callFreeswitch(
  config: Config,
  entry: FreeswitchConfig,
  signal: TestSignal,
  clock: Clock,
): Promise<MeasuredCall> {
  const uuid = randomUUID();
  const events = new LinkEvents();
  const g722 = await G722Pool.create({ size: 2 });
  const closers: (() => Promise<void>)[] = [];
  try {
    const sip =
      entry.media.kind === 'sip' && config.sip !== false
        ? await openGatewaySip({ ...config.sip, port: 0 }, 1, {
            clock,
            events,
            g722: () => g722.acquire(),
            profileNames: () => [],
          })
        : null;
    if (sip !== null) closers.push(() => sip.close());
    const modules =
      entry.media.kind === 'module' ? await openGatewayModules({ ...config.modules, port: 0 }, clock, events) : null;
    if (modules !== null) closers.push(() => modules.close());
    // Under another name: what a talkspurt that was killed has left is for the next one to take up.
    const own = { ...entry, name: `${entry.name}-doctor`.slice(0, 64) };
    const adapter = freeswitchAdapter(own, { clock, events, sip, modules, link: null }, () => undefined);
    const { hearing, path, keys } = await withinLimit(clock, (abort) =>
      placeCall({
        adapter,
        events,
        signal,
        clock,
        abort,
        dial: async (limit) => await adapter.attach(await dialEcho(adapter.link, clock, uuid, limit), limit),
        after: async () => {
          await adapter.link.api(`sched_del ${taskOf(uuid)}`);
        },
        meanwhile: async ({ id }) => {
          await adapter.link.api(`uuid_recv_dtmf ${id} ${EVENT_KEYS}`);
          await new Promise<void>((resolve) => clock.after(KEYS_MS, resolve));
        },
      }),
    );
    return {
      about: `${entry.name} (${path})`,
      back: measureLine(hearing, signal),
      out: null,
      eventKeysOut: null,
      eventKeysBack: keys,
    };
  } finally {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  }
}

/** Group of the task that ends the call. */
function taskOf(uuid: string): string {
  return `talkspurt-doctor-${uuid}`;
}

/** The channel of the call, which waits in a park. @throws ERR_TALKSPURT_SWITCH_COMMAND, ERR_TALKSPURT_LINK_* */
async function dialEcho(link: EslLink, clock: Clock, uuid: string, limit: AbortSignal): Promise<string> {
  // The application answers nobody: its early media is what the call is, until its end is answered for it.
  const variables = `origination_uuid=${uuid},originate_timeout=10,ignore_early_media=false,park_timeout=${LONGEST_S}`;
  limit.throwIfAborted();
  const reply = await link.bgapi(`originate {${variables}}${FREESWITCH_ECHO} &park`);
  if (reply.startsWith('-')) {
    const message = `the switch places no call to ${FREESWITCH_ECHO} (${reply.trim().slice(0, 80)}): is mod_loopback loaded (load mod_loopback)?`;
    throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', message);
  }
  try {
    // Should this process be killed, the switch ends it.
    await link.api(`sched_api +${LONGEST_S} ${taskOf(uuid)} uuid_kill ${uuid}`);
    const other = (await link.api(`uuid_getvar ${uuid} other_loopback_leg_uuid`)).trim();
    if (/^[0-9a-f-]{36}$/.test(other)) await link.api(`uuid_answer ${other}`);
    limit.throwIfAborted();
    return uuid;
  } catch (error) {
    await killParked(link, clock, uuid);
    throw error;
  }
}
