/** The text of an operation, with the types of its result and variables. */
export class TypedDocument<Result, Variables> {
  /** For the compiler alone: never set. */
  declare readonly types?: (variables: Variables) => Result;

  constructor(
    /** The operation's name. */
    readonly name: string,
    /** The operation and its fragments. */
    readonly text: string,
  ) {}

  toString(): string {
    return this.text;
  }
}
