/** Outputs of captured functions are right or throw, however long they are kept: as in the same program eager. */
import { describe, expect, it } from "vitest";
import {
  ArgumentError,
  CaptureError,
  capture,
  DisposedError,
  keep,
  nn,
  noGrad,
  optim,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

/** Just above and just at what is copied. */
const [LARGE, SMALL] = [16 * 1024 + 1, 16 * 1024];

const trainer = () => {
  const model = new nn.Linear(3, 1);
  model.weight.fill_(1);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  return (x: Tensor): Tensor => {
    optimizer.zeroGrad();
    const loss = model.forward(x).square().mean();
    loss.backward();
    optimizer.step();
    return loss;
  };
};

describe("small outputs are new tensors at each call", () => {
  it("losses pushed in a loop and read at its end are those of their steps", async () => {
    const x = randn([4, 3]);
    const read = async (step: (x: Tensor) => Tensor) => {
      const values: number[] = [];
      for (let i = 0; i < 150; i++) values.push(await step(x).item());
      return values;
    };
    const losses: Tensor[] = [];
    const step = capture(trainer());
    for (let i = 0; i < 150; i++) losses.push(step(x));
    const kept = await Promise.all(losses.map((loss) => loss.item()));
    expect(kept).toEqual(await read(trainer()));
    expect(new Set(kept).size).toBeGreaterThan(10);
  });

  it("keep, detach, views and differences of them have their values", async () => {
    const f = capture((x: Tensor) => x.mul(2));
    const first = f(tensor([1, 2]));
    const [kept, view] = [keep(first.detach()), first.narrow(0, 1, 1)];
    const later = f(tensor([10, 20]));
    expect(await first.sub(later).tolist()).toEqual([-18, -36]);
    expect(await kept.tolist()).toEqual([2, 4]);
    expect(await view.tolist()).toEqual([4]);
  });

  it("they may have up to 64 KiB, in any dtype and layout", async () => {
    const f = capture((x: Tensor) => ({
      whole: x.mul(2),
      turned: x
        .mul(3)
        .reshape([2, SMALL / 2])
        .t(),
      bool: x.gt(1),
      empty: x.narrow(0, 0, 0).mul(1),
    }));
    const all = [1, 2, 3].map((value) => f(zeros([SMALL]).add(value)));
    for (const [i, { whole, turned, bool, empty }] of all.entries()) {
      expect((await whole.data())[SMALL - 1]).toBe(2 * (i + 1));
      expect(turned.shape).toEqual([SMALL / 2, 2]);
      expect((await turned.data())[5]).toBe(3 * (i + 1));
      expect((await bool.data())[7]).toBe(i > 0 ? 1 : 0);
      expect(await empty.tolist()).toEqual([]);
    }
  });

  it("they may be a small part of something large", async () => {
    const f = capture((x: Tensor) => {
      const y = x.mul(2).reshape([LARGE, 1]).expand([LARGE, 8]).add(0);
      return [y.narrow(1, 3, 1).narrow(0, 0, 4), y.narrow(0, LARGE - 1, 1), y] as const;
    });
    const [column, row, whole] = f(zeros([LARGE]).add(1));
    const [column2, row2] = f(zeros([LARGE]).add(2));
    expect(await column.tolist()).toEqual([[2], [2], [2], [2]]);
    expect(await row.tolist()).toEqual([[2, 2, 2, 2, 2, 2, 2, 2]]);
    expect(await column2.tolist()).toEqual([[4], [4], [4], [4]]);
    expect((await row2.data())[0]).toBe(4);
    await expect(whole.data()).rejects.toThrow(DisposedError);
  });

  it("their handles can be disposed, scoped and left alone", async () => {
    const f = capture((x: Tensor) => x.mul(2));
    const before = device.memory().tensors;
    for (let i = 0; i < 200; i++) f(tensor([i])).dispose();
    const kept = scope(() => {
      f(tensor([1]));
      return f(tensor([3]));
    });
    expect(await kept.item()).toBe(6);
    expect(device.memory().tensors - before).toBeLessThanOrEqual(203);
    f.dispose();
    expect(await kept.item()).toBe(6);
  });
});

describe("large outputs are overwritten by the next call, and then older handles throw", () => {
  const WHY = /overwritten by the next call of the captured function; clone\(\) it before/;
  const f = capture((x: Tensor) => x.expand([LARGE]).mul(2));

  it("all views of them throw too", async () => {
    const first = f(tensor([1]));
    const [view, copy] = [first.narrow(0, 0, 2).detach(), first.clone()];
    const reading = first.narrow(0, 0, 1).data();
    const second = f(tensor([2]));
    expect(() => first.add(1)).toThrow(WHY);
    await expect(first.data()).rejects.toThrow(WHY);
    expect(() => view.mul(2)).toThrow(WHY);
    expect((await reading)[0]).toBe(2);
    expect((await copy.data())[0]).toBe(2);
    expect((await second.data())[LARGE - 1]).toBe(4);
  });

  it("they throw in a graph that is walked later", () => {
    const w = tensor([1], { requiresGrad: true });
    const loss = f(tensor([1]))
      .mul(w)
      .sum();
    f(tensor([2]));
    expect(() => loss.backward()).toThrow(WHY);
  });

  it("passed as the next argument they are read in time", async () => {
    const next = capture((h: Tensor) => h.add(1));
    let h = zeros([LARGE]);
    for (let i = 0; i < 5; i++) h = next(h);
    expect((await h.data())[LARGE - 1]).toBe(5);
  });

  it("another recording of the function does not overwrite them", async () => {
    const one = f(tensor([3]));
    const g = f(tensor(Float32Array.of(1, 1).subarray(1)));
    expect((await g.data())[0]).toBe(2);
    await expect(one.data()).rejects.toThrow(WHY);
  });
});

describe("outputs relate to each other and to the arguments as in eager mode", () => {
  const both = async (f: (x: Tensor) => unknown, look: (result: never, x: Tensor) => unknown) => {
    const captured = capture(f as (x: Tensor) => Tensor);
    for (let i = 1; i <= 3; i++) {
      const x = tensor([i, 2 * i, 3 * i, 4 * i]).reshape([2, 2]);
      const seen = await look(captured(x) as never, x);
      expect(seen).toEqual(await look(f(x) as never, x));
    }
  };

  it("the same tensor twice is the same tensor", async () => {
    const f = (x: Tensor) => {
      const y = x.mul(2);
      return { a: y, list: [y, new Map([["k", y]])] };
    };
    await both(f, async ({ a, list }: { a: Tensor; list: [Tensor, Map<string, Tensor>] }) => [
      a === list[0],
      a === list[1].get("k"),
      await a.tolist(),
    ]);
  });

  it("views of one tensor share its memory", async () => {
    const f = (x: Tensor) => {
      const y = x.mul(2);
      return [y, y.t(), y.narrow(0, 1, 1)];
    };
    await both(f, async ([y, turned, row]: [Tensor, Tensor, Tensor]) => {
      y.narrow(0, 1, 1).fill_(9);
      return [await y.tolist(), await turned.tolist(), await row.tolist()];
    });
  });

  it("an argument is itself, a view of it a view of the caller's", async () => {
    await both(
      (x) => [x, x.t(), x.detach()],
      async ([same, turned, detached]: [Tensor, Tensor, Tensor], x: Tensor) => {
        x.narrow(0, 0, 1).fill_(7);
        return [same === x, await turned.tolist(), await detached.tolist()];
      },
    );
  });

  it("a view of an argument with gaps has its values", async () => {
    const f = capture((x: Tensor) => x.t());
    const base = tensor([1, 2, 3, 4, 5, 6]).reshape([2, 3]);
    for (const at of [0, 1])
      expect(await f(base.narrow(1, at, 2)).tolist()).toEqual(await base.narrow(1, at, 2).t().tolist());
  });

  it("a tensor that was there before is itself, a view of it a view", async () => {
    const w = tensor([1, 2, 3, 4]).reshape([2, 2]);
    await both(
      () => [w, w.t(), "text", 3, null, undefined],
      async ([same, turned, ...rest]: [Tensor, Tensor, ...unknown[]], x: Tensor) => {
        w.copy_(x);
        return [same === w, await turned.tolist(), rest];
      },
    );
  });

  it("a gradient is the one of the leaf", async () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const f = capture((x: Tensor) => {
      w.grad = null;
      w.mul(x).sum().backward();
      return w.grad as unknown as Tensor;
    });
    for (let i = 1; i < 4; i++) {
      const grad = f(tensor([i, 2 * i]));
      expect(grad === w.grad).toBe(true);
      expect(await grad.tolist()).toEqual([i, 2 * i]);
    }
  });

  it("cyclic results and Sets work too, with new containers in each call", async () => {
    const f = capture((x: Tensor) => {
      const result = { set: new Set([x.mul(2)]), at: new Date(5), self: undefined as unknown };
      result.self = result;
      return result;
    });
    const [first, second] = [f(tensor([1])), f(tensor([2]))];
    expect(first.self).toBe(first);
    expect(second.set).not.toBe(first.set);
    expect(await [...first.set][0]?.tolist()).toEqual([2]);
    expect(await [...second.set][0]?.tolist()).toEqual([4]);
  });
});

