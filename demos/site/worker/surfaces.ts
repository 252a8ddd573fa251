/** The surfaces of two parameters as the library's operations. Pages paint them by `heightOf` in shared/surfaces.ts. */
import type { Tensor } from "gradwell";
import type { SurfaceName } from "../shared/protocol.ts";
import { ROSENBROCK, SADDLE } from "../shared/surfaces.ts";

/** The loss at w = (x, y). */
export function lossOf(surface: SurfaceName, condition: number, w: Tensor): Tensor {
  const [x, y] = [w.narrow(0, 0, 1), w.narrow(0, 1, 1)];
  switch (surface) {
    case "quadratic":
      return x.square().add(y.square().mul(condition)).mul(0.5).sum();
    case "rosenbrock":
      return x.neg().add(1).square().add(y.sub(x.square()).square().mul(ROSENBROCK)).sum();
    case "saddle":
      return x.square().sub(y.square()).mul(0.5).add(y.square().square().mul(SADDLE)).sum();
  }
}
