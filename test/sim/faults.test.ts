/** Whole calls between a switch, a network and providers that fail by seed: see docs/testing-faults.md. The other half: `more-faults`. */
import { test } from 'uvu';
import { seedTests } from './seed-tests.ts';

seedTests(0);
test.run();
