/** The adapter of a FreeSWITCH, as a configuration has it. */
import type { FreeswitchConfig } from './config.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { EventSink } from './core/events.ts';
import type { GatewayModules } from './gateway-modules.ts';
import type { GatewaySip } from './gateway-sip.ts';
import type { EslEvent, EslLink } from './switch/freeswitch/esl-link.ts';
import type { FreeswitchMediaOptions } from './switch/freeswitch/freeswitch-adapter.ts';
import { FreeswitchAdapter } from './switch/freeswitch/freeswitch-adapter.ts';

/** What an adapter is made with. */
export interface AdapterSurroundings {
  readonly clock: Clock;
  readonly events: EventSink;
  readonly sip: GatewaySip | null;
  readonly modules: GatewayModules | null;
  /** Somebody else's. */
  readonly link: EslLink | null;
}

/** @throws ERR_TALKSPURT_CONFIG_INVALID for media that need what is closed */
export function freeswitchAdapter(
  config: FreeswitchConfig,
  around: AdapterSurroundings,
  onCustomEvent: (event: EslEvent) => void,
): FreeswitchAdapter {
  const { clock, events, sip, modules, link } = around;
  const { name, host, port, password } = config;
  const {
    kind,
    module,
    moduleEdition: edition,
    tap,
    fifoDirectory,
    gateway: profile,
    codec,
    bindHost,
    advertiseHost,
    native,
    portRange,
  } = config.media;
  if ((kind === 'sip' || tap === 'sip') && sip === null) {
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `the media of switch ${name} is sip, and sip is closed`);
  }
  const fifo = fifoDirectory === undefined ? {} : { directory: fifoDirectory };
  const media: FreeswitchMediaOptions = {
    bindHost,
    native,
    ...(advertiseHost === undefined ? {} : { advertiseHost }),
    ...(portRange === undefined ? {} : { portRange }),
    ...(sip === null ? {} : { sip: { hub: sip.hub, profile, codec } }),
    ...(modules === null
      ? {}
      : {
          module: {
            ...modules,
            ...(module === undefined ? {} : { module }),
            ...(edition === undefined ? {} : { edition }),
          },
        }),
    legs: kind,
    tap:
      tap === 'record-fifo'
        ? { kind: tap, ...fifo }
        : (tap ?? (kind === 'module' ? kind : sip === null ? 'unicast' : 'sip')),
  };
  const given = link === null ? {} : { link };
  return new FreeswitchAdapter({ name, host, port, password, media, clock, events, onCustomEvent, ...given });
}
