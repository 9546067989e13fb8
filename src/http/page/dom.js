/** Elements, made without ever parsing text as HTML: whatever a caller is called, it is shown and never run. */

/**
 * The element with this id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * An element with attributes and children; text becomes text nodes.
 * @param {string} tag
 * @param {Record<string, string | boolean | ((event: Event) => void)>} [attributes] `onclick` and the like are listeners
 * @param {...(Node | string | number)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (typeof value === 'boolean') element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children.map((child) => (typeof child === 'number' ? String(child) : child)));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element of SVG.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function makeSvg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * Sets text only where it changed: what stays is not read out again.
 * @param {Element} element
 * @param {string | number} text
 */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = String(text);
}

/**
 * `75` → `1:15`.
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/**
 * A number, or a dash where there is none.
 * @param {number | null} value
 * @param {number} [decimals]
 */
export function number(value, decimals = 0) {
  return value === null ? '–' : value.toFixed(decimals);
}

/** Quietest level that a meter shows, dBov. */
const FLOOR_DBOV = -60;

/**
 * A level meter: a bar, and the figure for those who do not see it.
 * @param {string} label
 */
export function makeMeter(label) {
  const bar = make('span', { class: 'bar' });
  const meter = make('span', {
    class: `meter ${label}`,
    role: 'meter',
    'aria-label': `${label} level`,
    'aria-valuemin': String(FLOOR_DBOV),
    'aria-valuemax': '0',
  });
  meter.append(bar);
  return meter;
}

/**
 * @param {HTMLElement} meter of {@link makeMeter}
 * @param {number} dbov
 */
export function setMeter(meter, dbov) {
  const shown = Math.min(0, Math.max(FLOOR_DBOV, Math.round(dbov)));
  if (meter.getAttribute('aria-valuenow') === String(shown)) return;
  meter.setAttribute('aria-valuenow', String(shown));
  meter.title = `${shown} dBov`;
  const bar = /** @type {HTMLElement} */ (meter.firstElementChild);
  bar.style.transform = `scaleX(${1 - shown / FLOOR_DBOV})`;
}
