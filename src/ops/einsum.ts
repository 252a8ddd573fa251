/** Einstein sums, by permuting, multiplying matrices and summing. */
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { eye } from "../tensor/create.ts";
import { sameShape, sizeAt, sizeOf } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mul } from "./binary.ts";
import { expand } from "./broadcast.ts";
import { matmul } from "./matmul.ts";
import { permute, reshape } from "./movement.ts";
import { sum } from "./reduce.ts";

/** An operand and the letter of each of its dims. */
interface Lettered {
  readonly x: Tensor;
  readonly letters: string;
}

/**
 * The sum that an equation such as `"bij,bjk->bik"` names, over any number of operands, from left to right. `...` stands
 * for leading dims that broadcast; a letter twice in one operand is its diagonal; without `->` the letters that occur
 * once are the result's, in alphabetical order after `...`, as in NumPy.
 */
export function einsum(equation: string, ...operands: readonly (Tensor | readonly Tensor[])[]): Tensor {
  const { inputs, output } = parse(equation, operands.flat());
  const sizes = sizesOf(inputs);
  const [first, ...rest] = inputs.map(withoutRepeats);
  const others = (from: number) => rest.slice(from).reduce((letters, one) => letters + one.letters, output);
  let result = summed(first as Lettered, others(0));
  rest.forEach((one, i) => {
    const wanted = others(i + 1);
    result = product(result, summed(one, result.letters + wanted), wanted, sizes);
  });
  return ordered(result, output).x;
}

/** Letters that stand for the dims of `...`, counted from the last. */
const ELLIPSIS = [...Array(8).keys()].map((i) => String.fromCharCode(0x3b1 + i));

function parse(equation: string, operands: readonly Tensor[]): { inputs: Lettered[]; output: string } {
  const term = "[a-zA-Z]*(\\.{3})?[a-zA-Z]*";
  const match = new RegExp(`^(${term}(?:,${term})*)(->(${term}))?$`).exec(equation.replaceAll(" ", ""));
  check(match, ArgumentError, () =>
    expected("einsum", "equation", "letters, '...', commas and at most one '->'", equation),
  );
  const [, left = "", , , arrow, right = ""] = match;
  const terms = left.split(",");
  check(terms.length === operands.length && operands.every((x) => x instanceof Tensor), ArgumentError, () =>
    expected("einsum", "operands", `${terms.length} ${terms.length === 1 ? "tensor" : "tensors"} for '${equation}'`, [
      ...operands,
    ]),
  );
  const inputs = operands.map((x, i) => ({ x, letters: spelled(terms[i] as string, x) }));
  const all = inputs.map(({ letters }) => letters).join("");
  const dots = ELLIPSIS.filter((letter) => all.includes(letter)).reverse();
  const once = [...new Set(all)].filter((letter) => all.split(letter).length === 2 && !dots.includes(letter)).sort();
  const output = arrow === undefined ? [...dots, ...once].join("") : right.replace("...", dots.join(""));
  check(
    [...output].every((letter, i) => all.includes(letter) && output.indexOf(letter) === i),
    ArgumentError,
    () => expected("einsum", "equation", "an output of letters that the inputs have, each once", equation),
  );
  return { inputs, output };
}

/** A term with letters instead of its `...`: one for each dim that has none. */
function spelled(term: string, x: Tensor): string {
  const dots = x.ndim - term.replace("...", "").length;
  const fits = term.includes("...") ? dots >= 0 && dots <= ELLIPSIS.length : dots === 0;
  check(fits, ShapeError, () => expected("einsum", "operands", `as many dims as '${term}' has`, x));
  return term.replace("...", ELLIPSIS.slice(0, dots).reverse().join(""));
}

function sizesOf(inputs: readonly Lettered[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { x, letters } of inputs) {
    [...letters].forEach((letter, i) => {
      const size = sizeAt(x.shape, i);
      const known = sizes.get(letter) ?? 1;
      const fits = known === size || known === 1 || size === 1;
      check(fits, ShapeError, () => `einsum: letter '${letter}' expected size ${known}, got ${size}`);
      sizes.set(letter, size === 1 ? known : size);
    });
  }
  return sizes;
}

