/** backward() and grad() on a graph: accumulate, free, retain, and say what went wrong. */
import { describe, expect, it } from "vitest";
import {
  add,
  cat,
  DisposedError,
  defineOp,
  detach,
  expand,
  grad,
  isGradEnabled,
  mul,
  noGrad,
  ones,
  reshape,
  split,
  square,
  sum,
  type Tensor,
  tensor,
  transpose,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const leaf = (data: number[] | number[][]) => tensor(data, { requiresGrad: true });
const list = async (x: Tensor | null) => [...(await (x as Tensor).data())];

describe("backward", () => {
  it("adds into grad, call after call", async () => {
    const x = leaf([1, 2, 3]);
    sum(square(x)).backward();
    expect(await list(x.grad)).toEqual([2, 4, 6]);
    sum(mul(x, 10)).backward();
    expect(await list(x.grad)).toEqual([12, 14, 16]);
    x.grad = null;
    sum(x).backward();
    expect(await list(x.grad)).toEqual([1, 1, 1]);
  });

  it("of the mean of unequal parts equals that of the whole, weighted by their counts", async () => {
    const data = [0.5, -1, 2, 3, -2, 1, 4];
    const w = leaf([1.5]);
    const loss = (values: number[]) => sum(square(mul(w, tensor(values))));
    loss(data).div(7).backward();
    const whole = await w.grad?.item();
    w.grad = null;
    for (const part of [data.slice(0, 3), data.slice(3)]) loss(part).div(7).backward();
    expect(await (w.grad as unknown as Tensor).item()).toBeCloseTo(whole as number, 5);
  });

  it("sums over all the ways that a tensor was used", async () => {
    const x = leaf([1, 2]);
    const y = mul(x, 3);
    sum(add(mul(y, y), add(y, x))).backward();
    expect(await list(x.grad)).toEqual([18 + 4, 36 + 4]);
  });

  it("takes the gradient of an output that is no scalar", async () => {
    const x = leaf([1, 2]);
    square(x).backward(tensor([10, 100]));
    expect(await list(x.grad)).toEqual([20, 400]);
    expect(() => square(x).backward()).toThrow(/gradient for an output of shape \[2\]/);
    expect(() => square(x).backward(ones([3]))).toThrow(/\[2\].*\[3\]/);
  });

  it("gives leaves of their own memory even where the gradient was an expanded view or shared", async () => {
    const [x, y] = [
      leaf([
        [1, 2],
        [3, 4],
      ]),
      leaf([
        [5, 6],
        [7, 8],
      ]),
    ];
    sum(add(x, y)).backward();
    x.grad?.fill_(7);
    expect(await list(y.grad)).toEqual([1, 1, 1, 1]);
    expect(x.grad?.isContiguous).toBe(true);
  });

  it("throws when called a second time, and says what keeps the graph", () => {
    const x = leaf([1, 2]);
    const loss = sum(square(x));
    loss.backward();
    expect(() => loss.backward()).toThrow(DisposedError);
    expect(() => loss.backward()).toThrow(/retainGraph: true/);
  });

  it("throws where a part of the graph was freed", () => {
    const x = leaf([1, 2]);
    const shared = square(x);
    sum(shared).backward();
    expect(() => sum(mul(shared, 2)).backward()).toThrow(/freed by an earlier backward/);
  });

  it("walks a retained graph again with the same result", async () => {
    const x = leaf([1, 2]);
    const loss = sum(square(mul(x, 2)));
    loss.backward(undefined, { retainGraph: true });
    const once = await list(x.grad);
    loss.backward();
    expect(await list(x.grad)).toEqual(once.map((one) => 2 * one));
  });

  it("refuses a tensor that depends on no differentiable input", () => {
    expect(() => sum(tensor([1])).backward()).toThrow(/requiresGrad/);
    const x = leaf([1]);
    expect(() => noGrad(() => square(x)).backward()).toThrow(/requiresGrad/);
    expect(() => detach(square(x)).backward()).toThrow(/requiresGrad/);
  });

  it("goes through views of one tensor, and through a split of which only some parts are used", async () => {
    const x = leaf([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const [left, , right] = split(transpose(x, 0, 1), 1, 0) as [Tensor, Tensor, Tensor];
    sum(mul(cat([left, right]), expand(reshape(right, [2]), [2, 2]))).backward();
    // sum over rows of (first + last) * last
    expect(await list(x.grad)).toEqual([3, 0, 1 + 6, 6, 0, 4 + 12]);
  });
});

describe("grad", () => {
  it("leaves grad alone, works for tensors inside the graph, and keeps their order", async () => {
    const [x, y] = [leaf([2]), leaf([3])];
    const product = mul(x, y);
    const [byProduct, byY, byX] = grad(square(product), [product, y, x]) as [Tensor, Tensor, Tensor];
    expect([await byProduct.item(), await byY.item(), await byX.item()]).toEqual([12, 24, 36]);
    expect([x.grad, y.grad]).toEqual([null, null]);
  });

  it("of several outputs is weighted by their gradOutputs", async () => {
    const x = leaf([1, 2]);
    const outputs = [square(x), mul(x, 3)];
    const [gradient] = grad(outputs, [x], { gradOutputs: [tensor([1, 10]), tensor([100, 1000])] });
    expect(await list(gradient as Tensor)).toEqual([302, 3040]);
  });

  it("names an input that the outputs do not depend on, or gives null", async () => {
    const [x, unused] = [leaf([1]), leaf([1])];
    unused.label = "head.weight";
    expect(() => grad(square(x), [x, unused])).toThrow(/head\.weight/);
    const [byX, byUnused] = grad(square(x), [x, unused], { allowUnused: true }) as [Tensor, Tensor | null];
    expect(await byX.item()).toBe(2);
    expect(byUnused).toBeNull();
    expect(() => grad(square(x), [tensor([1])])).toThrow(/requiresGrad/);
  });

  it("differentiates to the third order", async () => {
    const x = leaf([2]);
    const [first] = grad(x.pow(4), [x], { createGraph: true }) as [Tensor];
    const [second] = grad(first, [x], { createGraph: true }) as [Tensor];
    const [third] = grad(second, [x]) as [Tensor];
    expect([await first.item(), await second.item(), await third.item()]).toEqual([32, 48, 48]);
  });

  it("can be part of a loss", async () => {
    const x = leaf([1, 2]);
    const [gradient] = grad(sum(x.pow(3)), [x], { createGraph: true }) as [Tensor];
    sum(square(gradient)).backward();
    // (3 x^2)^2 = 9 x^4
    expect(await list(x.grad)).toEqual([36, 288]);
  });
});

it("noGrad ends with its function, also when that throws", () => {
  expect(noGrad(isGradEnabled)).toBe(false);
  expect(isGradEnabled()).toBe(true);
  expect(() =>
    noGrad(() => {
      throw new Error("inside");
    }),
  ).toThrow("inside");
  expect(isGradEnabled()).toBe(true);
});

it("a user-defined op gives undefined for inputs without gradient, and may have several outputs", async () => {
  const twice = defineOp({
    name: "twice",
    forward: (_, [x]: [Tensor]) => [mul(detach(x), 2), mul(detach(x), 3)],
    backward: (_, a?: Tensor, b?: Tensor) => [a && b ? add(mul(a, 2), mul(b, 3)) : mul((a ?? b) as Tensor, a ? 2 : 3)],
  });
  const x = leaf([1, 2]);
  const outputs = twice([x]) as unknown as Tensor[];
  sum(outputs[1] as Tensor).backward(undefined, { retainGraph: true });
  expect(await list(x.grad)).toEqual([3, 3]);
  sum(add(outputs[0] as Tensor, outputs[1] as Tensor)).backward();
  expect(await list(x.grad)).toEqual([8, 8]);
});
