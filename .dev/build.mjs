// Builds everything into build/: both WebAssembly modules first (the host compiles against their generated types), then
// the host and the stages of the bench. Prints only what goes wrong. Packages are started by path: no shell, no npx, any folder name.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wasmFolder = join(root, 'build', 'wasm');
const hostFolder = join(root, 'build', 'lib');
const benchFolder = join(root, 'build', 'bench');

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
  const stages = `${benchFolder}.next`;
  rmSync(stages, { recursive: true, force: true });
  const tsc = scriptOf('typescript', 'tsc');
  await Promise.all([
    run('the host', tsc, ['--project', 'tsconfig.json', '--outDir', next]),
    run('the stages of the bench', tsc, ['--project', '.dev/tsconfig.bench.json', '--outDir', stages]),
  ]);
  chmodSync(join(next, 'cli.js'), 0o755);
  // The browser's part is served as it is written.
  cpSync(join(root, 'src', 'http', 'page'), join(next, 'http', 'page'), { recursive: true });
  rmSync(hostFolder, { recursive: true, force: true });
  renameSync(next, hostFolder);
  placeStages(stages);
}

/** `bench/dsp` as compiled, to run beside the compiled host: what it takes from `src/` is `lib/` there. */
function placeStages(compiled) {
  const from = join(compiled, 'bench', 'dsp');
  for (const name of readdirSync(from)) {
    const text = readFileSync(join(from, name), 'utf8');
    writeFileSync(join(from, name), text.replaceAll("'../../src/", "'../../lib/"));
  }
  cpSync(join(root, 'bench', 'dsp', 'native'), join(from, 'native'), { recursive: true });
  rmSync(benchFolder, { recursive: true, force: true });
  mkdirSync(benchFolder, { recursive: true });
  renameSync(from, join(benchFolder, 'dsp'));
  rmSync(compiled, { recursive: true, force: true });
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
