/** Whose media are let in. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../../src/limits.ts';
import { MediaSources } from '../../../src/switch/asterisk/media-sources.ts';

function lets(sources: MediaSources, address: string): boolean {
  return sources.allowed.has(address);
}

test("an address: it and loopback; blocks that are named stand in the host's place", async () => {
  const alone = new MediaSources({ host: '192.0.2.20' });
  assert.equal(alone.entries, ['192.0.2.20']);
  assert.equal(
    ['192.0.2.20', '127.0.0.1', '::1', '192.0.2.21', '2001:db8::1'].map((each) => lets(alone, each)),
    [true, true, true, false, false],
  );
  const named = new MediaSources({ host: '192.0.2.20', sources: ['198.51.100.0/24', '2001:db8::/32'] });
  assert.equal(
    ['192.0.2.20', '198.51.100.7', '2001:db8::1', '127.0.0.1'].map((each) => lets(named, each)),
    [false, true, true, true],
  );
});

test('a name: what it is looked up as, each time anew; what was known stays, and is bounded', async () => {
  let answer: () => Promise<string[]> = () => Promise.reject(new Error('ENOTFOUND'));
  const asked: string[] = [];
  const sources = new MediaSources({
    host: 'pbx.example',
    resolve: (name) => {
      asked.push(name);
      return answer();
    },
  });
  await sources.refresh();
  assert.equal([sources.entries, asked], [[], ['pbx.example']]);
  answer = () => Promise.resolve(['192.0.2.20', '2001:db8::20', 'nonsense']);
  await sources.refresh();
  answer = () => Promise.resolve(['192.0.2.21']);
  await sources.refresh();
  assert.equal(sources.entries, ['192.0.2.20', '2001:db8::20', '192.0.2.21']);
  assert.ok(lets(sources, '2001:db8::20') && lets(sources, '192.0.2.21'));
  answer = () => Promise.resolve(Array.from({ length: 200 }, (_, at) => `198.51.100.${at}`));
  await sources.refresh();
  assert.is(sources.entries.length, LIMITS.mediaSources);
});

test('with sources, or an address, nothing is looked up; the system knows localhost', async () => {
  const resolve = (): Promise<never> => Promise.reject(new Error('looked up'));
  const fixed = new MediaSources({ host: 'pbx.example', sources: ['192.0.2.20'], resolve });
  await fixed.refresh();
  assert.equal(fixed.entries, ['192.0.2.20']);
  const local = new MediaSources({ host: 'localhost' });
  await local.refresh();
  assert.ok(local.entries.includes('127.0.0.1') || local.entries.includes('::1'));
});

test.run();
