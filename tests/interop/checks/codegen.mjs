// graphql-codegen: types of the schema and of this folder's operations, without a complaint.
import { generate } from "@graphql-codegen/cli";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BID, WATCH } from "../server.mjs";

export async function run() {
  const complaints = [];
  const { warn, error } = console;
  console.warn = console.error = (...words) => complaints.push(words.join(" "));
  try {
    const [types] = await generate(
      {
        schema: await readFile(join(import.meta.dirname, "../../../schema.graphql"), "utf8"),
        documents: [BID, WATCH],
        silent: true,
        generates: {
          "out/types.ts": {
            plugins: ["typescript", "typescript-operations"],
            config: { strictScalars: true, scalars: { MinorUnits: "string", DateTime: "string" } },
          },
        },
      },
      false,
    );
    for (const name of ["PlaceBidResult", "BidMutation", "WatchSubscription", "MinorUnits"]) {
      if (!types.content.includes(name)) throw new Error(`${name} was not generated`);
    }
    if (complaints.length) throw new Error(complaints.join("; "));
    return `${types.content.split("\n").length} lines of types, no complaint`;
  } finally {
    Object.assign(console, { warn, error });
  }
}
