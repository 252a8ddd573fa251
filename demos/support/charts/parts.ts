/** Pieces of Vega-Lite specifications that several kinds of figure share. */
import { dashOf, HEIGHT, PALETTE, WIDTH, wrap } from "./style.ts";

/** Title and size of a figure that is one frame. */
export function frame(title: string) {
  return {
    title: wrap(title),
    width: WIDTH,
    height: HEIGHT,
    padding: 6,
  } as const;
}

/** The color channel over `field`, with a legend below the figure, in as many columns as fit its width. */
export function hueOf(field: string, names: readonly string[]) {
  const longest = Math.max(...names.map((name) => name.length));
  const columns = Math.max(1, Math.min(names.length, Math.floor(68 / (longest + 7))));
  return {
    field,
    type: "nominal",
    scale: { domain: [...names], range: names.map((_, i) => PALETTE[i % PALETTE.length]!) },
    legend: { title: null, orient: "bottom", columns, symbolType: "stroke", symbolSize: 420, offset: 10 },
  } as const;
}

/** The same names by dashes; Vega-Lite merges the two legends into one. */
export function dashes(hue: ReturnType<typeof hueOf>) {
  const { domain } = hue.scale;
  return { ...hue, scale: { domain, range: domain.map((_, i) => dashOf(i)) } };
}

/** Ticks of a log axis: the powers of ten, with 2 and 5 between them where the span is small. */
export function logTicks(low: number, high: number) {
  const decades = Math.log10(high / low);
  const every = Math.max(1, Math.round(decades / 6));
  const values: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += every) {
    for (const factor of decades < 3 ? [1, 2, 5] : [1]) values.push(Number(`${factor}e${power}`));
  }
  const labelExpr = "datum.value >= 1e5 || datum.value < 1e-3 ? format(datum.value, '~e') : format(datum.value, '~g')";
  return { values: values.filter((value) => value >= low * 0.999 && value <= high * 1.001), labelExpr };
}

/** A dashed line across the frame, to compare with. */
export function ruleAt(channel: "x" | "y", value: number, name = "") {
  const data = { values: [{}] }; // one rule, not one per row of the figure's data
  const at = { [channel]: { datum: value } };
  const rule = { data, mark: { type: "rule", strokeDash: [4, 3], color: "currentColor", opacity: 0.7 }, encoding: at };
  const text = { type: "text", align: "right", dx: -4, dy: -7, text: name };
  const edge = { [channel === "x" ? "y" : "x"]: { value: channel === "x" ? 0 : "width" } };
  return name === "" ? [rule] : [rule, { data, mark: text, encoding: { ...at, ...edge } }];
}

/** A number with three significant digits, as it is written into a figure. */
export function brief(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

export function assertDrawable(chart: string, title: string, finite: number): void {
  if (finite === 0)
    throw new RangeError(`${chart} '${title}': expected at least one finite value that the axes can show`);
}
