// The bench of the signal chain in a browser: the rows of `talkspurt bench`, from the files that it runs itself. No bundler.
// `?small` runs each but a moment, to see that it works.
import { loadDsp } from 'talkspurt/dsp';
import { contextOf, firstSecond } from '../../build/lib/cli/bench/bench-context.js';
import { judgeBar } from '../../build/lib/cli/bench/judge-bars.js';
import { SMALL_PLAN, StepTimer, WHOLE_PLAN, timeAll } from '../../build/lib/cli/bench/slice-times.js';
import { DspModule } from '../../build/lib/dsp/dsp-module.js';

/** Files of build/bench/dsp. What it has besides measures Node's own buffers and files. */
const STAGES = [
  'g711',
  'g722',
  'resampler',
  'voice-activity',
  'shaping',
  'cleaning',
  'line-hearing',
  'stream-classes',
  'pipes',
];
const small = new URL(location.href).searchParams.has('small');
/** A slice must be long beside a tick of the clock: 5 µs for a page that nobody else's shares, or 100. */
const plan = { ...(small ? SMALL_PLAN : WHOLE_PLAN), ...(crossOriginIsolated ? {} : { sliceMs: 10, slices: 2 }) };
/** Nothing of it but the time is asked for. */
const clock = {
  nowMs: () => performance.now(),
  wallTimeMs: () => Date.now(),
  random: () => 0,
  after: noTimer,
  every: noTimer,
};

try {
  await run();
} catch (error) {
  say('failed', error instanceof Error ? error.message : String(error));
  throw error;
}

async function run() {
  element('machine').textContent =
    `${navigator.userAgent}, ${navigator.hardwareConcurrency} cores; ` +
    (crossOriginIsolated ? 'a clock of 5 µs' : 'a clock of 100 µs: the times are coarse');
  element('chain').textContent = (await loadDsp()).describe();
  const context = contextOf(await DspModule.load(), () => Promise.resolve(null));
  const shown = [];
  for (const file of STAGES) {
    const { stage } = await import(`../../build/bench/dsp/${file}.js`);
    for (const row of await stage.rows(context)) {
      say('preparing', `${stage.name}: ${row.name}`);
      shown.push(await show(stage.name, row));
    }
  }
  const timed = shown.filter(({ timer }) => timer !== null);
  say('timing', `${timed.length} rows, ${plan.rounds} times round`);
  const times = await timeAll(
    timed.map(({ timer }) => ({ slices: () => pause().then(() => timer.slices()) })),
    plan,
  );
  times.forEach((time, index) => timed[index].done(time));
  shown.forEach((row) => row.judge());
  say('done', `${shown.length} rows${small ? '; a small run: its times mean little' : ''}`);
  element('base').addEventListener('change', () => void compare(shown));
}

/** A row of the table: hashed at once, timed later. */
async function show(stage, row) {
  if (element('rows').lastElementChild?.getAttribute('data-stage') !== stage) {
    const head = element('rows').insertRow();
    head.className = 'stage';
    const cell = document.createElement('th');
    cell.colSpan = 6;
    cell.scope = 'rowgroup';
    cell.textContent = stage;
    head.append(cell);
  }
  const line = element('rows').insertRow();
  line.dataset.stage = stage;
  line.dataset.row = row.name;
  const [, nsCell, , barCell, hashCell] = [row.name, '', row.per ?? '20 ms frame', '', '', ''].map((text) => {
    const cell = line.insertCell();
    cell.textContent = text;
    return cell;
  });
  const hash = row.step === undefined ? null : await hashOf(row.step);
  hashCell.textContent = hash ?? '';
  await pause();
  const found = { peers: [], figures: row.figures ?? [] };
  return {
    stage,
    name: row.name,
    line,
    hash,
    found,
    timer: row.step === undefined ? null : new StepTimer(row.step, clock, plan),
    done: (time) => {
      if (time === null) return;
      found.time = time;
      nsCell.textContent = Math.round(time.ns).toLocaleString('en');
    },
    judge: () => {
      // There are no peers here to be held against.
      const bars = (row.bars ?? []).map((bar) => judgeBar(bar, found)).filter(({ met }) => met !== 'not measured');
      barCell.textContent = bars.map(({ text, value, met }) => `${text}: ${value}, ${met}`).join('; ');
      barCell.className = bars.some(({ met }) => met === 'missed') ? 'missed' : '';
    },
  };
}

/** Times and hashes beside those of a run elsewhere. */
async function compare(shown) {
  const [file] = element('base').files ?? [];
  if (file === undefined) return;
  try {
    const { rows, machine } = JSON.parse(await file.text());
    const others = new Map(rows.map((row) => [`${row.stage}: ${row.name}`, row]));
    for (const { stage, name, line, hash, found } of shown) {
      const other = others.get(`${stage}: ${name}`);
      const ratio = found.time && other?.time ? `${(found.time.ns / other.time.ns).toFixed(2)} × its time, ` : '';
      const bytes = other?.hash === undefined ? '' : other.hash === (hash ?? undefined) ? 'same bytes' : 'other bytes';
      line.cells[5].textContent = other === undefined ? 'not there' : ratio + bytes;
    }
    element('beside').textContent = 'beside that run';
    say('done', `${shown.length} rows, beside ${machine.processor}, Node ${machine.node}`);
  } catch (error) {
    say('failed', `${file.name} is not the JSON of a bench: ${error.message}`);
  }
}

async function hashOf(step) {
  const digest = await crypto.subtle.digest('SHA-256', firstSecond(step));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .slice(0, 16);
}

/** Lets the page draw. */
function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const drawn = () => {
      port1.close();
      resolve();
    };
    port1.addEventListener('message', drawn, { once: true });
    port1.start();
    port2.postMessage(null);
  });
}

function say(state, text) {
  element('status').dataset.state = state;
  element('status').textContent = `${state}: ${text}`;
}

function noTimer() {
  throw new Error('the bench sets no timers');
}

function element(id) {
  return document.getElementById(id);
}
