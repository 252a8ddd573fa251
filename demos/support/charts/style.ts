/** The house style of every figure, and the one place where a Vega specification becomes an SVG string. */
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** Eight colors that people with color-blindness can tell apart (Okabe and Ito's, less yellow), readable on light and dark. */
export const PALETTE = ["#0a7cc1", "#e0621b", "#0d9e78", "#c86ba3", "#d99a00", "#54afe0", "#8a6fd1", "#8c8c8c"];
/** Dashes repeat what the colors say, for print without color and for lines that lie on each other. */
export const DASHES = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 3, 2, 3],
];

/** Size of the inner frame, without axes and legend; small, so that a phone need not shrink the text much. */
export const WIDTH = 420;
export const HEIGHT = 230;

// Text and axes take the color of the page around them, so that one SVG serves light and dark.
const INK = "currentColor";
const FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif";

const axis = {
  aria: false,
  domainColor: INK,
  domainOpacity: 0.5,
  gridColor: INK,
  gridOpacity: 0.14,
  labelColor: INK,
  labelFlush: false,
  labelFont: FONT,
  labelFontSize: 12,
  tickColor: INK,
  tickOpacity: 0.5,
  titleColor: INK,
  titleFont: FONT,
  titleFontSize: 12.5,
  titleFontWeight: "normal",
  titlePadding: 8,
} as const;

/** Vega and Vega-Lite take the same keys for what is set here. */
export const CONFIG = {
  background: "transparent",
  aria: false,
  axis,
  font: FONT,
  legend: {
    aria: false,
    labelColor: INK,
    labelFont: FONT,
    labelFontSize: 12,
    labelLimit: 220,
    symbolSize: 260,
    symbolStrokeWidth: 2.4,
    titleColor: INK,
    titleFont: FONT,
    titleFontSize: 12,
    titleFontWeight: "normal",
  },
  title: {
    aria: false,
    anchor: "start",
    color: INK,
    font: FONT,
    fontSize: 15,
    fontWeight: 600,
    frame: "bounds",
    offset: 12,
    subtitleColor: INK,
  },
  text: { fill: INK, font: FONT, fontSize: 12 },
  header: { labelColor: INK, labelFont: FONT, labelFontSize: 12, labelFontWeight: "normal" },
  view: { stroke: null },
} as const;

export function dashOf(index: number): number[] {
  return DASHES[index % DASHES.length]!;
}

// Without a canvas Vega takes every character for 0.8 em wide and leaves wide empty margins; 0.6 is nearer to the truth.
// Its typings do not have this exported object.
const { textMetrics } = vega as unknown as {
  textMetrics: { width: (item: { fontSize?: number }, text: unknown) => number };
};
textMetrics.width = (item, text) => 0.6 * (item.fontSize ?? 11) * String(text ?? "").length;

/** Breaks a title into lines that fit the figure's width: Vega itself never wraps. */
export function wrap(text: string, perLine = 52): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > perLine) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** The SVG of a Vega-Lite specification; `title` becomes the text that screen readers say. */
export function renderLite(spec: TopLevelSpec, title: string): Promise<string> {
  // Vega-Lite's own copy of the configuration types wants mutable arrays, nothing else differs.
  return renderVega(compile({ ...spec, config: CONFIG as object } as TopLevelSpec).spec, title);
}

/** The SVG of a Vega specification. No DOM and no canvas: text widths are Vega's estimates. */
export async function renderVega(spec: vega.Spec, title: string): Promise<string> {
  const view = new vega.View(vega.parse(spec, CONFIG as unknown as vega.Config), { renderer: "none" });
  try {
    return tidy(await view.toSVG(), title);
  } finally {
    view.finalize();
  }
}

/** Shortens coordinates to what an eye can see, says the font once, and gives the figure its accessible name. */
function tidy(svg: string, title: string): string {
  return svg
    .replace(/ d="([^"]*)"/g, (_, path: string) => ` d="${path.replace(/-?\d+\.\d{2,}/g, round)}"`)
    .replace(/ (font-family|class|pointer-events|aria-roledescription)="[^"]*"/g, "")
    .replace(/<svg([^>]*)>/, `<svg$1 font-family="${FONT}" role="img"><title>${escapeXml(title)}</title>`);
}

function round(number: string): string {
  return String(Math.round(Number(number) * 10) / 10);
}

export function escapeXml(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => names[character]!);
}
