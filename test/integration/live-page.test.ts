/** The live page in a real browser, in front of a process that is made up: what it shows, orders, and does not run. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SessionSnapshot } from '../../src/observe/health.ts';
import { CONTROL, READ, serving } from '../http/status-rig.ts';
import type { Served } from '../http/status-rig.ts';
import { session } from '../observe/session-snapshot.ts';
import { BROWSER, closeBrowser, withPage } from './browser.ts';
import { required } from './required.ts';

const HTML = '<img src=x onerror="window.caught=1"><script>window.caught=2</script>';

/** What is looked at from inside the page. */
const PAGE_CHECKS = readFileSync(new URL('./page-checks.mjs', import.meta.url), 'utf8');

/** Two calls; everything in them that a stranger may choose is HTML. */
const CALLS: SessionSnapshot[] = [
  session({ callId: 'one', turn: 'caller-speaking' }),
  session({ callId: HTML, profile: HTML, switchName: HTML, turn: 'listening', state: 'opening', uptimeMs: 75_000 }),
];

async function open(page: Page, served: Served, token: string | null): Promise<void> {
  served.source.calls = [...CALLS];
  await page.goto(served.base);
  if (token === null) return;
  await page.getByLabel('Read or control token').fill(token);
  await page.getByRole('button', { name: 'Show calls' }).click();
  await page.locator('#calls tbody tr').first().waitFor();
}

