import { test } from 'uvu';
import { testGroup } from './small-run.ts';

testGroup('vad');

test.run();
