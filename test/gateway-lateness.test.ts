/** The whole host while its event loop is late: the process stands still again and again, as a starved one does. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LevelPhone, withWholeHost } from './sim/whole-host.ts';

/** Nothing of this process runs for `ms`. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test('the call that is up goes on; a new one is refused with the reason, and readiness says it', () =>
  withWholeHost({ config: { status: { port: 0 }, overload: { lateTicksPct: 5, loopLagMs: 150 } } }, async (host) => {
    const { fs, ask, runtime, events, settle } = host;
    const first = fs.createCall({ phone: new LevelPhone() });
    assert.match(await ask(`uuid_audio_stream ${first.uuid} start p`), /^\+OK/);
    const ready = async (): Promise<{ ready: boolean; reasons: string[] }> =>
      (await (await fetch(`http://127.0.0.1:${runtime.statusPort}/readyz`)).json()) as never;
    assert.is((await ready()).ready, true);
    for (let stop = 0; stop < 8; stop += 1) {
      standStill(250);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await settle(() => events.some(({ type }) => type === 'host.overload'), 'it is overloaded');
    const second = fs.createCall({ phone: new LevelPhone() });
    assert.match(await ask(`uuid_audio_stream ${second.uuid} start p`), /^-ERR .*ERR_TALKSPURT_OVERLOADED/);
    assert.ok(events.some((event) => event.type === 'host.watchdog' && event.severity === 'warn'));
    const now = await ready();
    assert.is(now.ready, false);
    assert.match(now.reasons.join(), /overloaded: .*loop-lag/);
    const page = await (await fetch(`http://127.0.0.1:${runtime.statusPort}/metrics`)).text();
    assert.match(page, /talkspurt_overload\{reason="loop-lag"\} 1/);
    assert.match(page, /talkspurt_watchdog_total\{dog="loop-lag",action="warn"\} 1/);
    assert.is(runtime.gateway.callCount, 1, 'who talks goes on talking');
    assert.match(await ask(`uuid_audio_stream ${first.uuid} stop`), /^\+OK/);
    await settle(() => runtime.gateway.callCount === 0);
  }));

test.run();
