import type { CodegenConfig } from "@graphql-codegen/cli";

const scalars = { MinorUnits: "string", DateTime: "string" };

const config: CodegenConfig = {
  schema: "../../schema.graphql",
  documents: "src/operations/*.graphql",
  generates: {
    "src/generated/operations.json": { plugins: ["codegen/manifest.cjs"] },
    "src/generated/operations.ts": {
      plugins: ["typescript", "typescript-operations", "codegen/documents.cjs"],
      config: {
        strictScalars: true,
        scalars,
        onlyOperationTypes: true,
        enumsAsTypes: true,
        immutableTypes: true,
        skipTypename: true,
        avoidOptionals: { field: true },
        useTypeImports: true,
      },
    },
  },
};

export default config;
