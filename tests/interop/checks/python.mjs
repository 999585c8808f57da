// gql in Python: introspection, query, mutation, subscription.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { token } from "../server.mjs";

export async function run(server) {
  const directory = join(import.meta.dirname, "..");
  const arguments_ = [server.url, server.socket, await server.auction(), token("eve", ["bidder"])];
  const script = join(directory, "checks", "client.py");
  const python = join(directory, "venv", "bin", "python");
  const { stdout } = await promisify(execFile)(python, [script, ...arguments_], { timeout: 60_000 });
  return stdout.trim();
}
