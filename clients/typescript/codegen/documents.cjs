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

/** Each operation's name, kind and text. */
function texts(documents) {
  const definitions = documents.flatMap(({ document }) => document.definitions);
  const fragments = new Map(
    definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).map((one) => [one.name.value, one]),
  );
  const operations = definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  return operations.map((operation) => ({
    name: operation.name.value,
    kind: operation.operation,
    text: [operation, ...fragmentsOf(operation, fragments)].map(print).join("\n\n"),
  }));
}

module.exports.texts = texts;

module.exports.plugin = (_schema, documents) => {
  const constants = texts(documents).map(({ name, kind, text }) => {
    const suffix = kind[0].toUpperCase() + kind.slice(1);
    return (
      `/** The ${kind} ${name}. */\n` +
      `export const ${name}Document = new TypedDocument<${name}${suffix}, ${name}${suffix}Variables>(\n` +
      `  ${JSON.stringify(name)},\n  \`${text}\`,\n);\n`
    );
  });
  return {
    prepend: ['import { TypedDocument } from "../typed-document.js";'],
    content: constants.join("\n"),
  };
};
