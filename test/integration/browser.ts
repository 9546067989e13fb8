/** Debian's Chromium, without a window and without a word to the outside. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';

/** Whether it is installed. */
export const BROWSER = existsSync(EXECUTABLE);

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let browser: Promise<Browser> | null = null;

/** A page in a browsing context of its own, and everything that it complained of. */
export async function withPage(
  run: (page: Page, complaints: string[]) => Promise<void>,
  options: BrowserContextOptions = {},
): Promise<void> {
  browser ??= chromium.launch({ executablePath: EXECUTABLE, headless: true, args: ARGUMENTS });
  const context = await (await browser).newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const complaints: string[] = [];
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await run(page, complaints);
  } finally {
    await context.close();
  }
}

/** Twice is harmless. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = null;
}
