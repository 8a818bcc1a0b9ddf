import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  Detokenize,
  Detokenized,
  Tokenize,
  Tokenized,
  TokenizerInfo,
  TokenizerQuery,
} from "../../shared/api/tokens.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { deriveCallSyntax } from "../../shared/model/calls/derive.ts";
import { loadChatTemplate } from "../../shared/model/chat-template.ts";
import { type ModelConfig, parseModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import { engineMessages } from "../asking/engine-messages.ts";
import { dispatcherObject } from "../objects/remote.ts";
import { servedPositions } from "../serving/limits.ts";
import { encodeChat, requireInVocabulary } from "../serving/prompt.ts";
import type { AppEnv } from "./app-env.ts";
import { tenantAuth } from "./auth.ts";
import { baseTokenizer } from "./base-tokenizer.ts";
import { jsonBody, jsonBodyKeeping } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { engineTools } from "./sampling.ts";

const tags = ["Tokens"];
const security = TENANT_SECURITY;

const tokenize = createRoute({
  method: "post",
  path: "/tokenize",
  tags,
  security,
  // A schema of null, or a null in arguments, says something.
  middleware: jsonBodyKeeping("parameters", "arguments"),
  summary: "The tokens of a text, or of a conversation up to the reply",
  request: { body: jsonRequest(Tokenize) },
  responses: replies(Tokenized, "The tokens"),
});

const detokenize = createRoute({
  method: "post",
  path: "/detokenize",
  tags,
  security,
  middleware: jsonBody,
  summary: "The text of tokens, control tokens included",
  request: { body: jsonRequest(Detokenize) },
  responses: replies(Detokenized, "The text"),
});

const info = createRoute({
  method: "get",
  path: "/tokenizer_info",
  tags,
  security,
  summary: "What a client must know of a model's tokenizer",
  request: { query: TokenizerQuery },
  responses: replies(TokenizerInfo, "The tokenizer"),
});

/** The routes; `suffix` tells the names of their operations from those of the same routes elsewhere. */
function tokenRoutes(suffix = "") {
  const app = subApp();
  for (const { path } of [tokenize, detokenize, info]) app.use(path, tenantAuth());

  app.openapi({ ...tokenize, operationId: `tokenize${suffix}` }, async (c) => {
    const request = c.req.valid("json");
    const found = await named(c, request.model);
    const { tokenizer } = found;
    const ids = request.messages === undefined ? textTokens(found, request) : chatTokens(found, request);
    return c.json(
      {
        count: ids.length,
        max_model_len: servedPositions(found.config),
        tokens: ids,
        token_strs: request.return_token_strs === true ? ids.map((id) => tokenizer.tokenOf(id) ?? "") : null,
      },
      200,
    );
  });

  app.openapi({ ...detokenize, operationId: `detokenize${suffix}` }, async (c) => {
    const { model, tokens: ids } = c.req.valid("json");
    const { tokenizer, config } = await named(c, model);
    const unknown = ids.findIndex((id) => id >= config.vocabSize);
    if (unknown >= 0) {
      const message = `the token ${ids[unknown]} is outside the vocabulary of ${config.vocabSize}`;
      throw new TrimtabError("invalid_request", message, { param: `tokens[${unknown}]` });
    }
    return c.json({ prompt: tokenizer.decode(ids) }, 200);
  });

  app.openapi({ ...info, operationId: `getTokenizerInfo${suffix}` }, async (c) => {
    const { tokenizer, config } = await named(c, c.req.valid("query").model);
    const { bosId, eosId, padId, control, namedTokens, prefix } = tokenizer;
    const main = new Set(Object.values(namedTokens));
    const length = servedPositions(config);
    return c.json(
      {
        // The class that reads any tokenizer.json.
        tokenizer_class: "PreTrainedTokenizerFast",
        bos_token: namedTokens.bos_token ?? null,
        eos_token: tokenizer.tokenOf(eosId)!,
        pad_token: namedTokens.pad_token ?? null,
        unk_token: namedTokens.unk_token ?? null,
        bos_token_id: bosId ?? null,
        eos_token_id: eosId,
        pad_token_id: padId,
        add_bos_token: bosId !== undefined && prefix.includes(bosId),
        additional_special_tokens: [...control.keys()].filter((text) => !main.has(text)),
        chat_template: tokenizer.chatTemplate ?? null,
        vocab_size: config.vocabSize,
        model_max_length: length,
        max_model_len: length,
      },
      200,
    );
  });

  return app;
}

export const tokens = tokenRoutes();
/** Where clients of vLLM look for them. */
export const rootTokens = tokenRoutes("AtRoot");

interface Named {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
}

/** What a name comes to, or the only base where there is none. */
async function named(c: Context<AppEnv>, model: string | undefined): Promise<Named> {
  const { base } = await c.var.caller.object.models.base(model ?? (await onlyBase(c)));
  return { config: parseModelConfig(base.config), tokenizer: await baseTokenizer(c.env.BLOBS, base) };
}

/** @throws TrimtabError invalid_request where there is none, or more than one, naming them */
async function onlyBase(c: Context<AppEnv>): Promise<string> {
  const [first, ...others] = await dispatcherObject(c.env).bases.list();
  if (first !== undefined && others.length === 0) return first.id;
  const names = [first, ...others].flatMap((base) => (base === undefined ? [] : [base.id]));
  const which = names.length === 0 ? "there is none yet" : `this server has ${names.join(", ")}`;
  throw new TrimtabError(
    "invalid_request",
    `\`model\` is needed where there is not exactly one base model: ${which}.`,
    {
      param: "model",
    },
  );
}

/** As the tokenizer's own library has them. */
function textTokens({ tokenizer, config }: Named, request: Tokenize): number[] {
  const { prompt = "", add_special_tokens: begins = true } = request;
  const ids = tokenizer.encodeTrusted(prompt);
  return requireInVocabulary({ config }, begins ? [...tokenizer.prefix, ...ids] : ids);
}

/** As a chat request would have them. */
function chatTokens({ tokenizer, config }: Named, { messages = [], tools }: Tokenize): number[] {
  const template = loadChatTemplate(tokenizer, { clock: () => new Date() });
  const model = {
    tokenizer,
    config,
    capacity: servedPositions(config),
    template: () => template,
    callSyntax: () => deriveCallSyntax(template, tokenizer),
  };
  return encodeChat(model, { kind: "chat", messages: engineMessages(messages), ...engineTools({ tools }) });
}
