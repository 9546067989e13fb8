import { test } from 'uvu';
import { testGroup } from './small-run.ts';

testGroup('switch-load');

test.run();
