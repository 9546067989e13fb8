/** A picture of the delay over time: each packet's own, ours, and a fixed buffer's. */

const WIDTH = 960;
const HEIGHT = 320;
const [LEFT, RIGHT, TOP, BOTTOM] = [60, 20, 50, 40];
const FROM_S = 0;
const SECONDS = 120;

/** SVG of the first two minutes; the values of both arrays are ms, one for each 20 ms. */
export function drawDelays(name: string, transitMs: Float64Array, delayMs: Float64Array, fixedMs: number): string {
  const mostMs = Math.max(fixedMs * 1.1, ...transitMs.subarray(0, SECONDS * 50).filter((ms) => !Number.isNaN(ms)));
  const x = (n: number): string => (LEFT + ((n / 50 - FROM_S) / SECONDS) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (ms: number): string => (HEIGHT - BOTTOM - (ms / mostMs) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const count = SECONDS * 50;
  let packets = '';
  for (let n = 0; n < count; n += 2) {
    // The worse of two: a picture has fewer pixels than packets.
    const worst = Math.max(transitMs[n] ?? 0, transitMs[n + 1] ?? 0);
    if (!Number.isNaN(worst)) packets += `M${x(n)},${y(worst)}V${y(0)}`;
  }
  let ours = '';
  for (let n = 0; n < count; n += 5) {
    const ms = delayMs[n] ?? Number.NaN;
    if (!Number.isNaN(ms)) ours += `${ours === '' ? 'M' : 'L'}${x(n)},${y(ms)}`;
  }
  const grid = [0, 50, 100, 150]
    .filter((ms) => ms <= mostMs)
    .map(
      (ms) =>
        `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(ms)}" y2="${y(ms)}" stroke="#e5e7eb"/>` +
        `<text x="${LEFT - 8}" y="${Number(y(ms)) + 4}" text-anchor="end" fill="#6b7280">${ms}</text>`,
    );
  const seconds = [0, 30, 60, 90, 120].map(
    (s) => `<text x="${x(s * 50)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#6b7280">${s} s</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="ui-sans-serif, system-ui, 'DejaVu Sans', sans-serif" font-size="12" fill="#1f2937">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
<text x="${LEFT}" y="22" font-size="15" font-weight="600">Delay on a ${name} path, ms over its quickest packet</text>
<text x="${LEFT}" y="40" fill="#6b7280">grey: each packet; <tspan fill="#4338ca">what is heard with ours</tspan>; <tspan fill="#b91c1c">with a fixed buffer</tspan></text>
${grid.join('\n')}
${seconds.join('\n')}
<path d="${packets}" stroke="#9ca3af" stroke-width="0.6" fill="none"/>
<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(fixedMs)}" y2="${y(fixedMs)}" stroke="#b91c1c" stroke-dasharray="6 4"/>
<path d="${ours}" stroke="#4338ca" stroke-width="1.5" fill="none"/>
</svg>
`;
}