/** The diagonal over letters that an operand has twice. */
function withoutRepeats({ x, letters }: Lettered): Lettered {
  const at = [...letters].findIndex((letter, i) => letters.indexOf(letter) < i);
  if (at < 0) return { x, letters };
  const first = letters.indexOf(letters[at] as string);
  const size = sizeAt(x.shape, at);
  check(x.shape[first] === size, ShapeError, () =>
    expected("einsum", "operands", `equal sizes for the two dims '${letters[at]}' of one operand`, x),
  );
  const mask = reshape(
    eye(size, size, { dtype: "bool", device: x.device }),
    x.shape.map((_, i) => (i === at || i === first ? size : 1)),
  );
  return withoutRepeats({ x: sum(mul(x, mask), at), letters: letters.slice(0, at) + letters.slice(at + 1) });
}

/** Sums away the letters that nothing else has. */
function summed({ x, letters }: Lettered, wanted: string): Lettered {
  const dims = [...letters].flatMap((letter, i) => (wanted.includes(letter) ? [] : [i]));
  if (dims.length === 0) return { x, letters };
  return { x: sum(x, dims), letters: [...letters].filter((letter) => wanted.includes(letter)).join("") };
}

/** A dim of size 1 that another operand has larger is expanded, or one of them would be summed alone. */
function grown({ x, letters }: Lettered, other: Lettered, sizes: ReadonlyMap<string, number>): Lettered {
  const shape = [...letters].map((letter, i) =>
    other.letters.includes(letter) ? (sizes.get(letter) ?? 1) : sizeAt(x.shape, i),
  );
  return { x: sameShape(shape, x.shape) ? x : expand(x, shape), letters };
}

/** Both operands as matrices batched over the letters that all three have. */
function product(left: Lettered, right: Lettered, output: string, sizes: ReadonlyMap<string, number>): Lettered {
  const [a, b] = [grown(left, right, sizes), grown(right, left, sizes)];
  const pick = (from: string, keep: (letter: string) => boolean) => [...from].filter(keep).join("");
  const batch = pick(a.letters, (letter) => b.letters.includes(letter) && output.includes(letter));
  const shared = pick(a.letters, (letter) => b.letters.includes(letter) && !output.includes(letter));
  const rows = pick(a.letters, (letter) => !b.letters.includes(letter));
  const columns = pick(b.letters, (letter) => !a.letters.includes(letter));
  const sizeIn = (one: Lettered, letter: string) => sizeAt(one.x.shape, one.letters.indexOf(letter));
  const shape = (one: Lettered, letters: string) => [...letters].map((letter) => sizeIn(one, letter));
  const group = (one: Lettered, ...parts: string[]) =>
    reshape(
      ordered(one, parts.join("")).x,
      parts.map((letters) => sizeOf(shape(one, letters))),
    );
  const [rowMatrix, columnMatrix] = [group(a, batch, rows, shared), group(b, batch, shared, columns)];
  const outer = shared === "" || (rows === "" && columns === "");
  // Without a sum, or with nothing but sums, multiplying elements moves less than a matrix product of width 1.
  const y = outer ? elementProduct(rowMatrix, columnMatrix, shared === "") : matmul(rowMatrix, columnMatrix);
  return {
    x: reshape(y, [...shape(a, batch + rows), ...shape(b, columns)]),
    letters: batch + rows + columns,
  };
}

function elementProduct(left: Tensor, right: Tensor, withoutSum: boolean): Tensor {
  return withoutSum ? mul(left, right) : sum(mul(left, permute(right, [0, 2, 1])), -1);
}

/** The dims in the order of `letters`, which are those of the operand. */
function ordered({ x, letters: present }: Lettered, letters: string): Lettered {
  if (present === letters) return { x, letters };
  return {
    x: permute(
      x,
      [...letters].map((letter) => present.indexOf(letter)),
    ),
    letters,
  };
}
