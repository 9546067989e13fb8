/** What an earlier process tapped is not taken for a call of ours. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { survey } from '../../../src/switch/asterisk/reconcile.ts';
import { forgetTaps } from '../../../src/switch/asterisk/snoop-left-behind.ts';
import { StasisIds } from '../../../src/switch/asterisk/stasis-ids.ts';
import { FakeAri, linkDown, refusal } from './fake-ari.ts';

const ids = new StasisIds('talkspurt');

async function worldWith(target: string, snoopId: string, name = `Snoop/${target}-0000001f`): Promise<FakeAri> {
  const ari = new FakeAri();
  await ari.start({ onUp: () => undefined, onDown: () => undefined, onEvent: () => undefined });
  ari.add(target, { subscribed: true });
  ari.add(snoopId, { name });
  return ari;
}

async function forget(ari: FakeAri, held: readonly string[] = []): Promise<boolean> {
  return await forgetTaps(ari, await survey(ari), ids, (id) => held.includes(id));
}

test('a snoop of ours that nobody holds: Asterisk is to tell of its channel no more', async () => {
  const ari = await worldWith('1700000000.12-x', ids.make('snoop'));
  ari.add('second', { name: 'Snoop/1700000000.12-x-00000020' });
  assert.is(await forget(ari), true);
  assert.not(ari.channels.get('1700000000.12-x')!.subscribed);
  assert.is(ari.requests.filter((line) => line.startsWith('DELETE')).length, 1);
});

test("what is held, somebody else's, or no snoop is left", async () => {
  const snoop = ids.make('snoop');
  const ari = await worldWith('call', snoop);
  assert.is(await forget(ari, [snoop]), false);
  assert.is(await forget(ari, ['call']), false);
  assert.is(await forget(await worldWith('call', new StasisIds('other').make('snoop'))), false);
  assert.is(await forget(await worldWith('call', ids.make('media'))), false);
  assert.is(await forget(await worldWith('call', snoop, 'PJSIP/call-00000001')), false);
  assert.ok(ari.channels.get('call')!.subscribed);
});

test('refused, it was so already; without a link it is not known', async () => {
  const ari = await worldWith('call', ids.make('snoop'));
  ari.answer = (line) => {
    if (line.startsWith('DELETE')) throw refusal(409, 'Application not subscribed to event source');
  };
  assert.is(await forget(ari), true);
  const seen = await survey(ari);
  ari.answer = () => {
    throw linkDown();
  };
  let code = '';
  await forgetTaps(ari, seen, ids, () => false).catch((error: unknown) => (code = (error as { code: string }).code));
  assert.is(code, 'ERR_TALKSPURT_LINK_DOWN');
});

test.run();
