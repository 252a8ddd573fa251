import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";

await testDevice();

// tanh's slope is 1 - y*y: for |x| = 5 what cancels is a third of a unit in the last place of 1.
await goldenSuite("ops_unary", { rtol: 3e-6, atol: 1e-7, looser: { tanh: { atol: 2e-7 } } });
