import { type AugmentRule, askedText, withAskedText } from "./rule.ts";

/** Frames around an order, whose verb follows, and around a question. English; a text in another language is left alone. */
const ORDERS = [
  (order: string) => `Please ${order}`,
  (order: string) => `Could you ${asQuestion(order)}`,
  (order: string) => `I would like you to ${order}`,
  (order: string) => `Your task is to ${order}`,
  (order: string) => `I need you to ${order}`,
  (order: string) => `Can you help me? ${capital(order)}`,
];
const QUESTIONS = [
  (question: string) => `Please answer this question: ${question}`,
  (question: string) => `I have a question. ${question}`,
  (question: string) => `Could you tell me the answer to this? ${question}`,
  (question: string) => `Here is a question for you: ${question}`,
];

/** Verbs with which instructions begin: a frame around anything else might not be English. */
const VERBS =
  /^(?:add|analyz|analys|answer|arrang|assign|build|calculat|categoriz|chang|choos|classif|combin|compar|complet|compos|comput|construct|convert|correct|count|creat|cit|decid|defin|describ|design|determin|develop|discuss|draft|draw|edit|estimat|evaluat|explain|extract|fill|find|fix|generat|give|group|guess|identif|imagin|improv|interpret|invent|judg|label|list|make|match|modif|name|organiz|outlin|paraphras|plan|predict|prepar|produc|proofread|propos|prov|provid|rank|rat|read|recommend|remov|rephras|replac|respond|revers|rewrit|rework|rank|select|shorten|show|simplif|solv|sort|stat|suggest|summariz|summaris|tell|transform|translat|turn|us|verif|writ)(?:e|ed|y|t|ify)?\b/i;
const WH =
  /^(?:who|whom|whose|what|when|where|why|how|which|is|are|was|were|do|does|did|can|could|should|would|will|has|have)\b/i;

export const paraphrase: AugmentRule = {
  about: "the same request in another wording, by templates",
  makes: "examples",
  apply(example, random) {
    const asked = askedText(example);
    // The first line is the request; what it is about may follow.
    const [, first = "", rest = ""] = /^([^\n]*)([\s\S]*)$/.exec(asked ?? "") ?? [];
    const frames = VERBS.test(first) ? ORDERS : WH.test(first) && first.trimEnd().endsWith("?") ? QUESTIONS : undefined;
    if (frames === undefined) return undefined;
    const frame = frames[random.below(frames.length)]!;
    const request = frames === ORDERS ? first.charAt(0).toLowerCase() + first.slice(1) : first;
    return withAskedText(example, frame(request) + rest);
  },
};

const asQuestion = (order: string) => (/[.!]$/.test(order) ? `${order.slice(0, -1)}?` : order);
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
