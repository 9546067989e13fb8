// Runs the tests: every file in a process of its own, a few at a time, under a time limit. A file passes only when it ran
// tests, all of them held, and it came to its end by itself (a leaked socket or timer keeps a process up).
//
//   node test/run.mjs [--integration] [--jobs N] [--timeout SECONDS] [--folder DIR] [--seed N|random] [--again N] [name part …]
//
// --again N: where no more than N files fail, each gets one more try at the end, alone. What fails then too has failed; what
// holds then is shown with what it said the first time, and counted. For tests that keep time in real time with processes of
// others', on machines that are shared. A file that needed it is a defect all the same, of the test or of what it tests.
//
// A test that cannot run on this machine prints `skipped: <why>` on a line of its own and returns: it is then counted as
// skipped, and the line is shown.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const preload = new URL('printable-errors.mjs', import.meta.url).href;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    integration: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    timeout: { type: 'string' },
    folder: { type: 'string', default: join(root, 'test') },
    seed: { type: 'string', default: '1' },
    again: { type: 'string', default: '0' },
  },
});
const timeoutMs = Number(values.timeout ?? (values.integration ? 240 : 90)) * 1000;
/** From the closing lines of a file to the end of its process. */
const GRACE_MS = Math.min(10_000, timeoutMs);
const jobs = Number(values.jobs);
if (!(timeoutMs > 0) || !Number.isInteger(jobs) || jobs < 1) {
  process.stderr.write('test: --timeout takes seconds and --jobs a whole number from 1\n');
  process.exit(2);
}

const again = Number(values.again);
if (!Number.isInteger(again) || again < 0) {
  process.stderr.write('test: --again takes a whole number from 0\n');
  process.exit(2);
}

if (values.seed !== 'random' && !/^-?\d+$/.test(values.seed)) {
  process.stderr.write('test: --seed takes a whole number, or random\n');
  process.exit(2);
}

const folder = resolve(values.folder);
const files = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith('.test.ts') && !name.startsWith(`fixtures${sep}`))
  .filter((name) => name.startsWith(`integration${sep}`) === values.integration)
  .filter((name) => positionals.length === 0 || positionals.some((part) => name.includes(part)))
  .sort((one, other) => (one < other ? -1 : 1));
if (files.length === 0) {
  process.stderr.write(`test: no test file matches ${positionals.join(' ')}\n`);
  process.exit(1);
}

const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const pid of running) kill(pid);
    process.exit(130);
  });
}

const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const waiting = [...files];
// Integration tests keep time in real time: one after another.
const lanes = values.integration ? 1 : Math.min(jobs, files.length);
await Promise.all(Array.from({ length: lanes }, lane));
let healed = 0;
if (failures.length <= again) {
  for (const { name, verdict } of failures) {
    process.stdout.write(`\nonce more: ${name}\n`);
    const second = report(name, await runFile(name));
    if (second.ok) healed += 1;
    // The second try counts in place of the first.
    for (const kind of Object.keys(total)) total[kind] += second[kind] - verdict[kind];
  }
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
const healedNote = healed > 0 ? `, ${healed} of the files at the second try` : '';
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}${healedNote}\n`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function lane() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const verdict = report(name, await runFile(name));
    for (const kind of Object.keys(total)) total[kind] += verdict[kind];
    if (!verdict.ok) failures.push({ name, verdict });
  }
}

function runFile(name) {
  return new Promise((settle) => {
    const startedMs = performance.now();
    const child = spawn(process.execPath, ['--expose-gc', '--import', preload, '--import', 'tsx', join(folder, name)], {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', PROPERTY_SEED: values.seed },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own: what the file starts can be found and ended with it.
      detached: true,
    });
    running.add(child.pid);
    let output = '';
    let lateness = null;
    const give = (why) => () => {
      lateness = why;
      kill(child.pid);
    };
    let killer = setTimeout(give(`did not end within ${timeoutMs / 1000} s: a test hangs`), timeoutMs);
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (!/^ {2}Duration:/m.test(output.slice(-chunk.length - 40))) return;
      clearTimeout(killer);
      killer = setTimeout(
        give('ran its tests and then did not end: it left a socket, timer or process open'),
        GRACE_MS,
      );
    });
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('exit', () => clearTimeout(killer));
    const closed = async (code, signal) => {
      clearTimeout(killer);
      const orphans = lateness === null && (await outlives(child.pid));
      running.delete(child.pid);
      settle({ code, signal, output, lateness, orphans, seconds: (performance.now() - startedMs) / 1000 });
    };
    child.on('close', (code, signal) => void closed(code, signal));
    // A child of the file that holds its output open would keep `close` away for ever.
    child.on('exit', () => setTimeout(() => child.stdout.destroyed || kill(child.pid), GRACE_MS).unref());
  });
}

/** Whether something of the file's process group is still there; it is ended. The compiler's own helper needs a moment. */
async function outlives(pid) {
  for (let tries = 0; tries < 20; tries += 1) {
    if (!alive(pid)) return false;
    await new Promise((done) => setTimeout(done, 50));
  }
  return kill(pid);
}

/** Whether the process group `pid` has a living member; on Linux, one that only waits to be reaped does not count. */
function alive(pid) {
  if (process.platform !== 'linux') return signalled(pid, 0);
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(group) === pid && state !== 'Z';
    } catch (error) {
      if (error.code === 'ENOENT' || error.code === 'ESRCH') return false;
      throw error;
    }
  });
}

/** Ends what is left of the file's process group; says whether there was anything. */
function kill(pid) {
  return signalled(pid, 'SIGKILL');
}

function signalled(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
    return false;
  }
}

/** Prints what became of a file, and says it in numbers. */
function report(name, { code, signal, output, lateness, orphans, seconds }) {
  const count = (label) =>
    [...output.matchAll(new RegExp(`^ {2}${label}: +(\\d+)`, 'gm'))].reduce(
      (sum, [, number]) => sum + Number(number),
      0,
    );
  const reasons = output.match(/^(?:!!! )?skipped: .*$/gm) ?? [];
  const ran = count('Total');
  const held = count('Passed');
  const left = count('Skipped') + reasons.length;
  const faults = [];
  if (lateness !== null) faults.push(lateness);
  else if (signal !== null) faults.push(`was killed by ${signal}`);
  else if (code !== 0 && held === ran) faults.push(`ended with status ${code} although its tests passed`);
  if (orphans) faults.push('left a process running');
  if (ran === 0) faults.push('ran no test: is test.run() missing at its end?');

  const ok = faults.length === 0 && held === ran;
  const where = relative(root, join(folder, name));
  const lines = [
    `${ok ? 'ok  ' : 'FAIL'} ${where}  ${held - reasons.length}/${ran}${left > 0 ? `, ${left} skipped` : ''}  ${seconds.toFixed(1)} s`,
    ...(ok ? reasons : output.trimEnd().split('\n')).map((line) => `     ${line}`),
    ...faults.map((fault) => `     ${where} ${fault}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  const failed = Math.max(ran - held, faults.length > 0 ? 1 : 0);
  return { ok, passed: held - reasons.length, failed, skipped: left };
}
