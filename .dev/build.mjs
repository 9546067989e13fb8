// Builds everything into build/: both WebAssembly modules first (the host compiles against their generated types), then
// the host. Prints only what goes wrong. Packages are started by path: no shell, no npx, any folder name.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wasmFolder = join(root, 'build', 'wasm');
const hostFolder = join(root, 'build', 'lib');

try {
  await build();
} catch (error) {
  process.stderr.write(`build: ${error.message}\n`);
  process.exitCode = 1;
}

async function build() {
  mkdirSync(wasmFolder, { recursive: true });
  const asc = scriptOf('assemblyscript', 'asc');
  await Promise.all([
    run('the WebAssembly core', asc, ['assembly/index.ts', '--target', 'core']),
    run('the WebAssembly library', asc, ['assembly/library.ts', '--target', 'library']),
  ]);
  for (const name of readdirSync(wasmFolder)) {
    if (!/^(talkspurt|library)\./.test(name)) rmSync(join(wasmFolder, name), { recursive: true, force: true });
  }
  // Beside the one that may be running, and put in its place as a whole.
  const next = `${hostFolder}.next`;
  rmSync(next, { recursive: true, force: true });
  await run('the host', scriptOf('typescript', 'tsc'), ['--project', 'tsconfig.json', '--outDir', next]);
  chmodSync(join(next, 'cli.js'), 0o755);
  rmSync(hostFolder, { recursive: true, force: true });
  renameSync(next, hostFolder);
}

/** The script behind a package's command. */
function scriptOf(packageName, command) {
  const manifest = join(root, 'node_modules', packageName, 'package.json');
  if (!existsSync(manifest)) throw new Error(`${packageName} is not installed: run npm run setup`);
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[command]);
}

function run(name, script, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) return resolve();
      process.stderr.write(Buffer.concat(output));
      reject(new Error(`${name} failed`));
    });
  });
}
