// Makes docs/images/live.png anew: calls on the simulated switch, looked at through the live page in Chromium, where that is
// installed. Usage: npm run picture
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig, startRuntime } from '../build/lib/index.js';
import { SystemClock } from '../build/lib/core/clock.js';
import { prepareScript } from '../build/lib/simulator/caller-script.js';
import { SimulatedCaller } from '../build/lib/simulator/caller.js';
import { SimulatedSwitch } from '../build/lib/simulator/simulated-switch.js';
import { SpeechSynthesizer } from '../build/lib/simulator/speech.js';
import { hasChromium, launchChromium } from './chromium.ts';

const picture = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/images/live.png');
const token = 'control-token-of-the-picture';
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Numbers that nobody has (Ofcom keeps them for films). */
const CALLS = [
  { from: '+442079460123', to: '5000', profile: 'ferry-office', lateMs: 0 },
  { from: '+441134960870', to: '5000', profile: 'ferry-office', lateMs: 4_000 },
  { from: '+441614960042', to: '5010', profile: 'freight', lateMs: 9_000 },
  { from: '+441314960611', to: '5000', profile: 'ferry-office', lateMs: 15_000 },
];

if (hasChromium) await draw();
else process.stdout.write('skipped: docs/images/live.png: chromium is not installed here\n');

async function draw() {
  const clock = new SystemClock();
  const speech = new SpeechSynthesizer();
  const pbx = new SimulatedSwitch({ clock, password: 'of the picture' });
  await pbx.listen();
  const runtime = await startRuntime(loadConfig({ text: JSON.stringify(configuration(pbx.port)), env: {} }), {
    quiet: true,
  });
  const base = `http://127.0.0.1:${runtime.statusPort}`;
  const browser = await launchChromium();
  try {
    const script = await prepareScript(
      [
        { waitForAgent: 'stops', timeoutMs: 30_000 },
        { say: 'When is the next ferry?' },
        { interruptAfterMs: 5_500, timeoutMs: 30_000 },
        { say: 'When is the next ferry, please?' },
        { waitForAgent: 'stops', timeoutMs: 40_000 },
        { say: 'When is the next ferry after that?' },
        { waitForAgent: 'stops', timeoutMs: 40_000 },
        { silenceMs: 60_000 },
      ],
      speech,
    );
    await refusals(pbx, base);
    // The browser draws on the same processor: the calls come first, where this is root's to say.
    spawnSync('chrt', ['--rr', '--pid', '10', String(process.pid)]);
    // How late the event loop was is told of the last minute: that of the start is over by the time of the picture.
    await wait(30_000);
    await Promise.all(CALLS.map((call) => begin(pbx, base, script, call)));
    const page = await browser.newPage({
      viewport: { width: 1280, height: 1290 },
      colorScheme: 'light',
      deviceScaleFactor: 1,
    });
    await page.goto(base);
    await page.getByLabel('Read or control token').fill(token);
    await page.keyboard.press('Enter');
    await page.getByText(CALLS[0].from).click();
    await wait(5_000);
    await severalSpeak(page);
    await page.evaluate('document.activeElement.blur()');
    mkdirSync(dirname(picture), { recursive: true });
    await page.screenshot({ path: picture });
  } finally {
    await browser.close();
    await runtime.close();
    await pbx.close();
    await speech.close();
  }
}

/** Until two meters at least show somebody. */
async function severalSpeak(page) {
  const loud =
    "[...document.querySelectorAll('.meter')].filter((each) => each.getAttribute('aria-valuenow') > -30).length";
  for (let tries = 0; tries < 200 && (await page.evaluate(loud)) < 2; tries += 1) await wait(100);
  // The bars move for a while.
  await wait(150);
}

function configuration(port) {
  return {
    status: { port: 0, controlToken: token, personalData: true },
    sip: { port: 0 },
    switches: [{ name: 'harbour', kind: 'freeswitch', port, password: 'of the picture' }],
    backends: {
      voice: { kind: 'embedded' },
      spare: { kind: 'openai', baseUrl: 'ws://127.0.0.1:9/v1', apiKey: 'none', model: 'm' },
    },
    profiles: {
      'ferry-office': { backend: 'voice', greeting: 'Say hello.' },
      freight: { backend: 'voice', greeting: 'Say hello.' },
      spare: { backend: 'spare', hangupOnBackendFailure: true },
    },
    limits: { calls: 16 },
  };
}

/** A backend that nobody answers for opens its breaker. */
async function refusals(pbx, base) {
  for (let n = 0; n < 5; n += 1)
    await order(pbx, base, new SimulatedCaller({ script: [] }), { from: '1', to: '2', profile: 'spare' });
}

async function begin(pbx, base, script, call) {
  await wait(call.lateMs);
  const answer = await order(pbx, base, new SimulatedCaller({ script }), call);
  if (!answer.ok) throw new Error(JSON.stringify(answer));
}

async function order(pbx, base, phone, { from, to, profile }) {
  const { uuid } = pbx.createCall({ phone, codec: 'PCMU', from, to });
  const response = await fetch(`${base}/api/calls/${uuid}/start`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ target: profile }),
  });
  return await response.json();
}
