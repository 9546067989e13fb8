/** One call: who had the turn when, how quick its answers were, what happened, and what may be ordered of it. */
import { ask } from './api.js';
import { byId, duration, make, makeSvg, number, setText } from './dom.js';

const WIDTH = 1000;
/** Rows of the timeline, and the turn states that are drawn in each. */
const ROWS = { caller: ['caller-speaking'], thinking: ['thinking'], agent: ['agent-speaking', 'yielding'] };
/** How much of the call the timeline shows, s: all of it, within these bounds. */
const LEAST_SPAN_S = 20;
const MOST_SPAN_S = 90;
const EVENTS = 60;

/**
 * Orders with a button each; those with a question are asked about first.
 * @type {{ label: string, verb: string, body: object, question?: string }[]}
 */
const BUTTONS = [
  { label: 'Interrupt', verb: 'interrupt', body: {} },
  { label: 'Pause', verb: 'pause', body: {} },
  { label: 'Resume', verb: 'resume', body: {} },
  { label: 'Hold', verb: 'hold', body: { on: true } },
  { label: 'Unhold', verb: 'hold', body: { on: false } },
  { label: 'Mute caller', verb: 'mute', body: { who: 'user' } },
  { label: 'Unmute caller', verb: 'unmute', body: { who: 'user' } },
  { label: 'Mask', verb: 'mask', body: { on: true } },
  { label: 'Unmask', verb: 'mask', body: { on: false } },
  { label: 'Stop agent', verb: 'stop', body: {}, question: 'Take the agent out of this call?' },
  { label: 'Hang up', verb: 'hangup', body: {}, question: 'Hang up on this caller?' },
];

/**
 * Orders with a text: label, verb, key of the body.
 * @type {[string, string, string][]}
 */
const FIELDS = [
  ['Have the agent say', 'say', 'text'],
  ['Tell the agent', 'text', 'text'],
  ['Press keys', 'dtmf', 'digits'],
  ['Transfer to', 'transfer', 'destination'],
  ['Switch to backend', 'switch', 'backend'],
];

/**
 * New parts for each call: nothing of another one is left in them.
 * @param {string} title
 */
function newParts(title) {
  return {
    title: make('h2', { id: 'detail-title', tabindex: '-1' }, title),
    facts: make('dl', { class: 'facts' }),
    span: make('h3', {}, 'Turns'),
    picture: make('div', { class: 'timeline' }),
    said: make('ol', { class: 'said' }),
    events: make('ol', { class: 'events' }),
  };
}

/** The part of the page that shows one call. */
export class CallDetail {
  /**
   * @param {boolean} controls whether this token commands
   * @param {(text: string, failed?: boolean) => void} tell
   * @param {() => void} onClose
   */
  constructor(controls, tell, onClose) {
    this.controls = controls;
    this.tell = tell;
    this.onClose = onClose;
    this.section = byId('detail');
    /** @type {string | null} */
    this.id = null;
    /** @type {any[]} */
    this.moments = [];
    this.parts = newParts('');
  }

