/**
 * The script of the labelling page, as a browser gets it. Texts of models are shown as text alone, never as markup, and the key
 * stays in the page's memory.
 */
export const LABELING_SCRIPT = `"use strict";
const byId = (id) => document.getElementById(id);
const session = { key: "", project: "", rater: "" };
let task = null;
let busy = false;
/** The indices of a ranking's texts that were chosen, the best first. */
let order = [];
/** Names the answer to the task at hand, so that one that is sent again counts once. */
let attempt = "";

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function call(method, path, body) {
  const headers = { authorization: "Bearer " + session.key };
  if (body !== undefined) Object.assign(headers, { "content-type": "application/json", "idempotency-key": attempt });
  const url = "/v1/labeling/projects/" + encodeURIComponent(session.project) + path;
  const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetch(url, init);
  const reply = await response.json();
  if (!response.ok) throw new Error(reply.error ? reply.error.message : "The server answered " + response.status + ".");
  return reply;
}

/** Runs one request at a time, and says what went wrong. */
async function working(work) {
  if (busy) return;
  busy = true;
  byId("problem").textContent = "";
  byId("task").setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    byId("problem").textContent = error.message;
  } finally {
    busy = false;
    byId("task").removeAttribute("aria-busy");
  }
}

async function showNext() {
  byId("status").textContent = "Looking for a task …";
  const next = await call("GET", "/next?rater=" + encodeURIComponent(session.rater));
  task = next.task;
  order = [];
  attempt = "page-" + Date.now() + "-" + Math.random().toString(36).slice(2);
  byId("enter").hidden = true;
  byId("work").hidden = false;
  const guidelines = byId("guidelines");
  guidelines.hidden = next.guidelines === "";
  guidelines.querySelector("div").textContent = next.guidelines;
  const { labelled, left } = next.progress;
  const bar = byId("progress");
  bar.max = Math.max(1, labelled + left);
  bar.value = labelled;
  byId("task").hidden = task === null;
  const ends = {
    done: "Nothing is left for you: thank you.",
    waiting: "Others hold what is left. Come back in a few minutes.",
    task: labelled + " labelled, about " + left + " left.",
  };
  byId("status").textContent = ends[next.status];
  if (task !== null) showTask();
}

function showTask() {
  byId("reason").value = "";
  const turns = "text" in task.prompt ? [{ role: "text", content: task.prompt.text }] : task.prompt.messages;
  byId("prompt").replaceChildren(
    ...turns.map((turn) =>
      element("div", { className: "turn" },
        element("div", { className: "role", textContent: turn.role }),
        element("div", { className: "text", dir: "auto", textContent: said(turn) }))));
  const questions = {
    pairwise: "Which text is better?",
    ranking: "Choose the texts in order, the best first.",
    rating: "How good is the text?",
  };
  byId("question").textContent = questions[task.type];
  byId("texts").replaceChildren(...task.texts.map(textCard));
  byId("actions").replaceChildren(...actions());
  byId("question").focus();
}

function said(message) {
  const content = typeof message.content === "string" ? message.content : "";
  return message.tool_calls === undefined ? content : content + JSON.stringify(message.tool_calls, null, 2);
}

function textCard(text, at) {
  const title = element("h2", { id: "text-" + at, textContent: "Text " + (at + 1) });
  const body = element("div", { className: "text", dir: "auto", textContent: said(text.message) });
  const card = element("article", { className: "box" }, element("div", {}, title, body));
  card.setAttribute("aria-labelledby", title.id);
  if (task.type === "rating") return card;
  const label = task.type === "pairwise" ? "This one is better " : "Next best ";
  const button = element("button", { type: "button", id: "choose-" + at }, label);
  if (at < 9) button.append(element("kbd", { textContent: String(at + 1) }));
  button.setAttribute("aria-describedby", title.id);
  if (task.type === "ranking") button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => choose(at));
  card.append(button);
  return card;
}

function actions() {
  const button = (text, key, run) => {
    const made = element("button", { type: "button" }, text + " ");
    if (key !== "") made.append(element("kbd", { textContent: key }));
    made.addEventListener("click", run);
    return made;
  };
  if (task.type === "rating") {
    const { min, max } = task.rating_scale;
    const values = Array.from({ length: max - min + 1 }, (_, at) => min + at);
    return values.map((value) => button(String(value), keyOfValue(value), () => answer({ type: "rating", value })));
  }
  const tie = button("Equally good", "t", () => answer({ type: "tie" }));
  return task.type === "pairwise" ? [tie] : [tie, button("Take back", "Backspace", takeBack)];
}

/** Ratings that are one digit are given by that digit. */
function keyOfValue(value) {
  return value >= 0 && value <= 9 ? String(value) : "";
}

function choose(at) {
  const text = task.texts[at];
  if (text === undefined) return;
  if (task.type === "pairwise") {
    answer({ type: "best", index: text.index });
    return;
  }
  if (order.includes(text.index)) return;
  order.push(text.index);
  showOrder();
  const left = task.texts.filter(({ index }) => !order.includes(index));
  if (left.length === 1) answer({ type: "order", order: [...order, left[0].index] });
}

function takeBack() {
  order.pop();
  showOrder();
}

function showOrder() {
  for (const [at, text] of task.texts.entries()) {
    const place = order.indexOf(text.index);
    const button = byId("choose-" + at);
    button.setAttribute("aria-pressed", String(place >= 0));
    byId("text-" + at).textContent = "Text " + (at + 1) + (place >= 0 ? ": place " + (place + 1) : "");
  }
}

function answer(given) {
  const answered = task;
  working(async () => {
    try {
      await call("POST", "/labels", { task_id: answered.id, rater: session.rater, answer: given });
    } catch (error) {
      order = [];
      if (answered.type === "ranking") showOrder();
      throw error;
    }
    await showNext();
  });
}

byId("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  for (const name of Object.keys(session)) session[name] = byId(name).value.trim();
  working(showNext);
});

byId("skip").addEventListener("submit", (event) => {
  event.preventDefault();
  const reason = byId("reason").value.trim();
  if (task === null || reason === "") return;
  working(async () => {
    await call("POST", "/labels", { task_id: task.id, rater: session.rater, skip: { reason } });
    await showNext();
  });
});

document.addEventListener("keydown", (event) => {
  const writes = event.target instanceof HTMLInputElement;
  if (writes && event.key === "Escape") byId("question").focus();
  if (task === null || busy || writes || event.ctrlKey || event.metaKey || event.altKey) return;
  const { key } = event;
  if (key === "s") byId("reason").focus();
  else if (key === "t" && task.type !== "rating") answer({ type: "tie" });
  else if (key === "Backspace" && task.type === "ranking") takeBack();
  else if (/^[0-9]$/.test(key) && task.type === "rating") {
    const value = Number(key);
    if (value >= task.rating_scale.min && value <= task.rating_scale.max) answer({ type: "rating", value });
  } else if (/^[1-9]$/.test(key)) choose(Number(key) - 1);
  else return;
  event.preventDefault();
});

const asked = new URLSearchParams(location.search);
for (const name of ["project", "rater"]) byId(name).value = asked.get(name) || "";
`;
