import type { z } from "zod";
import { wordIssue } from "../../shared/issue-words.ts";
import type { DType, Tensor } from "../../shared/tensor.ts";

/**
 * Something that an objective carries from step to step besides the parameters, such as a replay buffer or a controller's
 * state. It is part of the training state and of every checkpoint, so a resumed run continues with it.
 */
export interface Section {
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Small: it goes into the checkpoint's header. */
  readonly json: unknown;
}
export type Sections = Readonly<Record<string, Section>>;

/** The shape of a section, in the loop and in a checkpoint. */
export interface SectionSpec {
  readonly initial: Section;
  /** Every tensor it holds; `null` is a dimension of any size. */
  readonly tensors: Readonly<Record<string, { readonly dtype: DType; readonly shape: readonly (number | null)[] }>>;
  readonly json: z.ZodType;
  /** A checkpoint may lack it, such as one from before it existed; the run then goes on with `initial`. */
  readonly optional?: boolean;
}
export type SectionSpecs = Readonly<Record<string, SectionSpec>>;

export function initialSections(specs: SectionSpecs): Sections {
  return Object.fromEntries(Object.entries(specs).map(([name, { initial }]) => [name, initial]));
}

/** How a section differs from its spec; undefined if it does not. */
export function sectionProblem(spec: SectionSpec, { tensors, json }: Section): string | undefined {
  for (const [name, { dtype, shape }] of Object.entries(spec.tensors)) {
    const tensor = tensors[name];
    const expected = `${dtype}[${shape.map((size) => size ?? "any").join(", ")}]`;
    if (tensor === undefined) return `it has no tensor ${name}`;
    const fits =
      tensor.shape.length === shape.length && shape.every((size, i) => (size ?? tensor.shape[i]) === tensor.shape[i]);
    if (tensor.dtype !== dtype || !fits) {
      return `its tensor ${name} is ${tensor.dtype}[${tensor.shape.join(", ")}], expected ${expected}`;
    }
  }
  const extra = Object.keys(tensors).find((name) => !Object.hasOwn(spec.tensors, name));
  if (extra !== undefined) return `it has a tensor ${extra} that nothing expects`;
  const parsed = spec.json.safeParse(json);
  if (parsed.success) return undefined;
  const { field, problem } = wordIssue(parsed.error, json);
  return `its JSON does not fit: ${field} ${problem}`;
}
