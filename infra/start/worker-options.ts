/**
 * Prints what wrangler.toml says, bindings, compatibility date and flags, as the JSON that Miniflare takes. A program of its own,
 * because importing wrangler takes a second and 140 MB that a server should not carry.
 */
import { join } from "node:path";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

const { workerOptions } = unstable_getMiniflareWorkerOptions(join(import.meta.dirname, "../../wrangler.toml"));
process.stdout.write(JSON.stringify(workerOptions));
