import { TrimtabError } from "../../shared/errors.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import type { ResolvedModel } from "./protocol.ts";
import { acquireRowModels, type RowModels, type RowModelsRequest } from "./row-models.ts";
import type { ServedModel } from "./served-model.ts";

export interface AllBasesRequest extends RowModelsRequest {
  readonly loadBase: (folder: StoredFolder) => Promise<ServedModel>;
}

/**
 * The models of a request's rows, on its own base and on others that steer it. All others must have the base's tokenizer, since
 * their rows are fed the same tokens. They stay in memory until they are released.
 *
 * @throws TrimtabError invalid_request, naming the place, for a base with another tokenizer; and what `acquireRowModels` throws
 */
export async function acquireOnAllBases(served: ServedModel, request: AllBasesRequest): Promise<RowModels> {
  const { models, loadBase } = request;
  const { base } = models.own!;
  const entries = Object.entries(models);
  const others = new Map<string, [string, ResolvedModel][]>();
  for (const [at, model] of entries) {
    if (model.base.digest === base.digest) continue;
    requireSameTokenizer(at, base, model.base);
    others.set(model.base.digest, [...(others.get(model.base.digest) ?? []), [at, model]]);
  }
  const own = Object.fromEntries(entries.filter(([, model]) => model.base.digest === base.digest));
  const acquired: { readonly names: ReadonlySet<string>; readonly models: RowModels }[] = [];
  // Loading a base throws out those that nobody holds.
  const holds = [served.hold()];
  const release = () => {
    for (const one of acquired) one.models.release();
    for (const letGo of holds) letGo();
  };
  try {
    const add = async (on: ServedModel, named: Readonly<Record<string, ResolvedModel>>, further = request.further) => {
      const part = await acquireRowModels(on, { ...request, models: named, further });
      acquired.push({ names: new Set(Object.keys(named)), models: part });
    };
    await add(served, own);
    for (const group of others.values()) {
      const other = await loadBase(group[0]![1].base);
      holds.push(other.hold());
      for (const [at] of group) requireSameVocabulary(at, served, other);
      await add(other, Object.fromEntries(group), []);
    }
  } catch (error) {
    release();
    throw error;
  }
  const holder = (name: string): RowModels => acquired.find(({ names }) => names.has(name))!.models;
  return {
    get: (name, more) => holder(name).get(name, more),
    scorer: (name) => holder(name).scorer(name),
    release,
  };
}

function requireSameTokenizer(at: string, base: ResolvedModel["base"], other: ResolvedModel["base"]): void {
  const tokenizerOf = ({ files }: StoredFolder) => files.find(({ name }) => name === "tokenizer.json")?.sha256;
  if (tokenizerOf(base) === tokenizerOf(other)) return;
  throw new TrimtabError(
    "invalid_request",
    `${other.id} has another tokenizer than ${base.id}, on which the request runs, so it cannot judge its tokens. Name a model of ${base.id}, or a base with the same tokenizer.json.`,
    { param: `steering.${at}` },
  );
}

function requireSameVocabulary(at: string, own: ServedModel, other: ServedModel): void {
  const [ours, theirs] = [own.config.vocabSize, other.config.vocabSize];
  if (ours === theirs) return;
  const message = `Its model has logits for ${theirs} tokens, and the request's for ${ours}. Name a base with as many.`;
  throw new TrimtabError("invalid_request", message, { param: `steering.${at}` });
}
