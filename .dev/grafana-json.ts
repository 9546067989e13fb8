// A dashboard as Grafana reads it.
import type { Dashboard, Panel } from './dashboards.ts';

const HEIGHT = 8;
const ROW = 24;

/** What Grafana (10 and later) imports. */
export function grafanaJson(dashboard: Dashboard): object {
  const places = layOut(dashboard.panels);
  return {
    uid: dashboard.uid,
    title: dashboard.title,
    description: dashboard.description,
    tags: ['talkspurt'],
    schemaVersion: 38,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timepicker: {},
    timezone: '',
    annotations: { list: [] },
    links: [
      {
        type: 'dashboards',
        title: 'talkspurt',
        tags: ['talkspurt'],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    templating: { list: [sourceVariable(), instanceVariable()] },
    panels: dashboard.panels.map((panel, index) => panelJson(panel, index + 1, places[index])),
  };
}

const SOURCE = { type: 'prometheus', uid: '${source}' };

function sourceVariable(): object {
  return { name: 'source', label: 'Prometheus', type: 'datasource', query: 'prometheus', multi: false, hide: 0 };
}

function instanceVariable(): object {
  return {
    name: 'instance',
    label: 'Process',
    type: 'query',
    datasource: SOURCE,
    query: { query: 'label_values(talkspurt_build_info, instance)', refId: 'instance' },
    definition: 'label_values(talkspurt_build_info, instance)',
    refresh: 2,
    includeAll: true,
    allValue: '.+',
    multi: true,
    sort: 1,
    hide: 0,
    current: { selected: true, text: 'All', value: '$__all' },
  };
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** From left to right, and below where a row is full. */
function layOut(panels: readonly Panel[]): Place[] {
  let [x, y] = [0, 0];
  return panels.map(({ width }) => {
    if (x + width > ROW) [x, y] = [0, y + HEIGHT];
    const place = { x, y, w: width, h: HEIGHT };
    x += width;
    return place;
  });
}

function panelJson(panel: Panel, id: number, gridPos: Place | undefined): object {
  const { title, description, kind = 'timeseries', unit, queries, thresholds } = panel;
  const steps = [
    { color: 'green', value: null },
    ...(thresholds === undefined
      ? []
      : [
          { color: 'yellow', value: thresholds[0] },
          { color: 'red', value: thresholds[1] },
        ]),
  ];
  return {
    id,
    type: kind,
    title,
    description,
    datasource: SOURCE,
    gridPos,
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: SOURCE,
      expr,
      legendFormat: legend === '' ? '__auto' : legend,
      editorMode: 'code',
      range: kind === 'timeseries',
      instant: kind === 'stat',
    })),
    fieldConfig: {
      defaults: {
        unit,
        thresholds: { mode: 'absolute', steps },
        ...(kind === 'stat'
          ? {}
          : {
              min: unit === 'dB' ? null : 0,
              custom: {
                drawStyle: 'line',
                lineWidth: 1,
                fillOpacity: 10,
                showPoints: 'never',
                thresholdsStyle: { mode: thresholds === undefined ? 'off' : 'line' },
              },
            }),
      },
      overrides: [],
    },
    options:
      kind === 'stat'
        ? {
            colorMode: thresholds === undefined ? 'none' : 'value',
            graphMode: 'none',
            textMode: panel.title === 'Version' ? 'name' : 'auto',
            reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
          }
        : {
            legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
            tooltip: { mode: 'multi', sort: 'desc' },
          },
  };
}
