/** assertClose: compares two results up to rounding and names the element that is furthest off. */
import { elementAt } from "../elements.ts";
import { readData } from "../tensor/readback.ts";
import { sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { AssertionError } from "./failure.ts";
import { type FlatValues, flat, type HostValues, indexOf } from "./values.ts";

export interface CloseOptions {
  /** Allowed difference, whatever the size of the value. Default 1e-5. */
  atol?: number;
  /** Allowed difference per size of the expected value. Default 1.3e-6. */
  rtol?: number;
  /** NaN equals NaN. Default false. */
  equalNan?: boolean;
}

/**
 * Throws an AssertionError unless every element has `|actual - expected| <= atol + rtol * |expected|`; infinities must
 * be equal. Takes tensors, typed arrays, and numbers in nested arrays, which must agree in shape (a typed array in the
 * number of its elements). With a tensor among them the result is a promise: await it.
 */
export function assertClose(actual: Tensor, expected: Tensor | HostValues, options?: CloseOptions): Promise<void>;
export function assertClose(actual: HostValues, expected: Tensor, options?: CloseOptions): Promise<void>;
export function assertClose(actual: HostValues, expected: HostValues, options?: CloseOptions): void;
export function assertClose(
  actual: Tensor | HostValues,
  expected: Tensor | HostValues,
  options: CloseOptions = {},
): Promise<void> | void {
  if (!(actual instanceof Tensor || expected instanceof Tensor)) {
    compare(flat("actual", actual), flat("expected", expected), options);
    return;
  }
  return Promise.all([read("actual", actual), read("expected", expected)]).then(([a, e]) => compare(a, e, options));
}

async function read(argument: string, value: Tensor | HostValues): Promise<FlatValues> {
  if (!(value instanceof Tensor)) return flat(argument, value);
  const { shape } = value;
  return { data: await readData(value), shape };
}

function compare(actual: FlatValues, expected: FlatValues, options: CloseOptions): void {
  const { atol = 1e-5, rtol = 1.3e-6, equalNan = false } = options;
  const size = expected.data.length;
  const fits =
    actual.data.length === size && (!actual.shape || !expected.shape || sameShape(actual.shape, expected.shape));
  if (!fits) throw new AssertionError(`assertClose: expected ${nameOf(expected)}, got ${nameOf(actual)}`);
  let [wrong, worst, worstExcess] = [0, -1, -1];
  for (let i = 0; i < size; i++) {
    const [a, e] = [elementAt(actual.data, i), elementAt(expected.data, i)];
    if (a === e || (equalNan && Number.isNaN(a) && Number.isNaN(e))) continue;
    const difference = Math.abs(a - e);
    const allowed = atol + rtol * Math.abs(e);
    if (difference <= allowed && Number.isFinite(e)) continue;
    wrong++;
    const excess = Number.isFinite(difference) ? difference - allowed : Number.MAX_VALUE;
    if (excess > worstExcess) [worst, worstExcess] = [i, excess];
  }
  if (wrong === 0) return;
  const [a, e] = [elementAt(actual.data, worst), elementAt(expected.data, worst)];
  throw new AssertionError(
    `assertClose: ${wrong} of ${size} elements differ; the worst at ${indexOf(worst, expected.shape ?? actual.shape, size)}: ` +
      `got ${a}, expected ${e}, difference ${Math.abs(a - e)} > ${atol + rtol * Math.abs(e)} (atol ${atol}, rtol ${rtol})`,
  );
}

const nameOf = ({ shape, data }: FlatValues): string => (shape ? `shape [${shape}]` : `${data.length} elements`);