  /** @param {string} id */
  open(id) {
    this.id = id;
    this.moments = [];
    this.parts = newParts(id);
    this.section.replaceChildren(
      make(
        'div',
        { class: 'line' },
        this.parts.title,
        make('button', { type: 'button', class: 'plain', onclick: () => this.onClose() }, 'Close'),
      ),
      this.parts.facts,
      this.parts.span,
      this.parts.picture,
      make(
        'div',
        { class: 'columns' },
        make('div', { class: 'grow' }, make('h3', {}, 'What is said'), this.parts.said),
        make('div', { class: 'grow' }, make('h3', {}, 'Events'), this.parts.events),
      ),
      ...(this.controls ? [make('h3', {}, 'Orders'), this.#orders(id)] : []),
    );
    this.section.hidden = false;
    this.parts.title.focus();
    this.#showSaid();
  }

  close() {
    this.id = null;
    this.section.hidden = true;
    this.section.replaceChildren();
  }

  /** @param {{ at: string, call: any, timeline: any[] }} answer times are those of the process, whose clock may differ from ours */
  show({ at, call, timeline }) {
    if (call.session_uuid !== this.id) return;
    if (this.moments.length === 0) {
      this.moments = [...timeline];
      for (const moment of timeline.slice(-EVENTS)) this.#addEvent(moment);
    }
    const { media, ai, latency } = call;
    setText(this.parts.title, call.from ? `${call.from} → ${call.to}` : call.session_uuid);
    const facts = [
      ['Id', call.session_uuid],
      ['Health', call.reasons.length > 0 ? `${call.health}: ${call.reasons.join('; ')}` : call.health],
      ['For', duration(call.uptime_sec)],
      ['Backend', `${ai.backend}${ai.backend_connected ? '' : ', not connected'}`],
      ['Media', `${media.transport} ${media.codec ?? ''} ${media.rates.leg_hz ?? ''}`.trim()],
      ['Answers', `${latency.answers}, cut in on ${ai.barge_in_count}`],
      [
        'Latency',
        `last ${number(latency.last_ms)}, median ${number(latency.p50_ms)}, 95 % ${number(latency.p95_ms)} ms`,
      ],
      ['Jitter buffer', `${number(media.buffer_ms)} ms, jitter ${number(media.jitter_ms, 1)} ms`],
      ['Lost, made up', `${media.lost} frames, ${number(media.concealed_ms)} ms`],
      ['Round trip', media.rtt_ms === null ? '–' : `${number(media.rtt_ms)} ms`],
      [
        'Echo',
        media.echo_delay_ms === null
          ? 'none found'
          : `${number(media.echo_delay_ms)} ms, ${number(media.erle_db)} dB taken out`,
      ],
      ['Orders', call.orders.length > 0 ? call.orders.join(', ') : 'none'],
    ];
    if (this.parts.facts.childElementCount !== facts.length) {
      this.parts.facts.replaceChildren(...facts.map(([name]) => make('div', {}, make('dt', {}, name), make('dd'))));
    }
    for (const [index, [, value]] of facts.entries()) {
      const shown = this.parts.facts.children[index]?.lastElementChild;
      if (shown) setText(shown, value);
    }
    this.#draw(call, Date.parse(at));
  }

  /**
   * @param {string} type
   * @param {any} event
   */
  onEvent(type, event) {
    if (event.call !== this.id) return;
    this.moments.push(event);
    if (this.moments.length > 400) this.moments.shift();
    if (type === 'transcript') this.#addSaid(event);
    else this.#addEvent(event);
  }

  /** @param {any} event */
  #addSaid(event) {
    if (!event.final || event.text === undefined) return;
    if (this.parts.said.querySelector('.quiet')) this.parts.said.replaceChildren();
    this.parts.said.append(make('li', { class: event.by }, make('b', {}, event.by), ' ', event.text));
    while (this.parts.said.childElementCount > EVENTS) this.parts.said.firstElementChild?.remove();
  }

  #showSaid() {
    this.parts.said.append(
      make('li', { class: 'quiet' }, 'Nothing yet. Transcripts are shown where status.personalData is on.'),
    );
  }

