// Makes a fresh clone ready to run: installs when node_modules does not fit the lock file, builds when build/ does not fit
// the sources. When both fit it reads the sources, sees that, and is done. Needs Node and nothing else.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const MINIMUM = [20, 19];
const LOCK = join(root, '.cache', 'setup.lock');
const LOCK_WAIT_MS = 10 * 60_000;

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1])) {
  fail(`talkspurt needs Node ${MINIMUM.join('.')} or later; this is ${process.versions.node}.`);
}

await locked(() => {
  install();
  build();
});

function install() {
  const stamp = join(root, 'node_modules', '.talkspurt-installed');
  // Native parts depend on the platform and on Node's major version.
  const wanted = digest([join(root, 'package-lock.json')], `${process.platform}-${process.arch}-${major}`);
  if (read(stamp) === wanted) return;
  say('installing packages …');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const environment = { ...process.env, NODE_ENV: 'development' };
  const ran = npm?.endsWith('npm-cli.js')
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, encoding: 'utf8', env: environment })
    : spawnSync('npm', args, { cwd: root, encoding: 'utf8', env: environment, shell: process.platform === 'win32' });
  if (ran.status !== 0) {
    process.stderr.write(`${ran.stdout ?? ''}${ran.stderr ?? ''}`);
    const why = ran.error === undefined ? 'see above' : ran.error.message;
    fail(`npm ci failed: ${why}. The registry must be reachable once; afterwards no network is needed.`);
  }
  writeFileSync(stamp, wanted);
}

function build() {
  const stamp = join(root, 'build', '.talkspurt-built');
  const inputs = ['assembly', 'src', 'bench/dsp'].flatMap((folder) => filesUnder(join(root, folder)));
  const single = [
    'asconfig.json',
    'tsconfig.json',
    'package.json',
    'package-lock.json',
    '.dev/build.mjs',
    '.dev/tsconfig.bench.json',
  ];
  const wanted = digest([...inputs, ...single.map((name) => join(root, name))], String(major));
  if (read(stamp) === wanted) return;
  say('building …');
  rmSync(stamp, { force: true });
  const { status } = spawnSync(process.execPath, [join(root, '.dev', 'build.mjs')], { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail('the build failed: see above.');
  writeFileSync(stamp, wanted);
}

/** Runs `work` alone: two set-ups at once would tear node_modules apart. A lock whose owner is gone is taken over. */
async function locked(work) {
  mkdirSync(dirname(LOCK), { recursive: true });
  const untilMs = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      const handle = openSync(LOCK, 'wx');
      writeSync(handle, String(process.pid));
      closeSync(handle);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      const owner = read(LOCK);
      if (!alive(Number(owner))) takeAway(owner);
      else if (Date.now() > untilMs)
        fail(`another set-up has held ${LOCK} for 10 minutes: end it, or remove the file.`);
      else await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  const release = () => rmSync(LOCK, { force: true });
  process.once('exit', release);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  work();
}

/** Removes the lock of an owner that is gone; a lock that somebody else took meanwhile is put back. */
function takeAway(owner) {
  const aside = `${LOCK}.${process.pid}`;
  try {
    renameSync(LOCK, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (read(aside) !== owner) renameSync(aside, LOCK);
  else rmSync(aside, { force: true });
}

function alive(pid) {
  // A lock without a number was made this very moment, or by a process that was cut off while making it.
  if (!Number.isInteger(pid) || pid <= 0) return statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs > Date.now() - 2000;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function digest(files, salt) {
  const hash = createHash('sha256').update(salt);
  for (const file of files) hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

function say(line) {
  process.stderr.write(`talkspurt: ${line}\n`);
}

function fail(line) {
  process.stderr.write(`talkspurt: ${line}\n`);
  process.exit(1);
}
