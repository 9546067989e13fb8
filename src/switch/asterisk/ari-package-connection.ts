/**
 * One ARI connection over the npm package `ari-client` 2.2.0, which runs in a thread of its own: it has ways to end the
 * process that runs it. docs/decisions/0003-ari-link.md lists them, and what stands in front of each.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import {
  INFO_REQUEST,
  checkedLength,
  isEvent,
  isReplacement,
  readAnswer,
  readInfo,
  readMessage,
} from './ari-answer.ts';
import type { AriConnection, AriConnectionSink, AriDial } from './ari-connection.ts';
import { AriHttp } from './ari-http.ts';
import type { AriEvent, AriInfo, AriRequest } from './ari-link.ts';
import {
  down,
  errorOfErrno,
  notInstalled,
  protocolError,
  refusedWithStatus,
  replaced,
  timeout,
  unanswered,
} from './ari-link-error.ts';
import type { AriPackageOrder, AriPackageReport, AriPackageStart } from './ari-package-worker.ts';
import { AriPending } from './ari-pending.ts';
import { AriPulse } from './ari-pulse.ts';
import { originOf } from './ari-target.ts';
import type { AriTarget } from './ari-target.ts';

/** Dials with the package, once an Asterisk has let us in at the same address. */
export function packageDial(target: AriTarget): AriDial {
  return async (sink, clock, signal) => {
    const startedMs = clock.nowMs();
    const info = await askFirst(target, clock, signal);
    const connection = new PackageConnection(target, info, sink, clock);
    const onAbort = (): void => connection.close(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
    signal.addEventListener('abort', onAbort, { once: true });
    const leftMs = LIMITS.ariLoginMs - (clock.nowMs() - startedMs);
    const deadline = clock.after(leftMs, () => connection.close(timeout('let us connect', LIMITS.ariLoginMs)));
    try {
      if (signal.aborted) onAbort();
      await connection.opened;
      return connection;
    } finally {
      deadline.cancel();
      signal.removeEventListener('abort', onAbort);
    }
  };
}

/** The package is not to meet an address that is no ARI, or a password that is wrong. */
async function askFirst(target: AriTarget, clock: Clock, signal: AbortSignal): Promise<AriInfo> {
  const http = new AriHttp(target, clock);
  try {
    const answer = await http.request({ ...INFO_REQUEST, timeoutMs: LIMITS.ariLoginMs }, signal);
    if (answer.status !== 200) throw refusedWithStatus(target, answer.status);
    return readInfo(readAnswer(INFO_REQUEST, answer));
  } finally {
    http.close(down('not needed any more'));
  }
}

class PackageConnection implements AriConnection {
  readonly info: AriInfo;
  /** Resolves once the application is registered; rejects when the connection ends before. */
  readonly opened: Promise<void>;
  readonly #target: AriTarget;
  readonly #sink: AriConnectionSink;
  readonly #worker: Worker;
  readonly #pending: AriPending;
  readonly #pulse: AriPulse;
  #onOpened: () => void = () => undefined;
  #onFailed: (error: TalkspurtError) => void = () => undefined;
  #ended: TalkspurtError | null = null;

  constructor(target: AriTarget, info: AriInfo, sink: AriConnectionSink, clock: Clock) {
    this.#target = target;
    this.info = info;
    this.#sink = sink;
    this.#pending = new AriPending(clock);
    this.opened = new Promise((resolve, reject) => {
      this.#onOpened = resolve;
      this.#onFailed = reject;
    });
    const { username, password, app } = target;
    this.#worker = startWorker({ origin: originOf(target, 'http'), username, password, app });
    this.#worker.on('message', (report: AriPackageReport) => {
      if (this.#ended === null) this.#onReport(report);
    });
    // What it threw may hold anything, credentials among it: it goes no further.
    this.#worker.on('error', () => this.#end(protocolError('what the package ari-client cannot live with')));
    this.#worker.on('exit', () => this.#end(down('the package ari-client has ended')));
    // What is written on its behalf is nobody's to read.
    this.#worker.stdout.resume();
    this.#worker.stderr.resume();
    this.#pulse = new AriPulse(
      clock,
      () => this.#order({ kind: 'ping' }),
      () => this.#end(timeout('give a sign of life', LIMITS.ariSilentMs)),
    );
  }

  async request(request: AriRequest): Promise<unknown> {
    if (this.#ended !== null) throw unanswered(this.#ended);
    const { method, path, query = {} } = request;
    const body = request.body === undefined ? '' : JSON.stringify(request.body);
    checkedLength(request, JSON.stringify([path, query]) + body);
    const answer = await this.#pending.ask(request, (id) =>
      this.#order({ kind: 'request', id, method, path, query, body }),
    );
    return readAnswer(request, answer);
  }

  close(error: TalkspurtError): void {
    this.#end(error, false);
  }

  #order(order: AriPackageOrder): void {
    this.#worker.postMessage(order);
  }

  #onReport(report: AriPackageReport): void {
    this.#pulse.heard();
    switch (report.kind) {
      case 'up':
        this.#onOpened();
        return;
      case 'answer':
        this.#pending.take(report.id)?.resolve(report);
        return;
      case 'event':
        if (isEvent(report.event)) this.#onEvent(report.event);
        return;
      case 'text':
        this.#onText(report.text);
        return;
      case 'lost':
        this.#end(this.#lossOf(report));
        return;
      case 'missing':
        this.#end(notInstalled());
        return;
      case 'pong':
    }
  }

  #onText(text: string): void {
    try {
      this.#onEvent(readMessage(text));
    } catch (error) {
      this.#sink.onFault(asTalkspurtError(error));
    }
  }

  #onEvent(event: AriEvent): void {
    if (isReplacement(event, this.#target.app)) this.#end(replaced(this.#target.app));
    else this.#sink.onEvent(event);
  }

  #lossOf({ reason, status, errno }: Extract<AriPackageReport, { kind: 'lost' }>): TalkspurtError {
    switch (reason) {
      case 'refused':
        return refusedWithStatus(this.#target, status);
      case 'frame':
        return protocolError('a WebSocket frame that is none');
      case 'long':
        return protocolError(`more than ${LIMITS.ariMessageBytes} bytes`);
      case 'closed':
        return errno === '' ? down('Asterisk closed the connection') : errorOfErrno(this.#target, errno);
    }
  }

  #end(error: TalkspurtError, tell = true): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#pulse.stop();
    void this.#worker.terminate();
    this.#pending.rejectAll(unanswered(error));
    this.#onFailed(error);
    if (tell) this.#sink.onClosed(error);
  }
}

/** Beside this file stands the worker's source, or what it was compiled to. */
function startWorker(workerData: AriPackageStart): Worker {
  const options = {
    workerData,
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: LIMITS.ariPackageMemoryMb },
  };
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./ari-package-worker.js', import.meta.url), options);
  // A worker's first file is not passed through the loaders of its parent: it has to register them for itself.
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const source = JSON.stringify(new URL('./ari-package-worker.ts', import.meta.url).href);
  const begin = `import(${loader}).then((tsx) => { tsx.register(); return import(${source}); });`;
  return new Worker(begin, { ...options, eval: true });
}
