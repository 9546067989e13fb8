import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../../src/limits.ts';
import type { EslServerEvent } from '../../../src/switch/freeswitch/esl-server-event.ts';
import { EslSubscription, eventName } from '../../../src/switch/freeswitch/esl-subscription.ts';

const test = suite('EslSubscription');

function event(name: string, headers: Record<string, string> = {}, subclass?: string): EslServerEvent {
  return { name, headers: Object.entries(headers), ...(subclass === undefined ? {} : { subclass }) };
}

test('hears nothing before it asks, and only what it asked for', () => {
  const subscription = new EslSubscription();
  assert.is(subscription.wants(event('HEARTBEAT')), false);
  assert.is(subscription.event(['json', 'heartbeat', 'SWITCH_EVENT_CHANNEL_PARK']), '+OK event listener enabled json');
  assert.is(subscription.format, 'json');
  assert.is(subscription.wants(event('HEARTBEAT')), true);
  assert.is(subscription.wants(event('CHANNEL_PARK')), true);
  assert.is(subscription.wants(event('CHANNEL_HANGUP')), false);
});

test('after CUSTOM come subclasses only', () => {
  const subscription = new EslSubscription();
  subscription.event(['plain', 'CUSTOM', 'a::b', 'HEARTBEAT']);
  assert.is(subscription.wants(event('HEARTBEAT')), false);
  assert.is(subscription.wants(event('CUSTOM', {}, 'a::b')), true);
  assert.is(subscription.wants(event('CUSTOM', {}, 'a::c')), false);
  assert.is(subscription.wants(event('CUSTOM')), true, 'one without a subclass');
  subscription.nixevent(['CUSTOM', 'a::b']);
  assert.is(subscription.wants(event('CUSTOM', {}, 'a::b')), false);
});

test('ALL, and ALL but one', () => {
  const subscription = new EslSubscription();
  subscription.event(['plain', 'all']);
  assert.is(subscription.wants(event('CUSTOM', {}, 'x::y')), true);
  assert.is(subscription.nixevent(['HEARTBEAT']), '+OK events nixed');
  assert.is(subscription.wants(event('HEARTBEAT')), false);
  assert.is(subscription.wants(event('CHANNEL_PARK')), true);
  subscription.nixevent(['ALL']);
  assert.is(subscription.wants(event('CHANNEL_PARK')), false);
});

test('unknown names count for nothing', () => {
  const subscription = new EslSubscription();
  assert.is(subscription.event(['json']), '-ERR no keywords supplied');
  assert.is(subscription.event([]), '-ERR no keywords supplied');
  assert.is(subscription.event(['NOSUCH']), '-ERR no keywords supplied');
  assert.is(subscription.nixevent(['NOSUCH']), '-ERR no keywords supplied');
  assert.is(subscription.noevents(), '-ERR not listening for events');
  assert.is(eventName('nosuch'), null);
});

test('one match of a filter lets through, one of a negative filter keeps out', () => {
  const subscription = new EslSubscription();
  subscription.event(['plain', 'ALL']);
  assert.is(subscription.filter('Unique-ID abc'), '+OK filter added. [Unique-ID]=[abc]');
  assert.is(subscription.wants(event('DTMF', { 'Unique-ID': 'ABC' })), true);
  assert.is(subscription.wants(event('DTMF', { 'Unique-ID': 'x' })), false);
  assert.is(subscription.wants(event('DTMF')), false);
  assert.is(subscription.filter('add Event-Name -DTMF'), '+OK filter added. [Event-Name]=[-DTMF]');
  assert.is(subscription.wants(event('DTMF', { 'Unique-ID': 'abc', 'Event-Name': 'DTMF' })), false);
  assert.is(subscription.wants(event('DTMF', { 'Unique-ID': 'abc', 'Event-Name': 'TALK' })), true);
  assert.is(subscription.filter('delete Unique-ID abc'), '+OK filter deleted. [Unique-ID][abc]');
  assert.is(subscription.filter('delete all'), '+OK filter deleted. [all][]');
  assert.is(subscription.wants(event('DTMF')), true);
  assert.is(subscription.filter('x'), '-ERR invalid syntax');
});

test('patterns are refused: they could hold up the process', () => {
  assert.is(new EslSubscription().filter('Unique-ID /(a+)+$/'), '-ERR regular expressions are not supported');
});

test('filters and subclasses are bounded', () => {
  const subscription = new EslSubscription();
  for (let n = 0; n < LIMITS.eslServerSubscriptions; n += 1) subscription.filter(`A ${n}`);
  assert.is(subscription.filter('A more'), '-ERR too many filters');
  const names = Array.from({ length: LIMITS.eslServerSubscriptions + 1 }, (_, n) => `a::${n}`);
  assert.is(subscription.event(['plain', 'CUSTOM', ...names]), '-ERR too many subclasses');
});

test('myevents: one channel, and its jobs', () => {
  const subscription = new EslSubscription();
  assert.is(subscription.myevents('abc', 'json'), '+OK Events Enabled');
  assert.is(subscription.format, 'json');
  assert.is(subscription.wants(event('CHANNEL_PARK', { 'Unique-ID': 'abc' })), true);
  assert.is(subscription.wants(event('CHANNEL_PARK', { 'Unique-ID': 'abd' })), false);
  assert.is(subscription.wants(event('HEARTBEAT', { 'Unique-ID': 'abc' })), false);
  assert.is(subscription.myevents('abd', ''), '-ERR aready enabled.');
});

test.run();