if (required(BROWSER, 'chromium')) {
  test.after(closeBrowser);

  test('asks for a token, says that it is wrong, and shows the calls for the right one', () =>
    serving({}, (served) =>
      withPage(async (page, complaints) => {
        await open(page, served, null);
        await page.getByLabel('Read or control token').fill('not the token at all');
        await page.keyboard.press('Enter');
        await page.getByText('this is not the token').waitFor();
        assert.is(await page.locator('#board').isVisible(), false);
        complaints.length = 0;
        await open(page, served, READ);
        assert.is(await page.locator('#calls tbody tr').count(), 2);
        await page.getByText('live', { exact: true }).waitFor();
        // It stays in the tab, and nowhere else.
        await page.reload();
        await page.locator('#calls tbody tr').first().waitFor();
        assert.equal(await page.evaluate('[localStorage.length, document.cookie]'), [0, '']);
        await page.getByRole('button', { name: 'Forget token' }).click();
        await page.getByLabel('Read or control token').waitFor();
        assert.is(await page.evaluate('sessionStorage.length'), 0);
        assert.equal(complaints, []);
      }),
    ));

  test('with no token configured it says how to turn the API on', () =>
    serving({ tokens: { read: '', control: '' } }, (served) =>
      withPage(async (page) => {
        await open(page, served, null);
        await page.getByLabel('Read or control token').fill(READ);
        await page.keyboard.press('Enter');
        await page.getByText('set TALKSPURT_STATUS__READ_TOKEN, or status.readTokenFile').waitFor();
      }),
    ));

  test('HTML in names is shown and never run', () =>
    serving({ personalData: true }, (served) =>
      withPage(async (page, complaints) => {
        await open(page, served, CONTROL);
        const row = page.locator('#calls tbody tr').first();
        assert.match(await row.innerText(), /<img src=x onerror=alert\(1\)> 4711 → 100/);
        assert.ok((await row.innerText()).includes(HTML));
        await row.getByRole('button').click();
        await page.getByRole('heading', { name: 'Orders' }).waitFor();
        const at = { callId: HTML, atMs: performance.now() };
        served.server.emit({ type: 'transcript', by: 'caller', text: HTML, final: true, ...at });
        served.server.emit({ type: 'tool.call', toolCallId: HTML, name: HTML, argumentsJson: HTML, ...at });
        served.server.emit({ type: 'backend.message', backend: HTML, text: HTML, ...at });
        await page.locator('.said li.caller').waitFor();
        assert.ok((await page.locator('.said').innerText()).includes(HTML));
        assert.ok((await page.locator('.events').innerText()).includes(HTML));
        assert.is(await page.locator('img').count(), 0);
        assert.is(await page.evaluate('window.caught'), undefined);
        assert.equal(complaints, [], 'no script was blocked, for there was none');
      }),
    ));

  test('the policy keeps a script out that would get into the page', () =>
    serving({}, (served) =>
      withPage(async (page, complaints) => {
        await open(page, served, READ);
        await page.evaluate(PAGE_CHECKS);
        const blocked = await page.evaluate(
          "try { document.body.innerHTML = '<b>x</b>'; 'set' } catch (error) { error.name }",
        );
        assert.is(blocked, 'TypeError');
        await page.evaluate('pageChecks.addInlineScript()');
        assert.is(await page.evaluate('window.caught'), undefined);
        assert.ok(complaints.length > 0, 'the browser says so');
      }),
    ));

  test('levels, turns, breakers and events arrive as they happen', () =>
    serving({}, (served) =>
      withPage(
        async (page, complaints) => {
          await open(page, served, READ);
          const row = page.locator('tr[data-call="one"]');
          const caller = row.getByRole('meter', { name: 'caller level' });
          await row.locator('.meter.caller[aria-valuenow="-32"]').waitFor();
          served.source.calls = [session({ callId: 'one', turn: 'agent-speaking', captureLevelDbov: -11.4 })];
          await row.locator('.meter.caller[aria-valuenow="-11"]').waitFor();
          assert.ok(Number(await caller.locator('.bar').evaluate((bar) => bar.getBoundingClientRect().width)) > 100);
          await row.getByText('agent speaking').waitFor();
          await page.locator('#breakers').getByText('ai:connection').waitFor();
          await page.locator('#breakers').getByText('ERR_TALKSPURT_BACKEND_AUTH').waitFor();
          // The other call is gone with the next look.
          await page.locator('#calls tbody tr').nth(1).waitFor({ state: 'detached' });
          await row.getByRole('button').click();
          const at = { callId: 'one', atMs: performance.now() };
          served.server.emit({ type: 'turn.state', state: 'agent-speaking', previous: 'thinking', ...at });
          served.server.emit({ type: 'barge-in', stopMs: 60, verdictMs: 200, playedMs: 900, droppedMs: 100, ...at });
          await page.locator('.events').getByText('barge-in').waitFor();
          await page.locator('.timeline rect.agent').first().waitFor({ state: 'attached' });
          assert.is(
            await page.getByRole('heading', { name: 'Orders' }).count(),
            0,
            'a token that reads sees no orders',
          );
          served.source.calls = [];
          await page.getByText('The call has ended.').waitFor();
          await page.getByText('No call is up.').waitFor();
          assert.equal(
            complaints.filter((text) => !text.includes('404')),
            [],
          );
          // A bar that glides to its length would be measured on its way.
        },
        { reducedMotion: 'reduce' },
      ),
    ));

  test('orders reach the process, and its refusals the operator', () =>
    serving({}, (served) =>
      withPage(async (page) => {
        await open(page, served, CONTROL);
        await page.locator('tr[data-call="one"]').getByRole('button').click();
        await page.getByRole('button', { name: 'Interrupt' }).click();
        await page.getByText('Interrupt: done').waitFor();
        await page.getByLabel('Have the agent say').fill('It\'s "so" & <b>');
        await page.keyboard.press('Enter');
        await page.getByText('Have the agent say: done').waitFor();
        page.once('dialog', (dialog) => void dialog.dismiss());
        await page.getByRole('button', { name: 'Hang up' }).click();
        page.once('dialog', (dialog) => void dialog.accept());
        await page.getByRole('button', { name: 'Stop agent' }).click();
        await page.getByText('Stop agent: done').waitFor();
        await page.getByLabel('Press keys').fill('12x');
        await page.keyboard.press('Enter');
        await page.getByText('Press keys: digits: digits are 0-9').waitFor();
        assert.equal(served.source.commands, [
          { verb: 'break', uuid: 'one' },
          { verb: 'say', uuid: 'one', text: 'It\'s "so" & <b>' },
          { verb: 'stop', uuid: 'one', metadata: null },
        ]);
      }),
    ));

  test('it says that the process does not answer, and goes on when it does again', async () => {
    await serving({}, (first) =>
      withPage(async (page) => {
        await open(page, first, READ);
        await page.getByText('live', { exact: true }).waitFor();
        await first.server.close();
        await page.locator('#connection[data-state="lost"]').waitFor();
        await serving({ port: first.port }, async (second) => {
          second.source.calls = [session({ callId: 'three' })];
          await page.locator('tr[data-call="three"]').waitFor();
          await page.getByText('live', { exact: true }).waitFor();
        });
      }),
    );
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`at 360 px, in ${colorScheme} mode, everything is within reach and can be read`, () =>
      serving({ personalData: true }, (served) =>
        withPage(
          async (page) => {
            await open(page, served, CONTROL);
            await page.locator('tr[data-call="one"]').getByRole('button').click();
            await page.getByRole('heading', { name: 'Orders' }).waitFor();
            await page.evaluate(PAGE_CHECKS);
            const [wide = 0, seen = 0]: number[] = await page.evaluate(
              '[document.documentElement.scrollWidth, innerWidth]',
            );
            assert.ok(wide <= seen, `${wide} px wide in ${seen} px`);
            assert.equal(await page.evaluate('pageChecks.faintTexts()'), []);
            assert.equal(await page.evaluate('pageChecks.namelessControls()'), []);
          },
          { viewport: { width: 360, height: 740 }, colorScheme },
        ),
      ));
  }
}

test.run();
