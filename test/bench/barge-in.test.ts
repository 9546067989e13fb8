import { test } from 'uvu';
import { testGroup } from './small-run.ts';

testGroup('barge-in');

test.run();
