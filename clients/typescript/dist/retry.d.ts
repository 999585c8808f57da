import type { GavelError } from "./errors.js";
/**
 * How long to wait before a subscription that ended with an error is sent again; `undefined` if the
 * error is for its owner. `failures` counts errors since the last result.
 */
export declare function resubscribeAfterMs(error: GavelError, failures: number, random: number): number | undefined;