describe("capture refuses what no replay could return", () => {
  it("a tensor in an instance of a class", () => {
    class Result {
      readonly loss: Tensor;
      constructor(loss: Tensor) {
        this.loss = loss;
      }
    }
    expect(() => capture((x: Tensor) => ({ out: new Result(x.mul(2)) }))(zeros([1]))).toThrow(
      /result\.out is an instance of Result with a tensor in it/,
    );
    expect(() => capture((x: Tensor) => new Result(x.mul(2)))(zeros([1]))).toThrow(CaptureError);
  });

  it("a read of a tensor that was created inside and not returned", async () => {
    const made: Tensor[] = [];
    const f = capture((x: Tensor) => {
      made.push(x.mul(2));
      return x.mul(3);
    });
    f(zeros([1]));
    await expect(made[0]?.data()).rejects.toThrow(/made inside a captured function, which keeps only what it returns/);
  });

  it("backward through an output", () => {
    const w = tensor([2], { requiresGrad: true });
    const step = capture(trainer());
    for (let i = 0; i < 2; i++) {
      expect(() => step(randn([4, 3])).backward()).toThrow(ArgumentError);
      expect(() => step(randn([4, 3])).backward()).toThrow(
        /output of a captured function, which has no graph; call backward\(\) inside/,
      );
    }
    const forward = capture((x: Tensor) => x.mul(w));
    for (let i = 0; i < 2; i++) {
      expect(() => forward(zeros([1])).backward()).toThrow(/output of a captured function/);
      // Its parameter would be left out of the gradient without a word.
      expect(() =>
        forward(zeros([1]))
          .mul(w)
          .sum()
          .backward(),
      ).toThrow(/output of a captured function/);
    }
    forward(zeros([1]))
      .detach()
      .mul(w)
      .sum()
      .backward();
    const plain = capture((x: Tensor) => noGrad(() => x.mul(w)));
    plain(zeros([1]))
      .mul(w)
      .sum()
      .backward();
  });
});
