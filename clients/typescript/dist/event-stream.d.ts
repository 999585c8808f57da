/** An event of a text/event-stream. */
export interface StreamEvent {
    readonly event: string;
    readonly data: string;
    readonly id?: string;
}
/** Cuts a text/event-stream into events, as its parts arrive. */
export declare class EventStreamParser {
    #private;
    /** The events that this part completes. */
    push(part: string): Generator<StreamEvent>;
}
