/** The parts of `shared/` that lean on the platform, inside workerd: their results are those of Node. */
import { expect, test } from "vitest";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { fromF32, parseSafetensors, toF32, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { matrix } from "../../../shared/linalg/matrix.ts";
import { svd } from "../../../shared/linalg/svd.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import singularValues from "../../golden/linalg/svd.json";
import cases from "../../golden/tokenizer/hub/gpt2-like/cases.json";
import tokenizerJson from "../../golden/tokenizer/hub/gpt2-like/tokenizer.json";
import configJson from "../../golden/tokenizer/hub/gpt2-like/tokenizer_config.json";

const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

test("weights, digests, tokens and chats", async () => {
  const bytes = fromF32(Float32Array.of(1.5, -2), "BF16");
  const file = writeSafetensors(new Map([["w", { dtype: "BF16", shape: [2], bytes }]]), { format: "pt" });
  expect([...toF32(parseSafetensors(file, { finite: true }).tensors.get("w")!)]).toEqual([1.5, -2]);
  expect(await sha256Hex(new Uint8Array(0))).toMatch(/^e3b0c44298fc1c14/);

  const tokenizer = loadTokenizer(tokenizerJson, configJson, { chatTemplate: CHATML });
  for (const { text, ids, idsPlain, decoded } of cases.cases) {
    expect(tokenizer.encode(text)).toEqual(idsPlain);
    const stream = tokenizer.stream();
    expect(ids.map((id) => stream.push(id)).join("") + stream.flush()).toBe(decoded);
  }
  const chat = loadChatTemplate(tokenizer);
  for (const { messages, idsWithPrompt } of cases.chats) expect(chat.encodePrompt(messages)).toEqual(idsWithPrompt);
});

test("singular values", () => {
  const { shape, data } = singularValues.cases[0]!.matrix;
  const { s } = svd(matrix(shape[0]!, shape[1]!, Float64Array.from(data)));
  for (const [index, value] of singularValues.cases[0]!.values.entries()) expect(s[index]).toBeCloseTo(value, 13);
});
