/**
 * The report as one HTML document that holds everything it shows: it opens with no network.
 *
 * @module
 */

import { escapeHtml } from "./html.ts";
import { PAGE_STYLE } from "./page_style.ts";
import { TABLE_SCRIPT } from "./table.ts";

/** A part of a report. */
export interface Section {
  /** Heading. */
  readonly title: string;
  /** Text before the body; empty lines part paragraphs. */
  readonly intro?: string;
  /** What it shows, as HTML: tables, figures and grids. Not escaped. */
  readonly body: string;
  /** Small text behind the body; empty lines part paragraphs. */
  readonly note?: string;
}

/** What a page holds. All texts but the bodies are plain, and made safe here. */
export interface Page {
  /** Heading of the page and of its window. */
  readonly title: string;
  /** The line below the heading. */
  readonly subtitle?: string;
  /** The parts, in order. More than three get a table of contents. */
  readonly sections: readonly Section[];
  /** Small text at the end; empty lines part paragraphs. */
  readonly footer?: string;
}

/** Lets the page use what it holds and nothing else, whatever a body brings along. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/** The page as one HTML document. The same data give the same text. */
export function page(content: Page): string {
  const ids = sectionIds(content.sections.map(({ title }) => title));
  const sections = content.sections.map(({ title, intro, body, note }, index) =>
    `<section aria-labelledby="${ids[index]}">
<h2 id="${ids[index]}">${escapeHtml(title)}</h2>
${paragraphs(intro)}${body}
${paragraphs(note, "note")}</section>`
  );
  const entries = content.sections.map(({ title }, index) =>
    `<li><a href="#${ids[index]}">${escapeHtml(title)}</a></li>`
  );
  const contents = entries.length > 3
    ? `<nav aria-label="Contents"><ol>${entries.join("")}</ol></nav>\n`
    : "";
  const script = content.sections.some(({ body }) => body.includes("<table data-sortable>"))
    ? `<script>${TABLE_SCRIPT}\n</script>\n`
    : "";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<link rel="icon" href="data:,">
<title>${escapeHtml(content.title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(content.title)}</h1>
${paragraphs(content.subtitle, "subtitle")}</header>
${contents}<main>
${sections.join("\n")}
</main>
${content.footer === undefined ? "" : `<footer>\n${paragraphs(content.footer)}</footer>\n`}${script}</body>
</html>
`;
}

function paragraphs(text: string | undefined, name?: string): string {
  if (text === undefined) return "";
  const open = name === undefined ? "<p>" : `<p class="${name}">`;
  return text.split(/\n\s*\n/).map((one) => `${open}${escapeHtml(one.trim())}</p>\n`).join("");
}

/** An id for each title, made of its letters and digits; the second of a name gets a number. */
function sectionIds(titles: readonly string[]): string[] {
  const taken = new Set<string>();
  return titles.map((title) => {
    const base = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "section";
    let id = base;
    for (let number = 2; taken.has(id); number++) id = `${base}-${number}`;
    taken.add(id);
    return id;
  });
}
