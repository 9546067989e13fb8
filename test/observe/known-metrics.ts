/** Every metric that a process of ours has, with its labels, and what in an expression is none of them. */
import { MetricsSink } from '../../src/observe/metrics-sink.ts';
import { everyEvent } from './every-event.ts';
import { session } from './session-snapshot.ts';

/** What Prometheus adds to every series. */
const ADDED = ['job', 'instance'];

/** A page on which every event has happened once and one call is up. */
export async function fullPage(): Promise<string> {
  const sink = new MetricsSink({
    processMetrics: true,
    snapshot: () => ({
      sessions: [session({ rttMs: 20, remoteLostFrames: 1 })],
      created: 1,
      destroyed: 0,
      uptimeMs: 1,
      version: '1.2.3',
      draining: false,
      callLimit: 100,
      links: [{ name: 'pbx', kind: 'asterisk', up: true }],
      breakers: [{ name: 'openai:connection', state: 'closed' }],
    }),
  });
  for (const event of everyEvent()) sink.emit(event);
  return (await sink.page()).body;
}

/** Name of each series → its labels. */
export async function knownMetrics(): Promise<ReadonlyMap<string, readonly string[]>> {
  const known = new Map<string, readonly string[]>([['up', []]]);
  for (const { name, type, labels } of new MetricsSink({ processMetrics: false }).describe()) {
    if (type !== 'histogram') known.set(name, labels);
    else {
      known.set(`${name}_bucket`, [...labels, 'le']);
      for (const end of ['sum', 'count']) known.set(`${name}_${end}`, labels);
    }
  }
  for (const line of (await fullPage()).split('\n')) {
    const [, name, labels = ''] = /^((?:nodejs|process)_\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name !== undefined)
      known.set(
        name,
        [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label),
      );
  }
  return known;
}

/** Names that `expr` uses and that no process has; and labels that the series it uses do not. */
export async function expressionFaults(expr: string): Promise<string[]> {
  const known = await knownMetrics();
  const faults: string[] = [];
  const series = [...expr.matchAll(/\b((?:talkspurt|nodejs|process)_\w+|up)\b(?:\{([^}]*)\})?/g)];
  if (series.length === 0) faults.push('no metric at all');
  const labels = new Set<string>([...ADDED, 'le']);
  for (const [, name = '', matchers = ''] of series) {
    const own = known.get(name);
    if (own === undefined) faults.push(`there is no ${name}`);
    for (const label of own ?? []) labels.add(label);
    for (const [, label = ''] of matchers.matchAll(/(\w+) *(?:=~|!~|!=|=)/g)) {
      if (own !== undefined && ![...own, ...ADDED].includes(label)) faults.push(`${name} has no label ${label}`);
    }
  }
  for (const [, grouped = ''] of expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
    for (const label of grouped.split(/, */)) if (!labels.has(label)) faults.push(`nothing has a label ${label}`);
  }
  return faults;
}
