/** Einstein sums of one or two operands, by permuting, multiplying matrices and summing. */
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { eye } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { mul } from "./binary.ts";
import { matmul } from "./matmul.ts";
import { permute, reshape } from "./movement.ts";
import { sum } from "./reduce.ts";

/** An operand and the letter of each of its dims. */
interface Lettered {
  readonly x: Tensor;
  readonly letters: string;
}

/** The sums that an equation such as `"bij,bjk->bik"` names: letters without `->` part are summed as in NumPy. */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  const { inputs, output } = parse(equation, operands);
  const sizes = sizesOf(inputs);
  const [a, b] = inputs.map(withoutRepeats);
  if (!a) throw new ArgumentError(expected("einsum", "operands", "one or two tensors", operands.length));
  const others = (one: Lettered | undefined) => (one?.letters ?? "") + output;
  const left = summed(a, others(b));
  const result = b ? product(left, summed(b, left.letters + output), output, sizes) : left;
  return ordered(result, output).x;
}

function parse(equation: string, operands: readonly Tensor[]): { inputs: Lettered[]; output: string } {
  const match = /^([a-zA-Z,]*)(->([a-zA-Z]*))?$/.exec(equation.replaceAll(" ", ""));
  check(match, ArgumentError, () => expected("einsum", "equation", "letters, commas and at most one '->'", equation));
  const terms = (match[1] ?? "").split(",");
  check(terms.length === operands.length && terms.length <= 2, ArgumentError, () =>
    expected("einsum", "operands", `${Math.min(terms.length, 2)} tensors for '${equation}'`, operands.length),
  );
  const all = terms.join("");
  const once = [...new Set(all)].filter((letter) => all.split(letter).length === 2).sort();
  const output = match[2] === undefined ? once.join("") : (match[3] ?? "");
  check(
    [...output].every((letter, i) => all.includes(letter) && output.indexOf(letter) === i),
    ArgumentError,
    () => expected("einsum", "equation", "an output of letters that the inputs have, each once", equation),
  );
  const inputs = operands.map((x, i) => ({ x, letters: terms[i] as string }));
  for (const { x, letters } of inputs) {
    check(letters.length === x.ndim, ShapeError, () =>
      expected("einsum", `operand '${letters}'`, `${letters.length} dims`, x),
    );
  }
  return { inputs, output };
}

function sizesOf(inputs: readonly Lettered[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { x, letters } of inputs) {
    [...letters].forEach((letter, i) => {
      const size = x.shape[i] as number;
      const known = sizes.get(letter) ?? size;
      check(known === size, ShapeError, () => `einsum: letter '${letter}' expected size ${known}, got ${size}`);
      sizes.set(letter, size);
    });
  }
  return sizes;
}

/** The diagonal over letters that an operand has twice. */
function withoutRepeats({ x, letters }: Lettered): Lettered {
  const at = [...letters].findIndex((letter, i) => letters.indexOf(letter) < i);
  if (at < 0) return { x, letters };
  const first = letters.indexOf(letters[at] as string);
  const size = x.shape[at] as number;
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

/** Both operands as matrices batched over the letters that all three have. */
function product(a: Lettered, b: Lettered, output: string, sizes: ReadonlyMap<string, number>): Lettered {
  const pick = (from: string, keep: (letter: string) => boolean) => [...from].filter(keep).join("");
  const batch = pick(a.letters, (letter) => b.letters.includes(letter) && output.includes(letter));
  const shared = pick(a.letters, (letter) => b.letters.includes(letter) && !output.includes(letter));
  const rows = pick(a.letters, (letter) => !b.letters.includes(letter));
  const columns = pick(b.letters, (letter) => !a.letters.includes(letter));
  const count = (letters: string) => [...letters].reduce((size, letter) => size * (sizes.get(letter) as number), 1);
  const shape = (letters: string) => [...letters].map((letter) => sizes.get(letter) as number);
  const group = (one: Lettered, second: string, third: string) =>
    reshape(ordered(one, batch + second + third).x, [count(batch), count(second), count(third)]);
  const [left, right] = [group(a, rows, shared), group(b, shared, columns)];
  const outer = shared === "" || (rows === "" && columns === "");
  // Without a sum, or with nothing but sums, multiplying elements moves less than a matrix product of width 1.
  const y = outer ? elementProduct(left, right, shared === "") : matmul(left, right);
  return { x: reshape(y, shape(batch + rows + columns)), letters: batch + rows + columns };
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
