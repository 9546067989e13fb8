// Makes docs/images/browser-bench.png anew: the bench of the signal chain in Chromium, where that is installed. Usage: npm run picture
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { hasChromium, launchChromium } from './chromium.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const path = join(root, 'docs/images/browser-bench.png');

if (hasChromium) await draw();
else process.stdout.write('skipped: docs/images/browser-bench.png: chromium is not installed here\n');

async function draw() {
  const script = join(root, 'examples/browser/serve.mjs');
  const server = spawn(process.execPath, [script, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const browser = await launchChromium();
  try {
    const [address] = await once(createInterface({ input: server.stdout }), 'line');
    const page = await browser.newPage({ viewport: { width: 1080, height: 1000 }, colorScheme: 'light' });
    await page.goto(address);
    await page.locator('#status[data-state="done"]').waitFor({ timeout: 300_000 });
    await page.screenshot({ path });
  } finally {
    await browser.close();
    server.kill();
  }
}
