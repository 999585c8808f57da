// The steps of one client: each is run in order, and named in the result.
const SCALE = Number(process.env.TIME_SCALE ?? 5);

/** Shortens a client's long timers, so that minutes of silence pass in seconds. */
export function shortenTimers() {
  for (const name of ["setTimeout", "setInterval"]) {
    const original = globalThis[name];
    globalThis[name] = (run, ms = 0, ...rest) =>
      original(run, ms >= 1000 ? ms / SCALE : ms, ...rest);
  }
}

/** A time of a client's own clock. */
export const scaled = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for what `find` returns, or fails. */
export async function eventually(what, find, ms = 20_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await find();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function runSteps(name, steps) {
  let passed = 0;
  for (const [step, run] of steps) {
    try {
      await run();
      passed += 1;
      console.log(`  ok      ${name}: ${step}`);
    } catch (error) {
      console.log(`  FAILED  ${name}: ${step}: ${error?.stack ?? JSON.stringify(error)}`);
      break;
    }
  }
  return { name, passed, all: steps.length };
}

/** What a subscription has received. */
export class Watcher {
  bids = [];
  errors = [];

  next = (bid) => this.bids.push(bid);
  error = (error) => this.errors.push(error);

  get sequences() {
    return this.bids.map(({ sequence }) => sequence);
  }

  has(sequence) {
    return eventually(`bid ${sequence} of ${this.sequences}`, () => this.sequences.includes(sequence));
  }
}
