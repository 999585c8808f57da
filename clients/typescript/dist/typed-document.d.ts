/** The text of an operation, with the types of its result and variables. */
export declare class TypedDocument<Result, Variables> {
    /** The operation's name. */
    readonly name: string;
    /** The operation and its fragments. */
    readonly text: string;
    /** For the compiler alone: never set. */
    readonly types?: (variables: Variables) => Result;
    constructor(
    /** The operation's name. */
    name: string, 
    /** The operation and its fragments. */
    text: string);
    toString(): string;
}
