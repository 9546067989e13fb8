// Makes the picture of the README anew: runs the demo and keeps its drawing. Usage: npm run picture
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = mkdtempSync(join(tmpdir(), 'talkspurt-picture-'));
try {
  const { status } = spawnSync(process.execPath, ['build/lib/cli.js', 'demo', '--out', out], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
  mkdirSync(join(root, 'docs/images'), { recursive: true });
  copyFileSync(join(out, 'timeline.svg'), join(root, 'docs/images/timeline.svg'));
} finally {
  rmSync(out, { recursive: true, force: true });
}
