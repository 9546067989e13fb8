// Completes package-lock.json after `npm install`. A registry mirror that holds the native builds of some platforms only
// makes npm leave the others out of the lock file, and `npm ci` then refuses it everywhere. Their names and exact versions
// stand in the package that wants them, so they are written in here; a platform that needs one fetches it by itself.
//
//   node .dev/complete-lock.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Adds what is missing to `lock` (changed in place) and returns the names. */
export function completeLock(lock) {
  const added = [];
  for (const [folder, wanting] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(wanting.optionalDependencies ?? {})) {
      if (lock.packages[`node_modules/${name}`] || lock.packages[`${folder}/node_modules/${name}`]) continue;
      const words = name.slice(name.indexOf('/') + 1).split('-');
      const system = words.find((word) => SYSTEMS.includes(word));
      const processor = words.find((word) => PROCESSORS.includes(word));
      const libc = system !== 'linux' ? null : /-musl/.test(name) ? 'musl' : /-gnu/.test(name) ? 'glibc' : null;
      // Without a platform in its name it may be wanted on every platform: not for us to guess.
      if (system === undefined || processor === undefined || !/^\d+\.\d+\.\d+/.test(version)) {
        throw new Error(
          `${folder} wants ${name} ${version}, which the lock file lacks: run npm install with a full registry`,
        );
      }
      lock.packages[`node_modules/${name}`] = {
        version,
        cpu: [processor],
        ...(wanting.dev ? { dev: true } : {}),
        ...(libc === null ? {} : { libc: [libc] }),
        optional: true,
        os: [system],
      };
      added.push(name);
    }
  }
  const inOrder = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(inOrder);
  return added;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const added = completeLock(lock);
  const check = process.argv.includes('--check');
  if (added.length > 0 && !check) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(`package-lock.json: ${added.length} optional packages ${check ? 'missing' : 'added'}\n`);
  process.exitCode = check && added.length > 0 ? 1 : 0;
}
