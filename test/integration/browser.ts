/** Pages of Debian's Chromium, and what they complain of. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { hasChromium, launchChromium } from '../../.dev/chromium.ts';

/** Whether it is installed. */
export const BROWSER = hasChromium;

let browser: Promise<Browser> | null = null;

/** A page in a browsing context of its own, and everything that it complained of. */
export async function withPage(
  run: (page: Page, complaints: string[]) => Promise<void>,
  options: BrowserContextOptions = {},
): Promise<void> {
  browser ??= launchChromium();
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
