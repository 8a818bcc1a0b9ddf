/** Loads nothing but its own script, talks to nobody but this server, and is shown in no other page. */
export const LABELING_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'unsafe-inline'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The labelling page. Its script is a file of its own, so that the page's policy can allow that file and nothing else. */
export const LABELING_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Labelling</title>
<style>
:root { color-scheme: light dark; --line: #8886; --accent: #0b62c4; }
@media (prefers-color-scheme: dark) { :root { --accent: #7db7ff; } }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 76rem; }
h1 { font-size: 1.25rem; margin: 0 0 1rem; }
h2 { font-size: 1rem; margin: 0 0 .25rem; }
[hidden] { display: none !important; }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; }
label { display: grid; gap: .25rem; flex: 1 1 14rem; }
input, button { font: inherit; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .375rem; }
button { cursor: pointer; }
button[aria-pressed="true"] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
kbd { font: .875em ui-monospace, monospace; border: 1px solid var(--line); border-radius: .25rem; padding: 0 .375rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.box { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 0 0 1rem; }
.turn { margin: 0 0 .5rem; }
.role { font-weight: 600; }
#texts { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
#texts article { display: flex; flex-direction: column; justify-content: space-between; gap: .75rem; margin: 0; }
#actions { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0; }
progress { width: 100%; }
#problem { color: #b3261e; font-weight: 600; }
@media (prefers-color-scheme: dark) { #problem { color: #ff8a80; } }
</style>
</head>
<body>
<main>
<h1>Labelling</h1>
<form id="enter">
<label>API key <input id="key" type="password" autocomplete="off" required></label>
<label>Project <input id="project" autocomplete="off" required></label>
<label>Your name <input id="rater" autocomplete="username" required maxlength="64"></label>
<button type="submit">Begin</button>
</form>
<p id="problem" role="alert"></p>
<section id="work" hidden aria-label="Task">
<label>Progress <progress id="progress" max="1" value="0"></progress></label>
<p id="status" role="status"></p>
<details id="guidelines" class="box" open><summary>Guidelines</summary><div class="text" dir="auto"></div></details>
<section id="task" hidden>
<section class="box" aria-labelledby="prompt-title"><h2 id="prompt-title">Prompt</h2><div id="prompt"></div></section>
<h2 id="question" tabindex="-1"></h2>
<div id="texts"></div>
<div id="actions"></div>
<form id="skip">
<label>Why you can't say (<kbd>s</kbd>) <input id="reason" maxlength="512" autocomplete="off" required></label>
<button type="submit">Can't say</button>
</form>
</section>
</section>
</main>
<script src="/labeling/page.js" defer></script>
</body>
</html>
`;
