// shared.mjs - where the reference and the recordings are; what happens without them is that of tests/shared_data.h.
import { existsSync } from "node:fs";
import { join } from "node:path";

const asked = process.env.DELTAFLOW_SHARED;
export const sharedFolder = asked || join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../../../../shared");

/** The path of a shared file. Without it the process ends: skipped (77), or failed when DELTAFLOW_SHARED is set. */
export function shared(name) {
  const path = join(sharedFolder, name);
  if (existsSync(path)) {
    return path;
  }
  if (asked) {
    console.error(`FAILED: DELTAFLOW_SHARED is set, but ${path} cannot be read`);
    process.exit(1);
  }
  console.log(`skipped: shared data ${path} is not here`);
  process.exit(77);
}
