/** Whether this machine and this process can carry the calls: Node, WebAssembly, limits of the kernel, folders. */
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import type { Config } from '../../config.ts';
import type { Finding } from './finding.ts';
import { fail, pass, skip, warn } from './finding.ts';

/** Reads a file of the system; null: there is none here. */
export type ReadSystem = (path: string) => Promise<string | null>;

/** The oldest that is supported, as `engines` of package.json has it. */
const NODE = { major: 20, minor: 19 } as const;
/** Descriptors of one call (RTP and RTCP twice for a stereo tap, backend, spare), and of everything else. */
const FILES_A_CALL = 6;
const FILES_BESIDE = 256;
/** The RTP sockets ask for it. */
const UDP_BUFFER_BYTES = 256 * 1024;
/** Calls that one process carries well, measured: a process has one thread for all of them. */
const CALLS_A_PROCESS = 200;

/** The machine's own files. */
export async function readSystem(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** `version` is `process.versions.node`. */
export async function checkMachine(config: Config, read: ReadSystem, version: string): Promise<Finding[]> {
  const { calls } = config.limits;
  const limits = await read('/proc/self/limits');
  return [
    node(version),
    simd(),
    processors(calls),
    openFiles(limits, calls),
    priority(limits),
    await udpBuffers(read),
    ...(await folders(config)),
  ];
}

function node(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fits = major > NODE.major || (major === NODE.major && minor >= NODE.minor);
  const wanted = `${NODE.major}.${NODE.minor}`;
  return fits
    ? pass('machine.node', `Node ${version}`)
    : fail('machine.node', `Node ${version} is older than ${wanted}`, `install Node ${wanted} or later`);
}

/** A module of one function that returns i8x16.splat(0)'s first lane: valid only where SIMD is. */
function simd(): Finding {
  const module = Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0],
    ...[10, 11, 1, 9, 0, 0x41, 0, 0xfd, 0x0f, 0xfd, 0x15, 0, 0x0b],
  );
  return WebAssembly.validate(module)
    ? pass('machine.simd', 'WebAssembly with SIMD')
    : fail(
        'machine.simd',
        'WebAssembly has no SIMD here',
        'run on x86-64 with SSE4.1 or on ARM64, and do not start Node with --no-wasm-simd',
      );
}

function processors(calls: number): Finding {
  const count = availableParallelism();
  const figures = { processors: count, calls };
  if (calls > CALLS_A_PROCESS) {
    const text = `${calls} calls in one process, which has one thread for all of them`;
    return warn(
      'machine.cpu',
      text,
      `measure with npm run bench; or several processes with limits.calls of ${CALLS_A_PROCESS} each`,
      { figures },
    );
  }
  if (count >= 2) return pass('machine.cpu', `${count} processors for at most ${calls} calls`, { figures });
  return warn(
    'machine.cpu',
    'one processor for everything',
    'give talkspurt a processor of its own: a switch beside it takes its time',
    { figures },
  );
}

function openFiles(limits: string | null, calls: number): Finding {
  const found = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? '')?.[1];
  if (found === undefined) return skip('machine.files', 'the limit of open files cannot be read here');
  const most = found === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(found);
  const needed = calls * FILES_A_CALL + FILES_BESIDE;
  const figures = { openFiles: most, needed };
  return most >= needed
    ? pass('machine.files', `${found} open files for at most ${calls} calls`, { figures })
    : fail(
        'machine.files',
        `${found} open files are too few for ${calls} calls`,
        `allow ${needed} (LimitNOFILE= of systemd, ulimit -n), or lower limits.calls`,
        { figures },
      );
}

function priority(limits: string | null): Finding {
  const found = /^Max realtime priority\s+(\d+|unlimited)/m.exec(limits ?? '')?.[1];
  if (found === undefined) return skip('machine.priority', 'the real-time priority cannot be read here');
  // It is not needed: whoever shares the machine with a switch may want it.
  return pass(
    'machine.priority',
    found === '0'
      ? 'no real-time priority; beside busy neighbours give it Nice=-10'
      : `real-time priority up to ${found}`,
  );
}

async function udpBuffers(read: ReadSystem): Promise<Finding> {
  const found = await read('/proc/sys/net/core/rmem_max');
  if (found === null) return skip('machine.udp-buffers', 'the size of UDP buffers cannot be read here');
  const most = Number(found.trim());
  const figures = { rmemMax: most, needed: UDP_BUFFER_BYTES };
  return most >= UDP_BUFFER_BYTES
    ? pass('machine.udp-buffers', `UDP buffers up to ${Math.floor(most / 1024)} KiB`, { figures })
    : warn(
        'machine.udp-buffers',
        `UDP buffers of ${Math.floor(most / 1024)} KiB at most: bursts are lost`,
        `sysctl -w net.core.rmem_max=${2 * UDP_BUFFER_BYTES}, and put it into /etc/sysctl.d`,
        { figures },
      );
}

async function folders({ records, recordings, sounds }: Config): Promise<Finding[]> {
  const checks: Promise<Finding>[] = [];
  if (records.folder === undefined) {
    checks.push(
      Promise.resolve(
        warn(
          'folder.records',
          'no call records are kept',
          'records: {folder: /var/lib/talkspurt/records}; `talkspurt troubleshoot` reads them',
        ),
      ),
    );
  } else checks.push(folder('folder.records', records.folder, { write: true, made: true }));
  if (recordings.directory !== undefined)
    checks.push(folder('folder.recordings', recordings.directory, { write: true, made: false }));
  if (sounds.directory !== undefined)
    checks.push(folder('folder.sounds', sounds.directory, { write: false, made: false }));
  return await Promise.all(checks);
}

/** `made`: talkspurt makes it, so the nearest one above it has to be writable. */
async function folder(id: string, path: string, { write, made }: { write: boolean; made: boolean }): Promise<Finding> {
  const about = path;
  try {
    if (!(await stat(path)).isDirectory()) return fail(id, 'it is no folder', 'name a folder', { about });
    await access(path, write ? constants.W_OK | constants.X_OK : constants.R_OK | constants.X_OK);
    return pass(id, `it can be ${write ? 'written to' : 'read'}`, { about });
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && made && dirname(path) !== path) {
      const above = await folder(id, dirname(path), { write, made });
      return above.verdict === 'pass' ? pass(id, 'it will be made', { about }) : { ...above, about };
    }
    const fix =
      code === 'ENOENT'
        ? `make it: mkdir -p ${path}`
        : `give the user of talkspurt the right to it (chown, chmod; ReadWritePaths= of systemd)`;
    return fail(id, `it cannot be ${write ? 'written to' : 'read'} (${code})`, fix, { about });
  }
}
