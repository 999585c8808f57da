/** The text of an operation, with the types of its result and variables. */
export class TypedDocument {
    name;
    text;
    constructor(
    /** The operation's name. */
    name, 
    /** The operation and its fragments. */
    text) {
        this.name = name;
        this.text = text;
    }
    toString() {
        return this.text;
    }
}
