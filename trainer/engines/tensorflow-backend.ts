import * as tf from "@tensorflow/tfjs-core";
import { messageOf, TrimtabError } from "../../shared/errors.ts";

/** The tfjs backends that can run graphs: TensorFlow's own kernels, and tfjs' two that need nothing installed. */
export const TFJS_BACKENDS = ["tensorflow", "wasm", "cpu"] as const;
export type TfjsBackend = (typeof TFJS_BACKENDS)[number];

export interface LoadedBackend {
  readonly backend: TfjsBackend;
  /** Why it is not TensorFlow's own, and what to do about it. */
  readonly notice?: string;
}

const NATIVE_PACKAGE = "@tensorflow/tfjs-node-gpu";
const ADVICE = `install it with \`npm install ${NATIVE_PACKAGE}\`, which also needs CUDA libraries for a GPU`;

/** Importing a backend's package registers the backend; TensorFlow's is optional, so no type can be counted on. */
export const IMPORTS: Readonly<Record<TfjsBackend, () => Promise<unknown>>> = {
  tensorflow: () => import(NATIVE_PACKAGE as string),
  wasm: () => import("@tensorflow/tfjs-backend-wasm"),
  cpu: () => import("@tensorflow/tfjs-backend-cpu"),
};

/**
 * Loads the demanded backend, or the first that can be had in the order of `TFJS_BACKENDS`.
 * Throws `executor_missing`, saying how to install it, and `invalid_request` for a name that is no backend.
 */
export async function loadTfjsBackend(demanded: string | undefined, imports = IMPORTS): Promise<LoadedBackend> {
  if (demanded !== undefined && !isBackend(demanded)) {
    throw new TrimtabError(
      "invalid_request",
      `there is no tfjs backend ${demanded}; it may be ${TFJS_BACKENDS.join(", ")}`,
      { param: "TRIMTAB_TFJS_BACKEND" },
    );
  }
  // Else tfjs prints a banner that recommends its own package, and checks every argument twice.
  tf.enableProdMode();
  const failures: string[] = [];
  for (const backend of demanded === undefined ? TFJS_BACKENDS : [demanded]) {
    try {
      await imports[backend]();
      if (!(await tf.setBackend(backend))) throw new Error(`tfjs could not start its ${backend} backend`);
    } catch (error) {
      failures.push(firstLine(messageOf(error)));
      continue;
    }
    if (backend === "tensorflow" || demanded !== undefined) return { backend };
    return { backend, notice: `TensorFlow's own kernels are not available (${failures[0]}); ${ADVICE}` };
  }
  throw new TrimtabError(
    "executor_missing",
    `the TensorFlow executor cannot start: ${failures.join("; ")}. For TensorFlow's own kernels, ${ADVICE}`,
    { data: { demanded: demanded ?? "any" } },
  );
}

/**
 * Makes `backend`, which must be loaded, the one that tfjs-core's functions run on. It is at once: setting a backend only
 * waits for one that is yet to start. Another program may set its own whenever the caller waits for something.
 */
export function activateBackend(backend: TfjsBackend): void {
  void tf.setBackend(backend);
}

function isBackend(name: string): name is TfjsBackend {
  return (TFJS_BACKENDS as readonly string[]).includes(name);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!;
}
