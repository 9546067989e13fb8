import { test } from 'uvu';
import { testGroup } from './small-run.ts';

testGroup('rtp-flood');

test.run();
