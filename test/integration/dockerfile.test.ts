/**
 * The Dockerfile without an engine: its steps are run by a shell, with the places they write to moved into a folder. What they
 * install is started as the image starts it, and asked by the image's health check.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort } from './faults/host-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The arguments of each instruction of the name, in order. */
function instructions(name: string): string[] {
  const text = readFileSync(join(ROOT, 'examples/deploy/Dockerfile'), 'utf8').replaceAll('\\\n', '');
  return [...text.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map((match) => match[1]?.trim() ?? '');
}

/** `text` with every place outside moved into `folder`. */
function moved(text: string, folder: string): string {
  return text
    .replaceAll(/(?<![\w.])\/(release|root|var|etc)(?=[/\s"]|$)/g, `${folder}/$1`)
    .replaceAll(/ -[og] node/g, '');
}

test('its steps install what it starts, and its health check tells whether that serves', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-image-'));
  try {
    // COPY . .
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
    for (const name of listed.toString().split('\0')) {
      if (name === '' || !existsSync(join(ROOT, name))) continue;
      mkdirSync(dirname(join(folder, 'src', name)), { recursive: true });
      cpSync(join(ROOT, name), join(folder, 'src', name));
    }
    const environment = { ...process.env, npm_config_prefix: join(folder, 'usr') };
    for (const step of instructions('RUN')) {
      const { status, stderr } = spawnSync('sh', ['-ec', moved(step, folder)], {
        cwd: join(folder, 'src'),
        env: environment,
        encoding: 'utf8',
      });
      assert.is(status, 0, `${step}\n${stderr}`);
    }
    assert.not(existsSync(join(folder, 'release')), 'the package is not left in the image');
    assert.ok(existsSync(join(folder, 'var/lib/talkspurt')));

    const port = String(await freePort());
    const health = /CMD (\[.*\])$/.exec(instructions('HEALTHCHECK')[0] ?? '')?.[1] ?? '[]';
    assert.match(health, /127\.0\.0\.1:9464\//);
    const [program = '', ...words] = JSON.parse(health.replace('9464', port)) as string[];
    const healthy = (): boolean => spawnSync(program, words, { env: environment }).status === 0;
    mkdirSync(join(folder, 'etc/talkspurt'), { recursive: true });
    writeFileSync(
      join(folder, 'etc/talkspurt/talkspurt.yaml'),
      'switches: []\nfrontDoor: {port: 0, password: of-the-door}\nbackends: {voice: {kind: embedded}}\nprofiles: {reception: {backend: voice}}\n',
    );
    const [entry = '[]'] = instructions('ENTRYPOINT');
    const [command = '[]'] = instructions('CMD');
    const [talkspurt = '', ...rest] = [
      ...(JSON.parse(entry) as string[]),
      ...(JSON.parse(moved(command, folder)) as string[]),
    ];
    const env = { ...environment, TALKSPURT_STATUS__PORT: port, NODE_ENV: 'production' };
    assert.not(healthy(), 'nobody serves yet');
    const child = spawn(join(folder, 'usr/bin', talkspurt), rest, { cwd: join(folder, 'var/lib/talkspurt'), env });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = once(child, 'exit');
    try {
      for (let tries = 0; tries < 100 && !healthy(); tries += 1) await sleep(100);
      assert.ok(healthy(), said);
    } finally {
      child.kill(instructions('STOPSIGNAL')[0] as NodeJS.Signals);
    }
    assert.equal(await ended, [0, null], said);
    assert.not(healthy());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
