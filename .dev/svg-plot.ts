// A plot of some curves as an SVG that reads on light and on dark pages.

/** A named line of points. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

/** One axis: what is on it, and how it is divided. */
export interface Axis {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly digits?: number;
}

/** What is drawn; a limit is a dashed level over a part of the x axis. */
export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly curves: readonly Curve[];
  readonly limits: readonly { readonly from: number; readonly to: number; readonly at: number }[];
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [720, 380, 64, 34, 16, 46];
const COLOURS = ['#0969da', '#cf222e', '#1a7f37', '#9a6700', '#8250df'];

/** The whole file. */
export function drawPlot(plot: Plot): string {
  const px = (x: number): number =>
    round(LEFT + ((x - plot.x.from) / (plot.x.to - plot.x.from)) * (WIDTH - LEFT - RIGHT));
  const py = (y: number): number => {
    const kept = Math.min(plot.y.to, Math.max(plot.y.from, y));
    return round(HEIGHT - BOTTOM - ((kept - plot.y.from) / (plot.y.to - plot.y.from)) * (HEIGHT - TOP - BOTTOM));
  };
  const [bottom, right] = [HEIGHT - BOTTOM, WIDTH - RIGHT];
  const parts = [
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 20, plot.title, 'start', 15),
    ...ticks(plot.x).flatMap((x) => [
      line(px(x), TOP, px(x), bottom, '#d0d7de'),
      text(px(x), bottom + 16, x.toFixed(plot.x.digits ?? 0), 'middle', 11),
    ]),
    ...ticks(plot.y).flatMap((y) => [
      line(LEFT, py(y), right, py(y), '#d0d7de'),
      text(LEFT - 6, py(y) + 4, y.toFixed(plot.y.digits ?? 0), 'end', 11),
    ]),
    text((LEFT + right) / 2, HEIGHT - 10, plot.x.name, 'middle', 12),
    text(LEFT - 6, TOP - 8, plot.y.name, 'end', 12),
    ...plot.limits.map(
      ({ from, to, at }) =>
        `<line x1="${px(from)}" y1="${py(at)}" x2="${px(to)}" y2="${py(at)}" stroke="#57606a" stroke-dasharray="5 4"/>`,
    ),
    ...plot.curves.map((curve, i) => {
      const points = curve.points
        .filter(([x]) => x >= plot.x.from && x <= plot.x.to)
        .map(([x, y]) => `${px(x)},${py(y)}`)
        .join(' ');
      return `<polyline points="${points}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="1.5"/>`;
    }),
    ...plot.curves.map((curve, i) =>
      text(
        right - 4,
        16 + 14 * i + (plot.curves.length > 2 ? -6 : 0),
        curve.name,
        'end',
        11,
        COLOURS[i % COLOURS.length],
      ),
    ),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif">\n${parts.join('\n')}\n</svg>\n`;
}

function ticks({ from, to, step }: Axis): number[] {
  return Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step);
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}"/>`;
}

function text(x: number, y: number, words: string, anchor: string, size: number, colour = '#24292f'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}" fill="${colour}">${words}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
