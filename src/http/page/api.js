/** The API, with the token of this tab. An EventSource could not send one, so the stream is read from a fetch. */

const KEY = 'talkspurt.token';

/** A refusal of the API. */
export class ApiError extends Error {
  /**
   * @param {number} status 0: nobody answered
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** @returns {string | null} */
export function token() {
  return sessionStorage.getItem(KEY);
}

/** @param {string | null} value */
export function keepToken(value) {
  if (value === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, value);
}

/**
 * @param {string} path below the page, as `api/calls`
 * @param {unknown} [body] with it, a POST
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function ask(path, body) {
  const posting =
    body === undefined
      ? {}
      : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await reach(path, {
    ...posting,
    signal: AbortSignal.timeout(60_000),
  });
  return await response.json();
}

/**
 * Reads events until the stream ends or `signal` aborts it.
 * @param {string} path
 * @param {(type: string, data: any) => void} onEvent
 * @param {AbortSignal} signal
 * @throws {ApiError}
 */
export async function listen(path, onEvent, signal) {
  const response = await reach(path, { headers: { accept: 'text/event-stream' }, signal });
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      const type = lines.find((line) => line.startsWith('event: '))?.slice(7);
      const data = lines.find((line) => line.startsWith('data: '))?.slice(6);
      if (type !== undefined && data !== undefined) onEvent(type, JSON.parse(data));
    }
  }
}

/**
 * @param {string} path
 * @param {{ method?: string, body?: string, headers?: Record<string, string>, signal: AbortSignal }} init
 */
async function reach(path, init) {
  const headers = { ...init.headers, authorization: `Bearer ${token() ?? ''}` };
  let response;
  try {
    response = await fetch(path, { ...init, headers, cache: 'no-store', redirect: 'error' });
  } catch (error) {
    if (init.signal.aborted) throw error;
    throw new ApiError(0, 'unreachable', 'the process does not answer');
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: { code: 'unknown', message: response.statusText } }));
  throw new ApiError(
    response.status,
    error.code,
    error.field === undefined ? error.message : `${error.field}: ${error.message}`,
  );
}
