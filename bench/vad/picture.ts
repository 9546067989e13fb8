/** The ROC of several detectors as an SVG: false alarms to the right, what is heard upwards. */

/** One curve. */
export interface Curve {
  readonly name: string;
  readonly points: readonly { readonly falseAlarms: number; readonly heard: number }[];
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, SIDE] = [780, 480, 60, 430, 400];
const COLOURS = ['#c0392b', '#2c3e50', '#27ae60', '#8e44ad', '#d68910', '#2980b9'];
/** The part of the plane that matters: false alarms up to 30 %, and at least half of the speech heard. */
const [FALSE_MAX, HEARD_MIN] = [0.3, 0.5];

export function drawRoc(curves: readonly Curve[]): string {
  const x = (falseAlarms: number): string => (LEFT + (SIDE * falseAlarms) / FALSE_MAX).toFixed(1);
  const y = (heard: number): string => (BOTTOM - (SIDE * (heard - HEARD_MIN)) / (1 - HEARD_MIN)).toFixed(1);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<clipPath id="plane"><rect x="${LEFT}" y="${BOTTOM - SIDE}" width="${SIDE}" height="${SIDE}"/></clipPath>`,
  ];
  for (let step = 0; step <= 6; step += 1) {
    const falseAlarms = step * 0.05;
    const at = x(falseAlarms);
    parts.push(`<path d="M${at} ${BOTTOM}V${BOTTOM - SIDE}" stroke="#dddddd"/>`);
    parts.push(`<text x="${at}" y="${BOTTOM + 18}" text-anchor="middle">${(100 * falseAlarms).toFixed(0)} %</text>`);
  }
  for (let step = 0; step <= 5; step += 1) {
    const heard = HEARD_MIN + step * 0.1;
    const at = y(heard);
    parts.push(`<path d="M${LEFT} ${at}h${SIDE}" stroke="#dddddd"/>`);
    parts.push(`<text x="${LEFT - 8}" y="${Number(at) + 4}" text-anchor="end">${(100 * heard).toFixed(0)} %</text>`);
  }
  curves.forEach(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const path = points.map(({ falseAlarms, heard }) => `${x(falseAlarms)} ${y(heard)}`).join('L');
    const width = index === 0 ? 2.5 : 1.5;
    parts.push(`<path d="M${path}" fill="none" stroke="${colour}" stroke-width="${width}" clip-path="url(#plane)"/>`);
    const at = 60 + 22 * index;
    parts.push(`<path d="M${LEFT + SIDE + 20} ${at}h24" stroke="${colour}" stroke-width="3"/>`);
    parts.push(`<text x="${LEFT + SIDE + 50}" y="${at + 4}">${name}</text>`);
  });
  parts.push(`<text x="${LEFT + SIDE / 2}" y="${HEIGHT - 8}" text-anchor="middle">not speech, taken for it</text>`);
  parts.push(
    `<text transform="translate(16 ${BOTTOM - SIDE / 2}) rotate(-90)" text-anchor="middle">speech heard</text>`,
  );
  return `${parts.join('\n')}\n</svg>\n`;
}
