/**
 * What a process holds for calls, counted where it is held. Whatever is not zero while no call is up, and has not become so
 * some seconds later, has leaked.
 */

/** Counts of one moment; names are those of the configuration. */
export interface Resources {
  /** Channels of switches that a leg of ours holds. */
  readonly legs: readonly { readonly switch: string; readonly count: number }[];
  /** Signal chains, and G.722 codecs of media paths. */
  readonly dsp: readonly { readonly kind: 'chain' | 'g722'; readonly inUse: number; readonly size: number }[];
  /** Pairs of ports. */
  readonly rtpPorts: readonly {
    readonly pool: string;
    readonly inUse: number;
    readonly resting: number;
    readonly free: number;
  }[];
  /** Connections of servers that switches dial for their audio; `strangers` have not said which call they are. */
  readonly mediaSockets: readonly { readonly server: string; readonly calls: number; readonly strangers: number }[];
  /** What we know to be ours, or watch, in an Asterisk. */
  readonly ari: readonly { readonly switch: string; readonly things: AriThings }[];
}

/** Channels of calls, of media, of snoops, of parties that are being called for a transfer; bridges. */
export interface AriThings {
  readonly calls: number;
  readonly media: number;
  readonly snoops: number;
  readonly parties: number;
  readonly bridges: number;
}

/** Nothing is held. */
export const NO_RESOURCES: Resources = { legs: [], dsp: [], rtpPorts: [], mediaSockets: [], ari: [] };

/** Counts of all names together. */
export interface ResourceTotals {
  readonly legs: number;
  readonly dspInUse: number;
  readonly dspSize: number;
  readonly rtpPortsInUse: number;
  readonly rtpPortsResting: number;
  readonly rtpPortsFree: number;
  readonly mediaSockets: number;
  readonly mediaStrangers: number;
  readonly ariThings: number;
}

/** `resources` without names. Of `dsp` the chains alone: they are what bounds the number of calls. */
export function totalsOf({ legs, dsp, rtpPorts, mediaSockets, ari }: Resources): ResourceTotals {
  const chains = dsp.filter(({ kind }) => kind === 'chain');
  return {
    legs: sum(legs, ({ count }) => count),
    dspInUse: sum(chains, ({ inUse }) => inUse),
    dspSize: sum(chains, ({ size }) => size),
    rtpPortsInUse: sum(rtpPorts, ({ inUse }) => inUse),
    rtpPortsResting: sum(rtpPorts, ({ resting }) => resting),
    rtpPortsFree: sum(rtpPorts, ({ free }) => free),
    mediaSockets: sum(mediaSockets, ({ calls, strangers }) => calls + strangers),
    mediaStrangers: sum(mediaSockets, ({ strangers }) => strangers),
    ariThings: sum(ari, ({ things }) => sum(Object.values(things) as number[], (count) => count)),
  };
}

function sum<T>(items: readonly T[], countOf: (item: T) => number): number {
  return items.reduce((total, item) => total + countOf(item), 0);
}
