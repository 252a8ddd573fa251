/** A report as one self-contained HTML file: text, tables and inline SVG; no script, nothing fetched. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { escapeXml } from "./charts/style.ts";
import { REPORT_CSS } from "./report-style.ts";
import { htmlTable, type Table } from "./table.ts";

export interface Figure {
  /** File name without ending, unique within the report: letters, digits, "-" and "_". */
  name: string;
  svg: string;
  caption?: string;
}

export interface Section {
  heading: string;
  /** A finding that should catch the eye: the claim held, held partly, or did not hold. */
  verdict?: { kind: "yes" | "partly" | "no"; text: string };
  paragraphs?: string[];
  tables?: Table[];
  figures?: Figure[];
}

export interface Report {
  title: string;
  intro: string;
  sections: Section[];
  /** Information needed to repeat it: adapter, command, date, versions. */
  meta: Record<string, string>;
}

export function htmlReport(report: Report): string {
  const title = escapeXml(report.title);
  let figures = 0;
  const sections = report.sections.map((section) => {
    const drawn = (section.figures ?? []).map((figure) => htmlFigure(figure, `f${++figures}-`));
    return htmlSection(section, drawn);
  });
  const meta = Object.entries(report.meta).map(
    ([name, value]) => `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd></div>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${REPORT_CSS}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="intro">${escapeXml(report.intro)}</p>
${sections.join("\n")}
<footer><h2>This run</h2><dl>${meta.join("\n")}</dl></footer>
</main>
</body>
</html>
`;
}

/** Writes `index.html` and every figure as a separate SVG file; returns the path of the page. */
export function writeReport(folder: string, report: Report): string {
  const figures = report.sections.flatMap((section) => section.figures ?? []);
  const names = new Set<string>();
  for (const { name } of figures) {
    if (!/^[\w-]+$/.test(name) || names.has(name))
      throw new Error(`writeReport: '${name}' is no unique plain file name`);
    names.add(name);
  }
  mkdirSync(folder, { recursive: true });
  for (const { name, svg } of figures) writeFileSync(join(folder, `${name}.svg`), standalone(svg));
  const page = join(folder, "index.html");
  writeFileSync(page, htmlReport(report));
  return page;
}

function htmlSection(section: Section, figures: string[]): string {
  const { verdict } = section;
  const parts = [
    `<h2>${escapeXml(section.heading)}</h2>`,
    ...(verdict ? [`<p class="verdict ${verdict.kind}">${escapeXml(verdict.text)}</p>`] : []),
    ...(section.paragraphs ?? []).map((text) => `<p>${escapeXml(text)}</p>`),
    ...(section.tables ?? []).map(htmlTable),
    ...figures,
  ];
  return `<section>\n${parts.join("\n")}\n</section>`;
}

function htmlFigure(figure: Figure, prefix: string): string {
  const caption = figure.caption ? `<figcaption>${escapeXml(figure.caption)}</figcaption>` : "";
  return `<figure>${scopeIds(figure.svg, prefix)}${caption}</figure>`;
}

/** Every SVG names its clip paths and gradients from zero; on one page they need a prefix each. */
function scopeIds(svg: string, prefix: string): string {
  return svg.replace(/ id="/g, ` id="${prefix}`).replace(/url\(#/g, `url(#${prefix}`);
}

/** The page gives inline figures its colors; a separate file needs a background under its dark text. */
function standalone(svg: string): string {
  return svg.replace(/<\/title>/, '</title><rect width="100%" height="100%" fill="#fff"/>');
}
