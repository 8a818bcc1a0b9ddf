import { reset } from "cloudflare:test";
import { beforeAll } from "vitest";

/** Test files share one isolate, which saves each of them loading the Worker anew; its storage starts empty for each. */
beforeAll(reset);
