/** The link over the `esl` package, under the contract. */
import { EslPackageLink } from '../../../src/switch/freeswitch/esl-package-link.ts';
import { UnicastGuard } from '../../../src/switch/freeswitch/unicast-guard.ts';
import { contract } from './esl-link-contract.ts';

const test = contract(
  'EslPackageLink',
  (options) => new EslPackageLink(options),
  (uuid) => {
    const guard = new UnicastGuard(uuid);
    guard.answered();
    guard.parked(guard.repark());
    guard.codecKnown('PCMU');
    return guard;
  },
);

test.run();