  /** @param {any} event */
  #addEvent({ type, at, call: _call, ...fields }) {
    const facts = Object.entries(fields)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
    this.parts.events.prepend(
      make(
        'li',
        {},
        make('time', { datetime: at }, at.slice(11, 19)),
        ' ',
        make('b', {}, type),
        ' ',
        make('span', { class: 'quiet' }, facts),
      ),
    );
    while (this.parts.events.childElementCount > EVENTS) this.parts.events.lastElementChild?.remove();
  }

  /**
   * @param {any} call
   * @param {number} nowMs
   */
  #draw(call, nowMs) {
    const spanS = Math.ceil(Math.min(MOST_SPAN_S, Math.max(LEAST_SPAN_S, call.uptime_sec)));
    const x = (/** @type {number} */ ms) => Math.max(0, WIDTH * (1 - (nowMs - ms) / (spanS * 1000)));
    setText(this.parts.span, `Turns, the last ${spanS} seconds`);
    const turns = this.moments.filter((moment) => moment.type === 'turn.state');
    const spans = turns.map((turn, index) => {
      const end = turns[index + 1];
      return { state: turn.state, from: x(Date.parse(turn.at)), to: end === undefined ? WIDTH : x(Date.parse(end.at)) };
    });
    const names = Object.keys(ROWS);
    const bars = names.flatMap((name, row) =>
      spans
        .filter(({ state, to }) => ROWS[/** @type {keyof typeof ROWS} */ (name)].includes(state) && to > 0)
        .map(({ from, to }) =>
          makeSvg('rect', { x: from, y: row * 24 + 3, width: Math.max(2, to - from), height: 18, rx: 3, class: name }),
        ),
    );
    const cuts = this.moments
      .filter((moment) => moment.type === 'barge-in' && x(Date.parse(moment.at)) > 0)
      .map((moment) =>
        makeSvg('line', { x1: x(Date.parse(moment.at)), x2: x(Date.parse(moment.at)), y1: 0, y2: 72, class: 'cut' }),
      );
    const answers = this.moments.filter(
      (moment) => moment.type === 'turn.response-latency' && x(Date.parse(moment.at)) > 0,
    );
    const said = `${call.turn.replace('-', ' ')} now; ${answers.length} answers and ${cuts.length} interruptions in the last ${spanS} seconds`;
    const latencies = answers.map((moment) => {
      const label = make('span', {}, `${Math.round(moment.latencyMs)} ms`);
      label.style.left = `${x(Date.parse(moment.at)) / (WIDTH / 100)}%`;
      return label;
    });
    const svg = makeSvg(
      'svg',
      { viewBox: `0 0 ${WIDTH} 94`, preserveAspectRatio: 'none', role: 'img', 'aria-label': said },
      ...bars,
      ...cuts,
    );
    this.parts.picture.replaceChildren(
      make('div', { class: 'rows', 'aria-hidden': 'true' }, ...names.map((name) => make('span', {}, name))),
      make('div', { class: 'drawing' }, svg, make('div', { class: 'latencies', 'aria-hidden': 'true' }, ...latencies)),
    );
  }

  /** @param {string} id */
  #orders(id) {
    const order = async (/** @type {string} */ verb, /** @type {unknown} */ body, /** @type {string} */ label) => {
      try {
        const { result } = await ask(`api/calls/${encodeURIComponent(id)}/${verb}`, body);
        this.tell(result === 'Success' ? `${label}: done` : `${label}: ${result}`);
        return true;
      } catch (error) {
        this.tell(`${label}: ${/** @type {Error} */ (error).message}`, true);
        return false;
      }
    };
    const buttons = BUTTONS.map(({ label, verb, body, question = '' }) => {
      const onclick = () => {
        if (question === '' || confirm(question)) void order(verb, body, label);
      };
      return make('button', { type: 'button', ...(question === '' ? {} : { class: 'grave' }), onclick }, label);
    });
    const fields = FIELDS.map(([label, verb, key]) => {
      const input = /** @type {HTMLInputElement} */ (
        make('input', { id: `order-${verb}`, required: true, autocomplete: 'off' })
      );
      const onsubmit = async (/** @type {Event} */ event) => {
        event.preventDefault();
        if (await order(verb, { [key]: input.value }, label)) input.value = '';
      };
      return make(
        'form',
        { class: 'line', onsubmit: (event) => void onsubmit(event) },
        make('label', { for: `order-${verb}` }, label),
        input,
        make('button', { type: 'submit' }, 'Send'),
      );
    });
    return make('div', { class: 'orders' }, make('div', { class: 'line' }, ...buttons), ...fields);
  }
}
