/**
 * How the page looks: light and dark, on a telephone, on a desk and on paper.
 *
 * @module
 */

/** The style sheet of the page. */
export const PAGE_STYLE: string = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --muted: #59636e; --rule: #dfe3e8; --soft: #f5f7f9;
  --link: #0063a0; --right: #13714a; --wrong: #b3321b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --ink: #e3e7ec; --muted: #9ca6b2; --rule: #2d333b; --soft: #1b2027;
    --link: #6cb8ee; --right: #4fc78f; --wrong: #ff9077;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0 auto; max-width: 1180px; padding: clamp(20px, 5vw, 64px) clamp(16px, 4vw, 48px);
  background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  overflow-wrap: break-word;
}
h1 { margin: 0; font-size: clamp(1.7rem, 1.3rem + 2vw, 2.5rem); line-height: 1.2; font-weight: 680; letter-spacing: -0.015em; }
h2 { margin: 0 0 0.6rem; font-size: 1.35rem; line-height: 1.3; font-weight: 640; letter-spacing: -0.01em; }
h2, section { scroll-margin-top: 1rem; }
p { margin: 0 0 1rem; max-width: 70ch; }
a { color: var(--link); text-underline-offset: 0.2em; text-decoration-thickness: 1px; }
.subtitle { margin: 0.6rem 0 0; color: var(--muted); font-size: 1.1rem; }
section { margin-top: clamp(2.5rem, 6vw, 4rem); }
.note, footer { color: var(--muted); font-size: 0.88rem; }
.note { margin-top: 0.9rem; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
nav { margin-top: 1.75rem; padding: 0.8rem 0; border-block: 1px solid var(--rule); font-size: 0.95rem; }
nav ol { margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 0.3rem 1.6rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }

.table {
  position: relative; container-type: inline-size; overflow-x: auto; margin: 1.25rem 0 0.75rem;
  background:
    linear-gradient(to left, var(--paper) 40%, transparent) right / 2.5rem 100% no-repeat local,
    linear-gradient(to left, var(--rule), transparent) right / 0.9rem 100% no-repeat scroll;
}
.table table { border-collapse: collapse; min-width: 100%; font-size: 0.875rem; font-variant-numeric: tabular-nums; line-height: 1.35; }
.table caption { padding-bottom: 0.6rem; text-align: left; color: var(--muted); font-size: 0.9rem; }
.table caption span { display: block; position: sticky; left: 0; max-width: min(100cqi, 75ch); }
.table th, .table td { padding: 0.5rem 0.55rem; text-align: left; }
.table .right { text-align: right; }
.table td, .table tbody th { white-space: nowrap; }
.table .deviation { display: block; color: var(--muted); font-size: 0.92em; font-weight: 400; }
.table thead th { vertical-align: bottom; border-bottom: 1.5px solid var(--ink); font-weight: 600; }
.table tbody tr > * { border-bottom: 1px solid var(--rule); }
.table tbody tr:hover > * { background: var(--soft); }
.table tr > :first-child { position: sticky; left: 0; padding-left: 0; background: var(--paper); }
.table tbody th { font-weight: 500; }
.table thead button { all: unset; cursor: pointer; font: inherit; }
.table thead button:hover { color: var(--link); }
.table thead button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.table th[aria-sort] button { text-decoration: underline; text-underline-offset: 0.3em; }
.columns { margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 290px), 1fr)); gap: 0.3rem 1.75rem; color: var(--muted); font-size: 0.82rem; line-height: 1.45; }
.columns dt { display: inline; color: var(--ink); font-weight: 600; }
.columns dt::after { content: ": "; }
.columns dd { display: inline; margin: 0; }

figure { margin: 1.5rem 0 0; }
figcaption { margin-top: 0.6rem; max-width: 75ch; color: var(--muted); font-size: 0.9rem; line-height: 1.5; }
.chart { container-type: inline-size; margin-top: 2.25rem; }
.polyphase-plot { --plot-background: var(--paper); width: 100%; }
.chart .wide { max-width: 860px; }
.chart .narrow { display: none; max-width: 500px; }
@container (max-width: 660px) {
  .chart .wide { display: none; }
  .chart .narrow { display: block; }
}

.images table { width: 100%; border-collapse: collapse; table-layout: fixed; font-size: 0.78rem; line-height: 1.5; }
.images thead th { padding: 0 0.4rem 0.5rem; color: var(--muted); font-weight: 500; text-align: left; }
.images thead td { width: 6.5rem; }
.images tbody th { padding: 0.7rem 0.75rem 0.7rem 0; vertical-align: top; text-align: left; font-size: 0.88rem; font-weight: 600; }
.images tbody td { padding: 0.7rem 0.4rem; vertical-align: top; }
.images tbody tr > * { border-top: 1px solid var(--rule); }
.images img { display: block; width: 100%; max-width: 112px; height: auto; border-radius: 3px; }
.images .said, .images td ul { margin-top: 0.4rem; }
.images ul { margin: 0; padding: 0; list-style: none; }
.images li { overflow-wrap: anywhere; }
.images .legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; margin-bottom: 0.9rem; font-size: 0.85rem; }
.dot { display: inline-block; width: 0.62em; height: 0.62em; margin-right: 0.4em; border-radius: 50%; }
b.right { color: var(--right); }
b.wrong { color: var(--wrong); }
@media (max-width: 720px) {
  .images thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .images table, .images tbody { display: block; }
  .images tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: 0.9rem; padding: 1rem 0; border-top: 1px solid var(--rule); }
  .images tbody th { grid-column: 1 / -1; padding: 0; }
  .images tbody td { padding: 0; }
  .images tbody tr > * { border-top: 0; }
  .images td::before { content: attr(data-column); display: block; margin-bottom: 0.2rem; color: var(--muted); }
}

@media print {
  :root {
    color-scheme: light;
    --paper: #ffffff; --ink: #000000; --muted: #444444; --rule: #cccccc; --link: #000000; --right: #13714a; --wrong: #b3321b;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  section { margin-top: 1.6rem; }
  h2 { break-after: avoid; }
  figure, tr, .columns div { break-inside: avoid; }
  .images { break-inside: auto; }
  .table { overflow: visible; }
  .table, .chart { container-type: normal; }
  .table { background: none; }
  .table table { min-width: 0; font-size: 6.5pt; }
  .table th, .table td, .table tbody th { padding: 0.2rem 0.25rem; white-space: normal; }
  .table caption span { position: static; max-width: none; }
  .table caption, .columns, figcaption, .note, footer { font-size: 8pt; }
  .dot, .images img { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
