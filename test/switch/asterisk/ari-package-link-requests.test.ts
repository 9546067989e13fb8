/** The link over the `ari-client` package, under the second part of the contract. */
import { AriPackageLink } from '../../../src/switch/asterisk/ari-package-link.ts';
import { ariClientPackage } from './ari-client-package.ts';
import { PACKAGE_TRAITS, contract } from './ari-link-contract.ts';

const parts = ariClientPackage() === null ? [] : (['requests'] as const);
const test = contract('AriPackageLink', (options) => new AriPackageLink(options), PACKAGE_TRAITS, parts);

test.run();
