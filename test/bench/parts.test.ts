import { test } from 'uvu';
import { testGroup } from './small-run.ts';

testGroup('parts');

test.run();
