/** What a gateway asks of its switches by the names of channels, or of the switches themselves. */
import { TalkspurtError, hasCode } from './core/errors.ts';
import type { GatewaySnapshot } from './observe/health.ts';
import { NO_RESOURCES } from './observe/resources.ts';
import type { Resources } from './observe/resources.ts';
import type { AttachRequest, CallLeg, OriginateRequest, SwitchAdapter } from './switch/switch-adapter.ts';

/** Switches' links, as the snapshot of a gateway has them. */
export function linksOf(adapters: readonly SwitchAdapter[]): GatewaySnapshot['links'] {
  return adapters.map(({ name, kind, linkUp: up, fitness }) => ({ name, kind, up, ...fitness }));
}

/** The legs that they hold, beside what else is held. */
export function resourcesOf(adapters: readonly SwitchAdapter[], more: Partial<Resources> = {}): Resources {
  const legs = adapters.map(({ name, legCount }) => ({ switch: name, count: legCount }));
  return { ...NO_RESOURCES, legs, ...more };
}

/** The channel on whichever switch has it. @throws ERR_TALKSPURT_UNKNOWN_CALL, and as `SwitchAdapter.attach` */
export async function attachOn(
  adapters: readonly SwitchAdapter[],
  channelId: string,
  signal: AbortSignal,
  request: AttachRequest,
): Promise<CallLeg> {
  let refusal: TalkspurtError | null = null;
  for (const adapter of adapters) {
    try {
      return await adapter.attach(channelId, signal, request);
    } catch (error) {
      // A switch that has the channel and refuses it says more than one that does not know it.
      if (!hasCode(error, 'ERR_TALKSPURT_LINK_DOWN') && !hasCode(error, 'ERR_TALKSPURT_UNKNOWN_CALL')) throw error;
      if (refusal === null || error.code === 'ERR_TALKSPURT_LINK_DOWN') refusal = error;
    }
  }
  const none = 'no switch is configured: name one under switches';
  throw refusal ?? new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', none);
}

/** Dials with the switch of that name. @throws ERR_TALKSPURT_COMMAND_SYNTAX, _NOT_SUPPORTED, and as `SwitchAdapter.originate` */
export async function originateOn(
  adapters: readonly SwitchAdapter[],
  switchName: string,
  request: OriginateRequest,
  signal?: AbortSignal,
  onChannel?: (channelId: string) => void,
): Promise<string> {
  const adapter = adapters.find(({ name }) => name === switchName);
  if (adapter === undefined) {
    const names = adapters.map(({ name }) => name).join(', ');
    throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', `there is no switch of that name: it is one of ${names}`);
  }
  if (adapter.originate === undefined) {
    throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', `${adapter.name} dials nobody for us`);
  }
  return await adapter.originate(request, signal, onChannel);
}
