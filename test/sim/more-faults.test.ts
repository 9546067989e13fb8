/** The second half of the seeds of `faults.test.ts`. */
import { test } from 'uvu';
import { seedTests } from './seed-tests.ts';

seedTests(1);
test.run();
