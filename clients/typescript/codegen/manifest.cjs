// A plugin of graphql-codegen: the texts of all operations by their SHA-256, for a service that runs
// only these (`gavel-server --operations`).
const { createHash } = require("node:crypto");
const { texts } = require("./documents.cjs");

module.exports.plugin = (_schema, documents) => {
  const entries = texts(documents).map(({ text }) => [createHash("sha256").update(text).digest("hex"), text]);
  return JSON.stringify(Object.fromEntries(entries), null, 2);
};
