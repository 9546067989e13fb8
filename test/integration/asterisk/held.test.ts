/**
 * Whole calls on a real Asterisk 22 over each media path, ended by either side, and a tap: while they are up the gauges say what they
 * hold, and afterwards every one of them is zero again, here and in Asterisk.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort } from '../faults/host-process.ts';
import { loadConfig } from '../../../src/config.ts';
import { startRuntime } from '../../../src/gateway-from-config.ts';
import type { Runtime } from '../../../src/gateway-from-config.ts';
import { totalsOf } from '../../../src/observe/resources.ts';
import type { ResourceTotals } from '../../../src/observe/resources.ts';
import { assertNothingHeld, isNothingHeld } from '../../sim/nothing-held.ts';
import { required } from '../required.ts';
import { asteriskIsThere, startAsterisk } from './running-asterisk.ts';
import type { RunningAsterisk } from './running-asterisk.ts';
import { ToneBackend, assertNothingLeft, callIn, until } from './stasis-rig.ts';

/** What one call holds of what is not the same on every path. */
interface Path {
  readonly title: string;
  readonly media: object;
  readonly rtpPorts: number;
  readonly sockets: number;
}

const PATHS: readonly Path[] = [
  { title: 'rtp ulaw', media: { kind: 'rtp', format: 'ulaw' }, rtpPorts: 1, sockets: 0 },
  { title: 'rtp g722', media: { kind: 'rtp', format: 'g722' }, rtpPorts: 1, sockets: 0 },
  { title: 'audiosocket', media: { kind: 'audiosocket', format: 'slin16' }, rtpPorts: 0, sockets: 1 },
  { title: 'websocket client', media: { kind: 'websocket', format: 'slin16' }, rtpPorts: 0, sockets: 0 },
  { title: 'websocket server', media: { kind: 'websocket', format: 'slin16' }, rtpPorts: 0, sockets: 1 },
];

let asterisk: RunningAsterisk | null = null;
let ports = { audioSocket: 0, media: 0 };

test.before(async () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  ports = { audioSocket: await freePort(), media: await freePort() };
  asterisk = await startAsterisk({
    AST_AUDIOSOCKET: `127.0.0.1:${ports.audioSocket}`,
    AST_MEDIA_URL: `ws://127.0.0.1:${ports.media}/media`,
  });
});

test.after(async () => {
  await asterisk?.stop();
});

/** With a runtime as a configuration makes it; afterwards nothing is held, and Asterisk has nothing. */
async function withRuntime(
  { title, media }: Pick<Path, 'title' | 'media'>,
  run: (pbx: RunningAsterisk, runtime: Runtime) => Promise<void>,
): Promise<void> {
  if (asterisk === null) return;
  const pbx = asterisk;
  const from = 31_000 + (process.pid % 200) * 20;
  const server = title === 'websocket server';
  const config = loadConfig({
    env: {},
    text: JSON.stringify({
      status: false,
      sip: false,
      frontDoor: false,
      switches: [
        {
          name: 'pbx',
          kind: 'asterisk',
          port: pbx.httpPort,
          username: 'test',
          password: 'test',
          media: {
            ports: { from, to: from + 19 },
            audioSocket: { port: ports.audioSocket, ...(title === 'dialplan' ? { profile: 'agent' } : {}) },
            websocket: server
              ? { mode: 'server', port: ports.media, username: 'asterisk', password: 'media-secret' }
              : { mode: 'client' },
            ...media,
          },
        },
      ],
      backends: { tone: { kind: 'embedded' } },
      profiles: { agent: { backend: 'tone', greeting: '' } },
      limits: { calls: 4 },
    }),
  });
  const runtime = await startRuntime(config, { quiet: true, backends: { tone: new ToneBackend() } });
  try {
    await until(() => runtime.gateway.notReady().length === 0, 'the link is up');
    assertNothingHeld(runtime.gateway);
    await run(pbx, runtime);
    await assertNothingLeft(pbx);
    await until(() => isNothingHeld(runtime.gateway), 'all is given back');
    assertNothingHeld(runtime.gateway);
  } finally {
    for (const { id } of (await pbx.ari('GET', 'channels')) as { id: string }[]) {
      await pbx.ari('DELETE', `channels/${id}`).catch(() => undefined);
    }
    await runtime.close();
  }
}

function totals({ gateway }: Runtime): ResourceTotals {
  const { resources } = gateway.snapshot();
  assert.ok(resources !== undefined);
  return totalsOf(resources);
}

for (const path of PATHS) {
  test(`${path.title}: two calls, one that hangs up and one that we leave; all gauges are zero again`, () =>
    withRuntime(path, async (pbx, runtime) => {
      const { gateway } = runtime;
      const ids = [await callIn(pbx, 'tone440'), await callIn(pbx, 'tone1000')];
      await until(() => ids.every((id) => gateway.session(id)?.state === 'talking'), 'both talk');
      const held = totals(runtime);
      assert.equal([held.legs, held.dspInUse, held.dspSize], [2, 2, 4]);
      assert.equal(
        [held.rtpPortsInUse, held.rtpPortsFree],
        [2 * path.rtpPorts, path.rtpPorts === 0 ? held.rtpPortsFree : 8],
      );
      assert.equal([held.mediaSockets, held.mediaStrangers], [2 * path.sockets, 0]);
      // A caller, our media channel and the bridge that both are in; twice.
      assert.is(held.ariThings, 6);
      assert.equal(gateway.globalHealth().resources.ari_things, 6);
      await pbx.ari('DELETE', `channels/${ids[0]}-far`);
      await gateway.stop(ids[1]!);
      await until(() => gateway.callCount === 0, 'both are over');
      await pbx.ari('DELETE', `channels/${ids[1]}-far`).catch(() => undefined);
    }));
}

test("AudioSocket of the dialplan: a call that comes unasked, and one that the dialplan's end ends", () =>
  withRuntime({ title: 'dialplan', media: { kind: 'rtp' } }, async (pbx, runtime) => {
    const { gateway } = runtime;
    const query = new URLSearchParams({ endpoint: 'Local/tone440@test/n', extension: 'audiosocket', context: 'test' });
    await pbx.ari('POST', `channels?${query.toString()}&priority=1&channelId=app&otherChannelId=app-far`);
    await until(() => gateway.list().length === 1 && gateway.calls()[0]?.state === 'TALKING', 'it talks');
    const held = totals(runtime);
    assert.equal([held.legs, held.dspInUse, held.mediaSockets, held.mediaStrangers, held.ariThings], [1, 1, 1, 0, 0]);
    await pbx.ari('DELETE', 'channels/app-far');
    await until(() => gateway.callCount === 0, 'it is over');
  }));

test('a tap: its snoops and what they are heard by', () =>
  withRuntime({ title: 'tap', media: { kind: 'rtp', format: 'ulaw' } }, async (pbx, runtime) => {
    const { gateway } = runtime;
    const id = await callIn(pbx, 'tone440', { to: 'echo' });
    await until(() => gateway.notReady().length === 0, 'ready');
    await gateway.startCall(id, 'agent');
    const things = gateway.snapshot().resources?.ari[0]?.things;
    assert.ok(
      things !== undefined && things.snoops > 0 && things.media > 0 && things.calls === 1,
      JSON.stringify(things),
    );
    assert.ok(totals(runtime).rtpPortsInUse > 0);
    await gateway.stop(id);
    await pbx.ari('DELETE', `channels/${id}`);
  }));

test.run();
