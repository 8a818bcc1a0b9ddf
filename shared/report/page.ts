/** The page around a report: no scripts, nothing that is loaded, readable by keyboard and screen reader. */
import { escaped } from "../plot/chart.ts";
import { type Html, joined } from "./elements.ts";

/** What the page may load: its own styles. The same is sent as a header with it. */
export const REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE = `
:root{color-scheme:light dark;--line:#d8dee4;--soft:#f6f8fa;--quiet:#59636e}
@media (prefers-color-scheme:dark){:root{--line:#30363d;--soft:#161b22;--quiet:#9198a1}}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2.5rem;border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:.75rem 0 .25rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:.75rem 0}caption{text-align:left;color:var(--quiet);padding-bottom:.25rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line)}th[scope=row]{font-weight:500}
figure{margin:1rem 0;overflow-x:auto}svg{max-width:100%;height:auto}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.5rem;margin:.25rem 0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:1rem}
details{border:1px solid var(--line);border-radius:6px;padding:.5rem .75rem;margin:.5rem 0}summary{cursor:pointer}
.skip{position:absolute;left:-100rem}.skip:focus{position:static}
`;

export interface Page {
  readonly heading: string;
  /** Stands above the figures. */
  readonly about: Html;
  readonly shown: readonly Html[];
}

export function page({ heading, about, shown }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escaped(REPORT_POLICY)}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escaped(heading)}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#report">To the figures</a>
<header>
<h1>${escaped(heading)}</h1>
${about.html}
</header>
<main id="report">
${joined(shown).html}
</main>
</body>
</html>
`;
}
