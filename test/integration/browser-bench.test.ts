/** The bench's page in a real browser: it ends, shows every row, and computes to the byte what Node does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runBench } from '../../src/cli/bench/run-bench.ts';
import { SystemClock } from '../../src/core/clock.ts';
import { BROWSER, closeBrowser, withPage } from './browser.ts';
import { required } from './required.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const STAGES = join(root, 'bench', 'dsp');
/** They measure what a browser has not: Node's buffers, and the file on disk. */
const ONLY_NODE = ['binary', 'messages'];
const page = join(root, 'examples', 'browser');

/** The address of a server as the example starts it. */
async function serving(run: (address: string) => Promise<void>): Promise<void> {
  const server = spawn(process.execPath, [join(page, 'serve.mjs'), '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [address] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
    await run(address);
  } finally {
    const gone = once(server, 'exit');
    server.kill();
    await gone;
  }
}

/** Files of `bench/dsp` that are stages, without their endings. */
function stageFiles(): string[] {
  return readdirSync(STAGES)
    .filter((name) => name.endsWith('.ts') && readFileSync(join(STAGES, name), 'utf8').includes('export const stage'))
    .map((name) => name.replace(/\.ts$/, ''));
}

test('the page runs every stage of the bench that needs nothing of Node', () => {
  const script = readFileSync(join(page, 'bench.js'), 'utf8');
  const listed: string[] = [...(/const STAGES = \[([^\]]*)\]/.exec(script)?.[1] ?? '').matchAll(/'([^']+)'/g)].map(
    ([, name]) => name ?? '',
  );
  assert.equal(
    [...listed, ...ONLY_NODE].sort(),
    stageFiles().sort(),
    'a stage that is new belongs on the page, or to those that only Node can run',
  );
});

test('nothing that the page loads imports a module of Node, or from afar', () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const walk = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const code = readFileSync(file, 'utf8');
    for (const found of code.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)'|^import '([^']+)'/gm)) {
      const from = found[1] ?? found[2] ?? '';
      if (from.startsWith('.')) walk(join(dirname(file), from));
      else packages.add(from);
    }
  };
  walk(join(page, 'bench.js'));
  for (const name of stageFiles().filter((each) => !ONLY_NODE.includes(each)))
    walk(join(root, 'build', 'bench', 'dsp', `${name}.js`));
  walk(join(root, 'build', 'lib', 'dsp', 'library.js'));
  assert.ok(seen.size > 40, `${seen.size} files`);
  assert.equal([...packages].sort(), ['@assemblyscript/loader', 'talkspurt/dsp']);
  for (const file of ['index.html', 'bench.js', 'bench.css'])
    assert.not.match(readFileSync(join(page, file), 'utf8'), /https?:\/\//, file);
});

if (required(BROWSER, 'chromium')) {
  test.after(closeBrowser);

  test('the page ends, shows all rows, and their hashes are those of Node', async () => {
    const report = await runBench({
      folder: STAGES,
      stages: [],
      small: true,
      clock: new SystemClock(),
      progress: () => undefined,
    });
    const wanted = report.rows
      .filter(({ stage }) => stage !== 'messages' && stage !== 'module')
      .map(({ stage, name, per, hash }) => [stage, name, per, hash ?? '']);
    const folder = mkdtempSync(join(tmpdir(), 'talkspurt-test-'));
    try {
      await serving((address) =>
        withPage(async (tab, complaints) => {
          tab.setDefaultTimeout(60_000);
          const asked: string[] = [];
          tab.on('request', (request) => asked.push(request.url()));
          await tab.goto(`${address}examples/browser/index.html?small`);
          await tab.locator('#status[data-state="done"]').waitFor();
          const shown: string[][] = await tab.evaluate(
            "[...document.querySelectorAll('#rows tr[data-row]')]" +
              '.map((line) => [line.dataset.stage, ...[...line.cells].map((cell) => cell.textContent)])',
          );
          assert.equal(
            shown.map(([stage, name, , per, , hash]) => [stage, name, per, hash]),
            wanted,
          );
          for (const [stage, name, ns, , , hash] of shown)
            if (hash !== '') assert.ok(Number(ns?.replaceAll(',', '')) > 0, `${stage}: ${name} has its time: ${ns}`);
          assert.match(await tab.locator('#chain').innerText(), /talkspurt dsp: .*g711/);
          assert.match(await tab.locator('#machine').innerText(), 'a clock of 5 µs');

          const base = join(folder, 'base.json');
          writeFileSync(base, JSON.stringify(report));
          await tab.locator('#base').setInputFiles(base);
          await tab.locator('td').getByText('same bytes').first().waitFor();
          assert.is(
            await tab.locator('td').getByText('same bytes').count(),
            wanted.filter(([, , , hash]) => hash !== '').length,
          );
          assert.is(await tab.locator('td').getByText('other bytes').count(), 0);

          writeFileSync(base, '{"rows": 1}');
          await tab.locator('#base').setInputFiles([]);
          await tab.locator('#base').setInputFiles(base);
          await tab.locator('#status[data-state="failed"]').waitFor();

          assert.ok(
            asked.every((url) => url.startsWith(address) || url.startsWith('data:')),
            asked.join('\n'),
          );
          assert.equal(complaints, []);
        }),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('the server serves its folders and nothing else', () =>
    serving(async (address) => {
      const status = async (path: string): Promise<number> =>
        (await fetch(new URL(path, address), { redirect: 'manual' })).status;
      assert.is(await status('/'), 302);
      assert.is(await status('/build/wasm/talkspurt.wasm'), 200);
      for (const path of [
        '/package.json',
        '/build/',
        '/build/%2e%2e/package.json',
        '/build/..%2fpackage.json',
        '/build/%00.js',
        '/build/%ff',
        '/build/nothing.js',
        '/examples/browser/serve.mjs',
      ])
        assert.is(await status(path), 404, `${path} in ${relative(root, page)}`);
      assert.is((await fetch(address, { method: 'POST', redirect: 'manual' })).status, 302);
      assert.is((await fetch(`${address}build/wasm/talkspurt.wasm`, { method: 'POST' })).status, 404);
    }));
}

test.run();
