/** Summary of a run of the node tests: results per operator, and the reasons of skipped cases. */
import { markdownTable, type Table, textTable } from "../../demos/support/table.ts";
import type { Outcome } from "./cases.ts";
import { operators } from "./operators/index.ts";

const count = (outcomes: readonly Outcome[], result: Outcome["result"]): number =>
  outcomes.filter((one) => one.result === result).length;

/** Groups in the order of their keys. */
function grouped(outcomes: readonly Outcome[], key: (one: Outcome) => string): [string, Outcome[]][] {
  const groups = new Map<string, Outcome[]>();
  for (const one of outcomes) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

const byOperator = (outcomes: readonly Outcome[]) => grouped(outcomes, (one) => one.case.operator);
const isKnown = (one: Outcome): boolean => one.case.operator in operators;
const shortName = (one: Outcome): string => one.case.name.replace(/^test_/, "");

/** Operators of the surface, and others of which an expanded case could be run. */
const hasRow = (outcomes: readonly Outcome[]): boolean => isKnown(outcomes[0]!) || count(outcomes, "passed") > 0;

function operatorTable(outcomes: readonly Outcome[]): Table {
  const rows = byOperator(outcomes)
    .filter(([, group]) => hasRow(group))
    .map(([operator, group]) => [operator, count(group, "passed"), group.length, count(group, "left out")]);
  return { columns: ["Operator", "Passed", "Cases", "Left out"], rows };
}

/** Cases by the reason for which they did not pass. */
const reasons = (outcomes: readonly Outcome[], result: Outcome["result"]): [string, Outcome[]][] =>
  grouped(
    outcomes.filter((one) => one.result === result),
    (one) => one.reason ?? "",
  );

export function headline(outcomes: readonly Outcome[]): string {
  const [known, all] = [outcomes.filter(isKnown), outcomes];
  const total = (some: readonly Outcome[]) => `${count(some, "passed")}/${some.length}`;
  return (
    `passed/total: ${total(known)} of the operators that the surface has, ${total(all)} of all; ` +
    `failed: ${count(all, "failed")}; left out: ${count(all, "left out")}`
  );
}

/** For a terminal: the table, what failed, each case left out under its reason, and the sum. */
export function report(outcomes: readonly Outcome[]): string {
  const list = (result: Outcome["result"]) =>
    reasons(outcomes, result).map(
      ([reason, group]) => `  ${reason} (${group.length}): ${group.map(shortName).join(" ")}`,
    );
  const [failed, leftOut] = [list("failed"), list("left out")];
  return [
    textTable(operatorTable(outcomes)),
    ...(leftOut.length > 0 ? ["", "Left out:", ...leftOut] : []),
    ...(failed.length > 0 ? ["", "Failed:", ...failed] : []),
    "",
    headline(outcomes),
  ].join("\n");
}

/** docs/onnx.md. */
export function page(outcomes: readonly Outcome[]): string {
  const known = outcomes.filter(isKnown);
  const narrowed = outcomes.filter(
    (one) => one.result === "passed" && one.case.model.graph.outputs.some(({ type }) => type === "double"),
  );
  const groups = byOperator(outcomes);
  const unknown = groups.filter(([, group]) => !hasRow(group));
  const leftOut = reasons(
    groups.flatMap(([, group]) => (hasRow(group) ? group : [])),
    "left out",
  );
  return `# ONNX's node tests

Written by \`npm run onnx -- --write\`: the tests of single operators that come with ONNX 1.12 (Debian's package
libonnx-testdata), run through the public API. \`npm test\` runs them too where the package is installed, and holds this page.

Of the operators that the surface has, ${count(known, "passed")} of ${known.length} cases pass; of all ${outcomes.length} cases ${count(outcomes, "passed")} pass, ${count(outcomes, "failed")} fail
and ${count(outcomes, "left out")} are left out, each for a reason below.

- The surface has an operator that is one of its functions, or that ONNX defines by a line or a few of them: the table of
  calls is in \`test/onnx/operators\`.
- Many operators have *expanded* cases besides: their definition as a graph of simpler operators. Those run node by node.
- Shapes, axes and the like are numbers here. int64 and uint64 values run as i32 and u32, and are left out where they do not
  fit; double runs in f32 (${narrowed.length} cases), compared as f32 is.
- Floats are held to rtol 1e-5 and atol 1e-7, where ONNX asks for rtol 1e-3 and the same atol; f16 to one rounding,
  integers and booleans to equality. Only the windows (Hann, Hamming, Blackman) are held to ONNX's own: their expected values
  were made with 3.1415 for pi.
- Adapters without \`shader-f16\` leave out the float16 cases too.

${markdownTable(operatorTable(outcomes))}

## Left out

${markdownTable({
  columns: ["Reason", "Cases"],
  rows: leftOut.map(([reason, group]) => [reason, group.map(shortName).join(", ")]),
})}

## Operators that the surface does not have

With the number of their cases: ${unknown.map(([operator, group]) => `${operator} ${group.length}`).join(", ")}.
`;
}
