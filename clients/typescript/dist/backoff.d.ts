/**
 * How long to wait before attempt number `attempt` (the first is 0); `random` is from 0 to 1. Half
 * of the wait is random, so that clients that lost a server together do not come back together.
 */
export declare function backoffMs(attempt: number, random: number): number;
