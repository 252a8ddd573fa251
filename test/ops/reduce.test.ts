import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";

await testDevice();

// Running sums of 131 numbers are added one after the other: up to 131 roundings.
await goldenSuite("ops_reduce", { rtol: 5e-6, atol: 1e-6, looser: { cumsum: { atol: 5e-6 } } });
