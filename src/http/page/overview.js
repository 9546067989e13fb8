/** Tiles, calls, breakers and switches. Rows are kept and changed, so that focus and selection stay where they are. */
import { byId, duration, make, makeMeter, number, setMeter, setText } from './dom.js';

/** @typedef {{ row: HTMLElement, set: (call: any) => void, levels: (caller: number, agent: number, turn: string) => void }} Row */

/** Calls as rows of the table. */
export class CallTable {
  /** @param {(id: string) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.body = /** @type {HTMLElement} */ (byId('calls').querySelector('tbody'));
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** @type {string | null} */
    this.chosen = null;
  }

  /**
   * @param {any[]} calls
   * @param {number} total
   */
  show(calls, total) {
    const ordered = calls.toSorted((a, b) => b.uptime_sec - a.uptime_sec);
    const there = new Set(ordered.map((call) => call.session_uuid));
    for (const [id, { row }] of this.rows) {
      if (there.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    let place = this.body.firstElementChild;
    for (const call of ordered) {
      const known = this.rows.get(call.session_uuid) ?? this.#add(call.session_uuid);
      known.set(call);
      // Only what is out of place is moved: moving takes the focus away.
      if (known.row === place) place = place.nextElementSibling;
      else this.body.insertBefore(known.row, place);
    }
    setText(byId('calls-count'), total > calls.length ? `${calls.length} of ${total}` : String(total));
    byId('no-calls').hidden = total > 0;
  }

  /** @param {any[]} levels */
  showLevels(levels) {
    for (const { id, turn, caller_dbov: caller, agent_dbov: agent } of levels)
      this.rows.get(id)?.levels(caller, agent, turn);
  }

  /** @param {string | null} id */
  choose(id) {
    this.chosen = id;
    for (const [each, { row }] of this.rows) row.toggleAttribute('data-chosen', each === id);
  }

  /** @param {string} id */
  #add(id) {
    const [who, under, state, turn, age, latency, median, lost, jitter] = Array.from({ length: 9 }, () => make('span'));
    const [caller, agent] = [makeMeter('caller'), makeMeter('agent')];
    const button = make('button', { type: 'button', class: 'plain', onclick: () => this.onChoose(id) }, who);
    under.className = 'quiet under';
    median.className = lost.className = 'quiet under';
    const row = make(
      'tr',
      { 'data-call': id },
      make('td', {}, button, under),
      make('td', { 'data-name': 'State' }, state),
      make('td', { 'data-name': 'Turn' }, turn),
      make('td', { class: 'levels', 'data-name': 'Levels' }, caller, agent),
      make('td', { class: 'number', 'data-name': 'For' }, age),
      make('td', { class: 'number', 'data-name': 'Latency, ms' }, latency, median),
      make('td', { class: 'number', 'data-name': 'Jitter, lost' }, jitter, lost),
    );
    row.toggleAttribute('data-chosen', id === this.chosen);
    const setTurn = (/** @type {string} */ word) => {
      setText(turn, word.replace('-', ' '));
      turn.className = `turn ${word}`;
    };
    const added = {
      row,
      set: (/** @type {any} */ call) => {
        const { from, to, profile, latency: times, media, capture, inject } = call;
        setText(who, from ? `${from} → ${to}` : id);
        setText(
          under,
          `${profile} · ${call.switch}${call.orders.length > 0 ? ` · ${call.orders.join(', ')}` : ''}${call.recording ? ' · recording' : ''}`,
        );
        setText(state, call.state.toLowerCase());
        state.className = `pill ${call.health.toLowerCase()}`;
        state.title = call.reasons.join('; ');
        setText(age, duration(call.uptime_sec));
        setText(latency, number(times.last_ms));
        setText(median, `median ${number(times.p50_ms)}`);
        setText(jitter, `${number(media.jitter_ms, 1)} ms`);
        setText(lost, `${media.lost} lost`);
        added.levels(capture.level_dbov, inject.level_dbov, call.turn);
      },
      levels: (/** @type {number} */ callerDbov, /** @type {number} */ agentDbov, /** @type {string} */ word) => {
        setMeter(caller, callerDbov);
        setMeter(agent, agentDbov);
        setTurn(word);
      },
    };
    this.rows.set(id, added);
    return added;
  }
}

