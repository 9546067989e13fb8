import { test } from 'uvu';
import { testGroup } from './small-run.ts';

testGroup('signal-chain');

test.run();
