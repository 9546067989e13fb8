/** The dashboards: as Grafana wants them, and about metrics that there are. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { z } from 'zod';
import { DASHBOARDS, plainQueries } from '../../.dev/dashboards.ts';
import { grafanaJson } from '../../.dev/grafana-json.ts';
import { MetricsSink } from '../../src/observe/metrics-sink.ts';
import { expressionFaults, fullPage } from './known-metrics.ts';
import { hasPromtool, promtool } from './promtool.ts';

const source = z.object({ type: z.literal('prometheus'), uid: z.literal('${source}') });
/** What of Grafana's dashboard JSON (schema version 36 and later) a dashboard cannot be shown without. */
const schema = z.object({
  uid: z.string().max(40),
  title: z.string(),
  schemaVersion: z.number().min(36),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.enum(['datasource', 'query']), query: z.unknown() })),
  }),
  panels: z.array(
    z.object({
      id: z.number().int().positive(),
      type: z.enum(['timeseries', 'stat']),
      title: z.string().min(2),
      description: z.string().min(1),
      datasource: source,
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number().min(4), h: z.number() }),
      targets: z
        .array(z.object({ refId: z.string().regex(/^[A-Z]$/), datasource: source, expr: z.string().min(1) }))
        .min(1),
      fieldConfig: z.object({ defaults: z.object({ unit: z.string() }), overrides: z.array(z.unknown()) }),
      options: z.object({}),
    }),
  ),
});

test('there are five, each as Grafana wants it: no panel has the place or the number of another', () => {
  assert.is(DASHBOARDS.length, 5);
  assert.is(new Set(DASHBOARDS.map(({ uid }) => uid)).size, 5);
  for (const dashboard of DASHBOARDS) {
    const { panels } = schema.parse(JSON.parse(JSON.stringify(grafanaJson(dashboard))));
    assert.is(new Set(panels.map(({ id }) => id)).size, panels.length);
    assert.is(new Set(panels.map(({ title }) => title)).size, panels.length, dashboard.title);
    const cells = new Set<string>();
    for (const { gridPos, title, targets } of panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      assert.is(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        const cell = `${x} ${gridPos.y}`;
        assert.not(cells.has(cell), `${title} lies over another`);
        cells.add(cell);
      }
    }
  }
});

test('panels show metrics and labels that there are', async () => {
  for (const dashboard of DASHBOARDS) {
    for (const { panel, expr } of plainQueries(dashboard)) {
      assert.equal(await expressionFaults(expr), [], `${dashboard.title}: ${panel}: ${expr}`);
    }
  }
});

test('legends name labels that the expression keeps', () => {
  for (const { title, panels } of DASHBOARDS) {
    for (const { queries, title: panel } of panels) {
      for (const { expr, legend } of queries) {
        for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
          const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].map(([, labels = '']) => labels.split(/, ?/));
          assert.ok(
            grouped.length === 0 || grouped.some((labels) => labels.includes(label)),
            `${title}: ${panel}: ${label}`,
          );
        }
      }
    }
  }
});

test('every metric of ours is on a dashboard', () => {
  const shown = DASHBOARDS.flatMap((dashboard) => plainQueries(dashboard).map(({ expr }) => expr)).join('\n');
  const hidden = new MetricsSink({ processMetrics: false })
    .describe()
    .map(({ name }) => name)
    .filter((name) => !new RegExp(`\\b${name}(_bucket)?\\b`).test(shown));
  assert.equal(hidden, []);
});

test('Prometheus reads every expression', () => {
  if (!hasPromtool()) return;
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-dashboards-'));
  try {
    const rules = DASHBOARDS.flatMap((dashboard) => plainQueries(dashboard)).map(({ expr }, index) => ({
      record: `dashboard:query:${index}`,
      expr,
    }));
    const file = join(folder, 'queries.yml');
    writeFileSync(file, stringify({ groups: [{ name: 'dashboards', rules }] }));
    const { fine, said } = promtool(['check', 'rules', file]);
    assert.ok(fine, said);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('Prometheus finds nothing to say against the metrics page', async () => {
  if (!hasPromtool()) return;
  const { fine, said } = promtool(['check', 'metrics'], await fullPage());
  assert.ok(fine, said);
  assert.is(said.trim(), '');
});

test.run();
