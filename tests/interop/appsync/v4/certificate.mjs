// A certificate for localhost, and the files that the server reads it from.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";

export async function certificate(directory) {
  const names = [{ type: 2, value: "localhost" }, { type: 7, ip: "127.0.0.1" }];
  const extensions = [{ name: "subjectAltName", altNames: names }];
  const made = await generate([{ name: "commonName", value: "localhost" }], { keySize: 2048, extensions });
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  await writeFile(cert, made.cert);
  await writeFile(key, made.private, { mode: 0o600 });
  return { cert, key };
}
