/** What to do with a bid that arrived. */
export type Arrival = "deliver" | "repeated" | "gap";

/**
 * The last sequence that was delivered, or queued to be. The service sends each bid once and in
 * order; this is the check of it on this side, and the place to resume from.
 */
export class Cursor {
  constructor(public last: number) {}

  take(sequence: number): Arrival {
    if (sequence <= this.last) return "repeated";
    if (sequence > this.last + 1) return "gap";
    this.last = sequence;
    return "deliver";
  }
}
