/** Which part of the host may import which: dependencies point one way, and the simulator stands beside. */

/** Parts from the ground up; a part imports its own and those before it. */
const LAYERS: readonly (readonly string[])[] = [
  ['core', 'limits', 'version'],
  ['dsp', 'transport', 'sip', 'switch', 'backend', 'commands', 'resilience', 'observe', 'http', 'speech'],
  ['session'],
  ['config', 'call', 'sound', 'gateway', 'attach', 'index'],
  ['cli'],
];

/** What a switch, a caller and a backend may share with the client code that is judged against them. */
const SIMULATOR_MAY_USE =
  /^src\/(core\/|dsp\/|simulator\/|limits\.ts|version\.ts|switch\/freeswitch\/(esl-(server[a-z-]*|event[a-z-]*|subscription|dialogue|request-parser)|front-door-completion)\.ts)/;

/** The kind of switch that a file is about, where it is about one alone. */
const SWITCH_KIND = /^src\/switch\/([a-z]+)\//;

/** The part of the host that a file of `src/` belongs to: its folder, or the first word of its own name. */
export function partOf(file: string): string {
  const [, first = '', second] = file.split('/');
  return second === undefined ? first.replace(/(-.*)?\.ts$/, '') : first;
}

/** Why `file` may not import `target` (both from the top); null when it may. */
export function importFault(file: string, target: string): string | null {
  const from = partOf(file);
  const to = partOf(target);
  if (!target.startsWith('src/')) return 'is outside src';
  if (from === 'simulator') return SIMULATOR_MAY_USE.test(target) ? null : 'is not for the simulator';
  const rank = layerOf(from);
  if (rank === -1) return `part ${from} has no layer`;
  if (to === 'simulator') return rank >= layerOf('gateway') ? null : 'the host does not build on the simulator';
  const [kind, other] = [SWITCH_KIND.exec(file)?.[1], SWITCH_KIND.exec(target)?.[1]];
  // What two kinds share stands in src/switch itself. SIP is what FreeSWITCH is also spoken to by.
  if (kind !== undefined && other !== undefined && kind !== other && other !== 'sip') return 'is of another switch';
  const below = layerOf(to);
  if (below === -1) return `part ${to} has no layer`;
  return below <= rank ? null : `${from} is below ${to}`;
}

function layerOf(part: string): number {
  return LAYERS.findIndex((layer) => layer.includes(part));
}

/** Cycles of `graph`, each once, as the files on the way round. */
export function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(file);
    if (seenAt !== -1) {
      cycles.push([...trail.slice(seenAt), file].join(' → '));
      return;
    }
    if (finished.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    finished.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}
