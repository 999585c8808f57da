/** Parses RFC 3339 with microseconds to milliseconds since 1970, with the fraction kept. */
export declare function parseTime(text: string): number;
/** The reverse of `parseTime`. */
export declare function formatTime(ms: number): string;
/** This device's clock: milliseconds since 1970, with a fraction. */
export interface LocalClock {
    /** Never goes back, except when `rebased`. */
    now(): number;
    /** How often it was set anew, because the device slept or its clock was set. */
    readonly rebased: number;
}
/** The monotonic clock, set by the device's clock at first and after each sleep. */
export declare class MonotonicClock implements LocalClock {
    #private;
    private readonly wall;
    private readonly monotonic;
    rebased: number;
    constructor(wall?: () => number, monotonic?: () => number);
    now(): number;
}
/**
 * The server's clock: this device's, plus an offset from the question-and-answer pair that took
 * least. The offset is at most half of that pair's round trip wrong.
 */
export declare class ServerClock {
    #private;
    private readonly local;
    constructor(local?: LocalClock);
    /** This device's time. */
    localNow(): number;
    /** The server's time. */
    now(): number;
    /** What is to be added to this device's time. 0 before the first sample. */
    get offsetMs(): number;
    /** How far the offset may be wrong; infinite before the first sample. */
    get uncertaintyMs(): number;
    /** Whether there is a sample since this device's clock was last set. */
    get isSet(): boolean;
    /** Takes the server's time between two moments of `localNow`. */
    sample(asked: number, server: number, answered: number): void;
}
