/** What the bench, a simulated switch and a whole gateway, each in a process of its own, say to one another over IPC. */
import { readFileSync, existsSync } from 'node:fs';
import type { ResourceTotals } from '../../src/observe/resources.ts';
import type { HostReport } from './load-protocol.ts';
import type { Lateness } from './lateness-clock.ts';

/** How the gateway is started. */
export interface GatewayHostOptions {
  /** Where the Realtime server listens. */
  readonly backendPort: number;
  readonly switchHost: string;
  readonly switchPort: number;
  readonly switchPassword: string;
  /** Media path of its calls. */
  readonly media: 'sip' | 'unicast';
  readonly calls: number;
  /** What the agent opens a call with; empty: nothing. */
  readonly greeting: string;
  /** Whether callers may cut the agent off; absent: they may not. */
  readonly bargeIn?: boolean;
  /** No call is refused for lateness of the host; absent: as the defaults have it. */
  readonly takesAll?: boolean;
}

/** What it tells once it is there. */
export interface GatewayPorts {
  readonly frontDoorPort: number;
}

/** What it counted since it was last asked. */
export interface GatewayReport extends HostReport {
  /** How late its timers were. */
  readonly timers: Lateness;
  /** CPU inside the ticks alone, ms. */
  readonly tickMs: number;
  /** Heap in use, and memory outside it, bytes. */
  readonly heapBytes: number;
  readonly externalBytes: number;
  /** Pages that V8 keeps for young and for old objects, and what of the latter is in use, bytes. */
  readonly youngKeptBytes: number;
  readonly oldKeptBytes: number;
  readonly oldUsedBytes: number;
  /** Sockets, timers and the like that keep the process up. */
  readonly handles: number;
  /** Underruns of each call that has ended. */
  readonly underruns: readonly number[];
  /** How calls ended, by reason. */
  readonly ends: Readonly<Record<string, number>>;
  /** What is held for calls. */
  readonly resources: ResourceTotals;
}

/** What the switch counted since it was last asked. */
export interface SwitchReport {
  readonly calls: number;
  readonly said: number;
  readonly echoed: number;
  readonly altered: number;
  readonly repeated: number;
  /** From a phone's mouth to its ear, by way of everything, ms. */
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  /** How late the switch's own timers were. */
  readonly timers: Lateness;
  readonly cpuMs: number;
  readonly hash: string;
}

/** Password of every door in a bench. */
export const BENCH_PASSWORD = 'bench';

/** Jiffies of all cores together since the machine began; null where the system does not tell. */
export interface MachineTime {
  readonly total: number;
  readonly idle: number;
  /** Taken by other guests of the same machine. */
  readonly stolen: number;
}

export function machineTime(): MachineTime | null {
  if (!existsSync('/proc/stat')) return null;
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const fields = line.split(/\s+/).slice(1, 9).map(Number);
  return {
    total: fields.reduce((sum, field) => sum + field, 0),
    idle: (fields[3] ?? 0) + (fields[4] ?? 0),
    stolen: fields[7] ?? 0,
  };
}

/** Time that is the same in every process of the machine, ms. */
export function sharedNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
