/** Values that several keys of the configuration are made of. */
import { z } from 'zod';

/** An address or a host name. */
export const host = z.string().min(1).max(255);
/** A port that is dialled. */
export const port = z.number().int().min(1).max(65_535);
/** A port that is listened on; 0: any free one. */
export const listenPort = z.number().int().min(0).max(65_535);
/** A path of the file system. */
export const filePath = z.string().min(1).max(4_096);
/** What is never shown. */
export const secret = z.string().min(1).max(16_384);
/** A deadline, ms. */
export const timeoutMs = z.number().int().min(100).max(600_000);
/** Hosts that commands may name. */
export const hostList = z.array(z.string().min(1).max(255)).max(256).default(['*']);
/** A share of the whole. */
export const share = z.number().min(0).max(1);

/** Names of switches, backends and profiles: usable as a word of a command and in a variable's name. */
export const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;
