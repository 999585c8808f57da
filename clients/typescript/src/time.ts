/** Parses RFC 3339 with microseconds to milliseconds since 1970, with the fraction kept. */
export function parseTime(text: string): number {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  return Date.parse(text.replace(/\.\d+/, "")) + Number(`0.${fraction || "0"}`) * 1000;
}

/** The reverse of `parseTime`. */
export function formatTime(ms: number): string {
  const whole = Math.floor(ms);
  const micros = String(Math.floor((ms - whole) * 1000)).padStart(3, "0");
  return new Date(whole).toISOString().replace("Z", `${micros}Z`);
}

/** This device's clock: milliseconds since 1970, with a fraction. */
export interface LocalClock {
  /** Never goes back, except when `rebased`. */
  now(): number;
  /** How often it was set anew, because the device slept or its clock was set. */
  readonly rebased: number;
}

/** A difference to the device's clock by which the monotonic one stood still, or it was set. */
const STEP_MS = 250;

/** The monotonic clock, set by the device's clock at first and after each sleep. */
export class MonotonicClock implements LocalClock {
  rebased = 0;
  #base: number;
  #began: number;

  constructor(
    private readonly wall: () => number = Date.now,
    private readonly monotonic: () => number = () => performance.now(),
  ) {
    this.#base = wall();
    this.#began = monotonic();
  }

  now(): number {
    const now = this.#base + this.monotonic() - this.#began;
    const wall = this.wall();
    if (Math.abs(now - wall) < STEP_MS) return now;
    this.#base = wall;
    this.#began = this.monotonic();
    this.rebased += 1;
    return wall;
  }
}

interface Sample {
  readonly offset: number;
  readonly roundTrip: number;
  readonly at: number;
}

/** A sample is replaced by a worse one after this time, because clocks drift. */
const SAMPLE_LIFE_MS = 10 * 60_000;

/**
 * The server's clock: this device's, plus an offset from the question-and-answer pair that took
 * least. The offset is at most half of that pair's round trip wrong.
 */
export class ServerClock {
  #best: Sample | undefined;
  #rebased = 0;

  constructor(private readonly local: LocalClock = new MonotonicClock()) {}

  /** This device's time. */
  localNow(): number {
    return this.local.now();
  }

  /** The server's time. */
  now(): number {
    return this.local.now() + this.offsetMs;
  }

  /** What is to be added to this device's time. 0 before the first sample. */
  get offsetMs(): number {
    return this.#best?.offset ?? 0;
  }

  /** How far the offset may be wrong; infinite before the first sample. */
  get uncertaintyMs(): number {
    return this.isSet ? (this.#best?.roundTrip ?? Infinity) / 2 : Infinity;
  }

  /** Whether there is a sample since this device's clock was last set. */
  get isSet(): boolean {
    return this.#best !== undefined && this.#rebased === this.local.rebased;
  }

  /** Takes the server's time between two moments of `localNow`. */
  sample(asked: number, server: number, answered: number): void {
    const sample = { offset: server - (asked + answered) / 2, roundTrip: answered - asked, at: answered };
    const best = this.#best;
    const isOld = !best || !this.isSet || answered - best.at > SAMPLE_LIFE_MS;
    if (Number.isNaN(server) || sample.roundTrip < 0) return;
    if (isOld || sample.roundTrip <= best.roundTrip) {
      this.#best = sample;
      this.#rebased = this.local.rebased;
    }
  }
}
