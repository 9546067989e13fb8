/** Which hosts a list lets through, however an address or a name is spelt. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { HostList, isHostEntry } from '../../src/core/host-list.ts';

function passes(entries: readonly string[], url: string): boolean {
  try {
    new HostList('targets.allow', entries).check(url);
    return true;
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_TALKSPURT_HOST_DENIED'));
    assert.match(error.message, /targets\.allow/);
    return false;
  }
}

test('names: as they are, without case and the dot of the root; a pattern is what lies below', () => {
  for (const url of ['ws://agents.example.com/x', 'wss://AGENTS.example.com:8443/', 'ws://agents.example.com./']) {
    assert.ok(passes(['Agents.example.com'], url), url);
    assert.ok(passes(['*.example.com'], url), url);
  }
  for (const url of [
    'ws://example.com/',
    'ws://agents.example.com.evil.net/',
    'ws://badexample.com/',
    'ws://.example.com/',
  ]) {
    assert.not(passes(['agents.example.com', '*.example.com'], url), url);
  }
  assert.not(passes(['agents.example.com'], 'ws://agents.example.com@10.0.0.1/'), 'a user name is no host');
  assert.not(passes(['agents.example.com'], 'ws://10.0.0.1/?agents.example.com'));
});

test('addresses and blocks: every spelling of an address is that address', () => {
  const list = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'];
  for (const host of ['10.1.2.3', '0x0a.1', '167772161', '192.0.2.7', '[2001:db8::1]', '[::ffff:10.0.0.1]']) {
    assert.ok(passes(list, `ws://${host}:9000/`), host);
  }
  for (const host of ['11.0.0.1', '192.0.2.8', '127.0.0.1', '0x7f.1', '[::1]', '[2001:db9::1]', '[::ffff:127.0.0.1]']) {
    assert.not(passes(list, `ws://${host}:9000/`), host);
  }
  assert.not(passes(['127.0.0.0/8'], 'ws://localhost/'), 'names are not looked up');
});

test('a star lets everybody through, an empty list nobody, and what is no URL goes nowhere', () => {
  assert.ok(passes(['*'], 'ws://169.254.169.254/'));
  assert.not(passes([], 'ws://127.0.0.1/'));
  assert.not(passes(['10.0.0.0/8'], 'rubbish'));
});

test('entries that are none', () => {
  for (const entry of ['*', 'a', 'a-b.example', '*.example.com', '10.0.0.1', '10.0.0.0/8', '::1', '2001:db8::/32']) {
    assert.ok(isHostEntry(entry), entry);
  }
  const none = [
    '',
    '**',
    '*.',
    'a.*',
    'http://a',
    'a:80',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    '10.0.0',
    '300.1.1.1',
    '-a.b',
    'a..b',
  ];
  for (const entry of none) {
    assert.not(isHostEntry(entry), entry);
    assert.throws(
      () => new HostList('sounds.allow', [entry]),
      (error: unknown) => hasCode(error, 'ERR_TALKSPURT_CONFIG_INVALID'),
    );
  }
});

test.run();
