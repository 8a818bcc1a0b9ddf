/**
 * Prints the bindings, compatibility date and flags from wrangler.toml as JSON for Miniflare. A separate program, because
 * importing wrangler costs a second and 140 MB of memory that the server should not carry.
 */
import { join } from "node:path";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

const { workerOptions } = unstable_getMiniflareWorkerOptions(join(import.meta.dirname, "../../wrangler.toml"));
process.stdout.write(JSON.stringify(workerOptions));
