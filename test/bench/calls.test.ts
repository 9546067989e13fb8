import { test } from 'uvu';
import { testGroup } from './small-run.ts';

testGroup('calls');

test.run();