/**
 * The tiles at the top.
 * @param {any} system
 */
export function showSystem(system) {
  const ready = system.not_ready.length === 0;
  const tiles = [
    ['Calls', `${system.calls} of ${system.call_limit}`, ''],
    ['Takes calls', ready ? 'yes' : 'no', ready ? 'good' : 'bad', system.not_ready.join('; ')],
    ['Late ticks', `${number(system.late_tick_pct, 2)} %`, system.late_tick_pct > 1 ? 'bad' : ''],
    ['Event loop late', `${system.loop_lag_worst_ms} ms`, system.loop_lag_worst_ms > 100 ? 'bad' : ''],
    ['Memory', `${Math.round(system.rss_bytes / 1_048_576)} MiB`, ''],
    ['Up for', duration(system.uptime_sec), ''],
  ];
  keyed(
    byId('system'),
    tiles,
    ([name]) => name,
    'div',
    (tile, [name, value, mood, title = '']) => {
      if (tile.childElementCount === 0) tile.append(make('dt', {}, name), make('dd'));
      const shown = /** @type {HTMLElement} */ (tile.lastElementChild);
      setText(shown, title === '' ? value : `${value}: ${title}`);
      tile.className = mood;
    },
  );
}

/** @param {any[]} breakers */
export function showBreakers(breakers) {
  const items =
    breakers.length > 0
      ? breakers
      : [{ name: '', state: '', retry_in_ms: 0, last_reason: 'None has been needed yet.' }];
  keyed(
    byId('breakers'),
    items,
    ({ name }) => name,
    'li',
    (item, { name, state, retry_in_ms: retryMs, last_reason: reason }) => {
      const detail = state === 'open' ? `next try in ${Math.ceil(retryMs / 1000)} s · ${reason}` : reason;
      listItem(item, name, state, state === 'closed' ? 'healthy' : state === 'open' ? 'unhealthy' : 'degraded', detail);
    },
  );
}

/** @param {any[]} links */
export function showLinks(links) {
  const items = links.length > 0 ? links : [{ name: '', kind: 'No switch is configured.', up: null, problem: null }];
  keyed(
    byId('links'),
    items,
    ({ name }) => name,
    'li',
    (item, { name, kind, up, problem }) => {
      const mood = !up ? 'unhealthy' : problem === null ? 'healthy' : 'degraded';
      listItem(item, name, up === null ? '' : up ? 'up' : 'down', mood, problem ?? kind);
    },
  );
}

/**
 * @param {HTMLElement} item
 * @param {string} name
 * @param {string} state
 * @param {string} mood
 * @param {string} detail
 */
function listItem(item, name, state, mood, detail) {
  if (item.childElementCount === 0)
    item.append(make('span', { class: 'name' }), make('span'), make('span', { class: 'quiet under' }));
  const [first, second, third] = item.children;
  setText(first, name);
  setText(second, state);
  second.className = state === '' ? '' : `pill ${mood}`;
  setText(third, detail);
}

/**
 * One child for each item, kept by its key.
 * @template T
 * @param {HTMLElement} parent
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {string} tag
 * @param {(element: HTMLElement, item: T) => void} set
 */
function keyed(parent, items, keyOf, tag, set) {
  const known = new Map(
    [...parent.children].map((child) => [/** @type {HTMLElement} */ (child).dataset['key'] ?? '', child]),
  );
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const child = /** @type {HTMLElement} */ (known.get(key) ?? make(tag, { 'data-key': key }));
    set(child, item);
    return child;
  });
  if (wanted.length !== parent.childElementCount || wanted.some((child, index) => parent.children[index] !== child)) {
    parent.replaceChildren(...wanted);
  }
}
