/** The option check: what a replay cannot know is found, and named. */
import { describe, expect, it } from "vitest";
import { capture, nn, optim, randn, type Tensor, tensor } from "../../src/index.ts";
import { testDevice } from "../support/device.ts";

await testDevice();

const trainer = (before: (optimizer: optim.SGD) => void) => {
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.ReLU(), new nn.Linear(4, 2));
  // Gives the parameters their paths as labels.
  model.namedParameters();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const step = capture(
    (x: Tensor) => {
      before(optimizer);
      optimizer.zeroGrad();
      const loss = model.forward(x).square().mean();
      loss.backward();
      optimizer.step();
      return { loss };
    },
    { check: true },
  );
  return step;
};

/** Calls until a read throws, and gives the message. */
async function found(call: () => Tensor): Promise<string> {
  for (let i = 0; i < 3; i++) {
    try {
      await call().data();
    } catch (error) {
      return (error as Error).message;
    }
  }
  return "nothing";
}

describe("check finds and names", () => {
  it("a rate that is changed inside", async () => {
    const step = trainer(({ paramGroups }) => {
      (paramGroups[0] as { lr: number }).lr *= 0.5;
    });
    const x = randn([5, 3]);
    expect(await found(() => step(x).loss)).toMatch(
      /differs from an eager run in parameter '\d\.(weight|bias)', made by 'sgd/,
    );
  });

  it("a schedule by a counter of the host", async () => {
    let n = 0;
    const step = trainer(({ paramGroups }) => {
      (paramGroups[0] as { lr: number }).lr = 0.1 * 0.9 ** n++;
    });
    const x = randn([5, 3]);
    expect(await found(() => step(x).loss)).toMatch(/parameter '\d\.(weight|bias)'/);
  });

  it("a factor that changes, by the path of the output", async () => {
    let factor = 1;
    const f = capture((x: Tensor) => ({ a: [x.add(1)], b: { c: x.mul(factor++) } }), { check: true });
    const message = await found(() => f(tensor([1, 2])).b.c);
    expect(message).toMatch(/differs from an eager run in result\.b\.c, made by 'mul', first seen at word \d/);
  });

  it("a tensor outside that is written", async () => {
    const [state, other] = [tensor([0, 0]), tensor([1, 1])];
    let n = 0;
    const f = capture(
      (x: Tensor) => {
        state.copy_(n++ > 0 ? other : x);
        return x.mul(2);
      },
      { check: true },
    );
    expect(await found(() => f(tensor([5, 6])))).toMatch(
      /differs from an eager run in a buffer of \d+ bytes, made by '/,
    );
  });

  it("a number in the result that changes", () => {
    let n = 0;
    const f = capture((x: Tensor) => ({ y: x.mul(2), count: n++ }), { check: true });
    f(tensor([1]));
    expect(() => f(tensor([1]))).toThrow(/result\.count: 0 was recorded, now it is 1/);
  });
});

it("a step that depends on its arguments alone passes, and so does one with a schedule and random numbers", async () => {
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.Dropout(0.5), new nn.Linear(4, 2));
  const optimizer = new optim.AdamW(model.parameters(), {
    lr: optim.schedule.cosine({ peak: 0.1, warmup: 2, total: 9 }),
  });
  const step = capture(
    (x: Tensor, list: Tensor[]) => {
      optimizer.zeroGrad();
      const loss = model.forward(x).square().mean();
      loss.backward();
      optimizer.step();
      return new Map<string, unknown>([
        ["loss", loss],
        ["same", list[0]],
        ["size", 3],
      ]);
    },
    { check: true },
  );
  for (let i = 0; i < 4; i++) {
    const result = step(randn([5, 3]), [tensor([i])]);
    expect(await (result.get("same") as Tensor).tolist()).toEqual([i]);
    expect(Number.isFinite(await (result.get("loss") as Tensor).item())).toBe(true);
  }
});
