/** The look of reports: light and dark, from a phone to paper. */
export const REPORT_CSS = `
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5b6168; --ground: #fff; --line: #d9dce0; --card: #f5f6f8;
  --yes: #0b7a5c; --partly: #96690a; --no: #b3470d; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e7e9; --soft: #a2a8af; --ground: #15171a; --line: #363a40; --card: #1e2125;
    --yes: #38c79c; --partly: #e0ae3c; --no: #f08a4b; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.6rem; }
p { margin: 0.7rem 0; overflow-wrap: break-word; }
.intro { color: var(--soft); }
.verdict { border-left: 4px solid; background: var(--card); padding: 0.7rem 1rem; border-radius: 0 6px 6px 0; }
.verdict.yes { border-color: var(--yes); }
.verdict.partly { border-color: var(--partly); }
.verdict.no { border-color: var(--no); }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; white-space: nowrap; color: var(--soft); padding-bottom: 0.4rem; }
th, td { text-align: left; padding: 0.35rem 0.8rem 0.35rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; white-space: normal; }
.number { text-align: right; }
figure { margin: 1.4rem 0; }
figure svg { display: block; width: 100%; max-width: 42rem; height: auto; color: var(--ink); }
figcaption { color: var(--soft); font-size: 0.9rem; margin-top: 0.3rem; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.85rem; }
footer h2 { font-size: 1rem; margin: 1rem 0 0.4rem; }
dl { margin: 0; }
dl div { display: flex; flex-wrap: wrap; gap: 0 0.8rem; }
dt { min-width: 8rem; }
dd { margin: 0; flex: 1 1 16rem; overflow-wrap: anywhere; color: var(--ink); }
@media print {
  :root { --ink: #000; --soft: #444; --ground: #fff; --line: #bbb; --card: #fff; }
  main { max-width: none; padding: 0; }
  figure, table, .verdict { break-inside: avoid; }
  figure svg { max-width: 15cm; }
  h2 { break-after: avoid; }
}
`;
