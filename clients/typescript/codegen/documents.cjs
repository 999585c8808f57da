// A plugin of graphql-codegen: each operation as a constant, its text with the fragments that it
// uses. No library is needed to send it, and its type carries the types of its result and variables.
const { Kind, print, visit } = require("graphql");

function fragmentsOf(node, all, found = new Map()) {
  visit(node, {
    FragmentSpread({ name }) {
      if (found.has(name.value)) return;
      found.set(name.value, all.get(name.value));
      fragmentsOf(all.get(name.value), all, found);
    },
  });
  return [...found.values()];
}

module.exports.plugin = (_schema, documents) => {
  const definitions = documents.flatMap(({ document }) => document.definitions);
  const fragments = new Map(
    definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).map((one) => [one.name.value, one]),
  );
  const operations = definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  const constants = operations.map((operation) => {
    const name = operation.name.value;
    const kind = operation.operation[0].toUpperCase() + operation.operation.slice(1);
    const text = [operation, ...fragmentsOf(operation, fragments)].map(print).join("\n\n");
    return (
      `/** The ${operation.operation} ${name}. */\n` +
      `export const ${name}Document = new TypedDocument<${name}${kind}, ${name}${kind}Variables>(\n` +
      `  ${JSON.stringify(name)},\n  \`${text}\`,\n);\n`
    );
  });
  return {
    prepend: ['import { TypedDocument } from "../typed-document.js";'],
    content: constants.join("\n"),
  };
};
