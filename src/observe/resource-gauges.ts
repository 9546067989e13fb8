/** Gauges of what calls hold, set at every scrape. Their labels are names of the configuration and words of ours. */
import type { Gauge } from 'prom-client';
import type { Resources } from './resources.ts';

/** Makes a gauge of ours. */
export type MakeGauge = <L extends string>(name: string, help: string, ...labels: L[]) => Gauge<L>;

/** One for each kind of thing. */
export interface ResourceGauges {
  readonly legs: Gauge<'switch'>;
  readonly dsp: Gauge<'kind' | 'state'>;
  readonly rtpPorts: Gauge<'pool' | 'state'>;
  readonly mediaSockets: Gauge<'server' | 'state'>;
  readonly ari: Gauge<'switch' | 'kind'>;
}

/** Made once, with the others. */
export function makeResourceGauges(gauge: MakeGauge): ResourceGauges {
  return {
    legs: gauge('call_legs', 'Channels of a switch that we hold', 'switch'),
    dsp: gauge('dsp_instances', 'Signal chains and G.722 codecs, in use and free', 'kind', 'state'),
    rtpPorts: gauge('rtp_port_pairs', 'Pairs of RTP ports, in use, resting and free', 'pool', 'state'),
    mediaSockets: gauge(
      'media_sockets',
      'Connections of switches for audio: calls, and strangers that have not said which',
      'server',
      'state',
    ),
    ari: gauge('ari_things', 'Channels and bridges of ours in an Asterisk, callers among them', 'switch', 'kind'),
  };
}

/** Sets every gauge. What has no longer a name keeps none of its values. */
export function sampleResources(gauges: ResourceGauges, resources: Resources): void {
  for (const gauge of Object.values(gauges) as Gauge[]) gauge.reset();
  for (const { switch: name, count } of resources.legs) gauges.legs.set({ switch: name }, count);
  for (const { kind, inUse, size } of resources.dsp) {
    gauges.dsp.set({ kind, state: 'in_use' }, inUse);
    gauges.dsp.set({ kind, state: 'free' }, size - inUse);
  }
  for (const { pool, inUse, resting, free } of resources.rtpPorts) {
    gauges.rtpPorts.set({ pool, state: 'in_use' }, inUse);
    gauges.rtpPorts.set({ pool, state: 'resting' }, resting);
    gauges.rtpPorts.set({ pool, state: 'free' }, free);
  }
  for (const { server, calls, strangers } of resources.mediaSockets) {
    gauges.mediaSockets.set({ server, state: 'call' }, calls);
    gauges.mediaSockets.set({ server, state: 'stranger' }, strangers);
  }
  for (const { switch: name, things } of resources.ari) {
    for (const [kind, count] of Object.entries(things) as [string, number][]) {
      gauges.ari.set({ switch: name, kind }, count);
    }
  }
}
