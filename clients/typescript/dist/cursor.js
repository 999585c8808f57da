/**
 * The last sequence that was delivered, or queued to be. The service sends each bid once and in
 * order; this is the check of it on this side, and the place to resume from.
 */
export class Cursor {
    last;
    constructor(last) {
        this.last = last;
    }
    take(sequence) {
        if (sequence <= this.last)
            return "repeated";
        if (sequence > this.last + 1)
            return "gap";
        this.last = sequence;
        return "deliver";
    }
}
