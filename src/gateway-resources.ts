/** What a process holds for its calls, as `Gateway` is given it: the sum of what its parts say. */
import type { DspPool } from './dsp/dsp.ts';
import type { G722Pool } from './dsp/g722.ts';
import { portsOf } from './gateway-asterisk.ts';
import type { GatewayAsterisk } from './gateway-asterisk.ts';
import type { GatewayModules } from './gateway-modules.ts';
import type { GatewaySip } from './gateway-sip.ts';
import type { Resources } from './observe/resources.ts';

/** Who holds something; null: there is none. */
export interface ResourceHolders {
  readonly dspPool: Pick<DspPool, 'inUse' | 'size'>;
  readonly g722: Pick<G722Pool, 'inUse' | 'size'>;
  readonly sip: GatewaySip | null;
  readonly modules: GatewayModules | null;
  readonly asterisks: readonly GatewayAsterisk[];
}

/** Asked at every scrape and every `global_health`: nothing here is waited for. */
export function heldResources({ dspPool, g722, sip, modules, asterisks }: ResourceHolders): Omit<Resources, 'legs'> {
  const paths = asterisks.map((asterisk) => asterisk.resources());
  return {
    dsp: [
      { kind: 'chain', inUse: dspPool.inUse, size: dspPool.size },
      { kind: 'g722', inUse: g722.inUse, size: g722.size },
    ],
    rtpPorts: [...(sip === null ? [] : [portsOf('sip', sip.ports)]), ...paths.flatMap(({ rtpPorts }) => rtpPorts)],
    mediaSockets: [
      ...(modules === null ? [] : [socketsOf(modules)]),
      ...paths.flatMap(({ mediaSockets }) => mediaSockets),
    ],
    ari: asterisks.map(({ adapter: { name, things } }) => ({ switch: name, things })),
  };
}

function socketsOf({ server: { connections, strangers } }: GatewayModules): Resources['mediaSockets'][number] {
  return { server: 'modules', calls: connections, strangers };
}
