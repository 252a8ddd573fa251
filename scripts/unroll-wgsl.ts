/**
 * Expands what kernels write once and hardware wants in the open. Both marks stand on plain WGSL:
 * - `for (var i = 0u; i < 4u; i++) { // @unroll` becomes its body four times, `i` being 0u to 3u;
 * - `var c: array<vec4f, 16>; // @registers` becomes the variables c0 to c15, and `c[4u * 2u + 1u]` becomes c9; of an
 *   array marked `// @values`, whose elements are assigned once, the elements become constants.
 */

const LOOP = /^( *)for \(var (\w+) = 0u; \2 < (\w+); \2\+\+\) \{ \/\/ @unroll\n/m;
const ARRAY = /^( *)var (\w+): array<(\w+), (\w+)>; \/\/ @(registers|values)\n/m;

export function unroll(wgsl: string): string {
  let text = wgsl;
  const constants = new Map([...wgsl.matchAll(/^const (\w+) = (\d+)u;$/gm)].map(([, name, value]) => [name, value]));
  const numberOf = (term: string): number => {
    const value = Number.parseInt(constants.get(term) ?? term, 10);
    if (Number.isNaN(value)) throw new Error(`unroll: '${term}' is neither a number nor a constant of the file`);
    return value;
  };
  const indexOf = (sum: string): number =>
    sum
      .split("+")
      .map((product) => product.split("*").reduce((value, factor) => value * numberOf(factor.trim()), 1))
      .reduce((total, one) => total + one, 0);
  for (let loop = LOOP.exec(text); loop; loop = LOOP.exec(text)) text = withLoop(text, loop, numberOf);
  for (let array = ARRAY.exec(text); array; array = ARRAY.exec(text)) text = withArray(text, array, numberOf, indexOf);
  return text;
}

/** Repeats a loop's body; one that declares something gets a scope each time. */
function withLoop(text: string, loop: RegExpExecArray, numberOf: (term: string) => number): string {
  const [head, indent = "", name = "", count = ""] = loop;
  const start = loop.index + head.length;
  const close = `\n${indent}}\n`;
  const end = text.indexOf(close, start);
  const body = text.slice(start, end + 1);
  const declares = new RegExp(`^${indent}  (let|var) `, "m").test(body);
  const copies = Array.from({ length: numberOf(count) }, (_, i) => {
    const copy = body.replace(new RegExp(`(?<![.\\w])${name}\\b`, "g"), `${i}u`);
    return declares ? `${indent}{\n${copy}${indent}}\n` : copy;
  });
  return text.slice(0, loop.index) + copies.join("") + text.slice(end + close.length);
}

/** Puts variables in place of an array, from its declaration to the end of the function. */
function withArray(
  text: string,
  array: RegExpExecArray,
  numberOf: (term: string) => number,
  indexOf: (sum: string) => number,
): string {
  const [head, indent = "", name = "", type = "", count = "", kind] = array;
  const names = Array.from({ length: numberOf(count) }, (_, i) => `${name}${i}`);
  const start = array.index + head.length;
  const end = text.indexOf("\n}", start);
  const uses = text
    .slice(start, end)
    .replace(new RegExp(`(?<![.\\w])${name}\\[([^\\]]+)\\]`, "g"), (_, index: string) => name + indexOf(index))
    .replace(new RegExp(`(?<![.\\w])${name}\\b(?!:)`, "g"), `array<${type}, ${count}>(${names.join(", ")})`);
  const isConstant = kind === "values";
  const declared = isConstant ? "" : names.map((one) => `${indent}var ${one} = ${type}();\n`).join("");
  const assigned = new RegExp(`^( *)(${name}\\d+ = )`, "gm");
  return (
    text.slice(0, array.index) + declared + (isConstant ? uses.replace(assigned, "$1let $2") : uses) + text.slice(end)
  );
}
