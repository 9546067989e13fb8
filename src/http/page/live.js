/** The live page: asks twice a second at most, listens for what happens, and says so when nobody answers. */
import { ApiError, ask, keepToken, listen, token } from './api.js';
import { CallDetail } from './call-detail.js';
import { byId, setText } from './dom.js';
import { CallTable, showBreakers, showLinks, showSystem } from './overview.js';

const POLL_MS = 2_000;
const AGAIN_MS = 2_000;
/** Events that change what the table says soon enough to ask again at once. */
const ASK_AFTER =
  /^(call\.|order|recording|breaker|link\.|backend\.(opened|switched|closed)|media\.opened|turn\.response)/;

const login = /** @type {HTMLFormElement} */ (byId('login'));
const input = /** @type {HTMLInputElement} */ (byId('token'));

let stop = new AbortController();

/** @param {number} ms @param {AbortSignal} signal */
const wait = (ms, signal) =>
  new Promise((resolve) => {
    const over = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
    if (over.aborted) resolve(undefined);
    else over.addEventListener('abort', () => resolve(undefined), { once: true });
  });

/** @param {'on' | 'off' | 'lost'} state @param {string} text */
function showConnection(state, text) {
  byId('connection').dataset['state'] = state;
  setText(byId('connection'), text);
}

/** @param {string} text @param {boolean} [failed] */
function tell(text, failed = false) {
  const told = byId('told');
  told.classList.toggle('error', failed);
  told.textContent = text;
}

/** @param {string} [why] */
function askForToken(why = '') {
  stop.abort();
  byId('board').hidden = true;
  byId('forget').hidden = true;
  login.hidden = false;
  byId('login-error').textContent = why;
  showConnection('off', 'not connected');
  input.value = '';
  input.focus();
}

async function begin() {
  stop.abort();
  stop = new AbortController();
  const { signal } = stop;
  let access;
  try {
    access = await ask('api/access');
  } catch (error) {
    const { status, message } = /** @type {ApiError} */ (error);
    if (status === 401) keepToken(null);
    askForToken(message);
    return;
  }
  if (signal.aborted) return;
  login.hidden = true;
  byId('board').hidden = false;
  byId('forget').hidden = false;
  setText(byId('version'), access.version);
  run(access.scope === 'control', signal);
}

/** @param {boolean} controls @param {AbortSignal} signal */
function run(controls, signal) {
  const table = new CallTable((id) => choose(id));
  const detail = new CallDetail(controls, tell, () => choose(null));
  let asking = false;
  let again = false;

  const refresh = async () => {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const [calls, system, breakers, health] = await Promise.all(
        ['calls?limit=500', 'system', 'breakers', 'health'].map((path) => ask(`api/${path}`)),
      );
      if (signal.aborted) return;
      table.show(calls.calls, calls.total);
      showSystem(system.system);
      showBreakers(breakers.breakers);
      showLinks(health.health.switch_links);
      await refreshDetail();
    } catch (error) {
      refused(error);
    } finally {
      asking = false;
    }
    if (again && !signal.aborted) {
      again = false;
      // Many events in a row are one reason to ask.
      await wait(POLL_MS / 2, signal);
      if (!signal.aborted) void refresh();
    }
  };

  const refreshDetail = async () => {
    if (detail.id === null) return;
    try {
      const answer = await ask(`api/calls/${encodeURIComponent(detail.id)}`);
      if (!signal.aborted) detail.show(answer);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      choose(null);
      tell('The call has ended.');
    }
  };

  /** @param {string | null} id */
  const choose = (id) => {
    table.choose(id);
    if (id === null) detail.close();
    else {
      detail.open(id);
      void refreshDetail().catch(refused);
    }
  };

  /** @param {unknown} error */
  const refused = (error) => {
    if (signal.aborted) return;
    const status = error instanceof ApiError ? error.status : -1;
    if (status === 401 || status === 403) {
      keepToken(null);
      askForToken(/** @type {Error} */ (error).message);
    } else showConnection('lost', error instanceof Error ? error.message : 'something failed');
  };

  const follow = async () => {
    while (!signal.aborted) {
      try {
        await listen(
          'api/events?levels=true',
          (type, data) => {
            if (type === 'open') showConnection('on', 'live');
            else if (type === 'levels') table.showLevels(data.calls);
            else {
              detail.onEvent(type, data);
              if (ASK_AFTER.test(type)) void refresh();
            }
          },
          signal,
        );
        showConnection('lost', 'the stream ended');
      } catch (error) {
        refused(error);
      }
      await wait(AGAIN_MS, signal);
    }
  };

  const poll = async () => {
    while (!signal.aborted) {
      // Nobody looks at a hidden tab.
      if (!document.hidden) await refresh();
      await wait(POLL_MS, signal);
    }
  };

  signal.addEventListener('abort', () => {
    detail.close();
    table.show([], 0);
  });
  void follow();
  void poll();
}

login.addEventListener('submit', (event) => {
  event.preventDefault();
  keepToken(input.value.trim());
  void begin();
});
byId('forget').addEventListener('click', () => {
  keepToken(null);
  askForToken();
});
if (token() === null) askForToken();
else void begin();
