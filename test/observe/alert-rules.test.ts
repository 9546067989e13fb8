/** The alert rules: sound, explained, about metrics that there are; each fires when it has to and not before. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { ALERT_SCENARIOS } from './alert-scenarios.ts';
import { expressionFaults } from './known-metrics.ts';
import { hasPromtool, promtool } from './promtool.ts';
import { headingAnchors } from '../tidy/markdown-links.ts';

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

const FILE = fileURLToPath(new URL('../../docs/alerts/talkspurt.rules.yml', import.meta.url));
const RUNBOOK = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
const { groups } = parse(readFileSync(FILE, 'utf8')) as { groups: { rules: AlertRule[] }[] };
const RULES = groups.flatMap(({ rules }) => rules);

test('each rule has a severity, a summary, and its own page in the runbook', () => {
  const anchors = headingAnchors(RUNBOOK);
  assert.ok(RULES.length >= 25);
  for (const { alert, labels, annotations } of RULES) {
    assert.match(alert, /^Talkspurt[A-Za-z]+$/);
    assert.ok(['warning', 'critical'].includes(labels.severity), alert);
    assert.ok(annotations.summary.length > 10, alert);
    assert.is(annotations.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`);
    assert.ok([...anchors].includes(alert.toLowerCase()), `docs/runbook.md has no heading ${alert}`);
  }
  const explained = [...RUNBOOK.matchAll(/^#+ (Talkspurt\w+)$/gm)].map(([, name = '']) => name);
  assert.equal(explained.sort(), RULES.map(({ alert }) => alert).sort(), 'no page of an alert that is no more');
});

test('rules name metrics and labels that there are', async () => {
  for (const { alert, expr } of RULES) assert.equal(await expressionFaults(expr), [], alert);
});

test('a summary uses no label that the expression has lost', () => {
  for (const { alert, expr, annotations } of RULES) {
    const used = [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    for (const label of used) {
      const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].map(([, labels = '']) => labels.split(/, ?/));
      assert.ok(
        grouped.every((labels) => labels.includes(label)),
        `${alert}: ${label}`,
      );
    }
  }
});

test('every rule has a scenario', () => {
  const scenarios = ALERT_SCENARIOS.map(({ alert }) => alert);
  assert.equal(scenarios.toSorted(), RULES.map(({ alert }) => alert).toSorted());
});

test('promtool finds nothing wrong with the rules', () => {
  if (!hasPromtool()) return;
  const { fine, said } = promtool(['check', 'rules', FILE]);
  assert.ok(fine, said);
});

test('each rule fires when it has to, and not before', () => {
  if (!hasPromtool()) return;
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-alerts-'));
  try {
    const file = join(folder, 'scenarios.yml');
    writeFileSync(file, stringify({ rule_files: [FILE], evaluation_interval: '1m', tests: unitTests() }));
    const { fine, said } = promtool(['test', 'rules', file]);
    assert.ok(fine, said);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** All in one go: each scenario is a process of its own, and no rule looks at two. */
function unitTests(): object[] {
  const cases = ALERT_SCENARIOS.flatMap(({ alert, fires, quiet, afterMinutes = 30 }) => [
    { alert, afterMinutes, series: fires, instance: `${alert} fires`, firing: true },
    { alert, afterMinutes, series: quiet, instance: `${alert} is quiet`, firing: false },
  ]);
  const named = (series: string, instance: string): string => series.replace('instance="a"', `instance="${instance}"`);
  const inputs = cases.flatMap(({ series, instance }) =>
    Object.entries(series).map(([name, values]) => ({ series: named(name, instance), values })),
  );
  const expected = cases.map(({ alert, afterMinutes, instance, firing }) => ({
    expr: `count by (instance) (ALERTS{alertname="${alert}", alertstate="firing", instance="${instance}"})`,
    eval_time: `${afterMinutes}m`,
    exp_samples: firing ? [{ labels: `{instance="${instance}"}`, value: 1 }] : [],
  }));
  return [{ interval: '1m', input_series: inputs, promql_expr_test: expected }];
}

test.run();
