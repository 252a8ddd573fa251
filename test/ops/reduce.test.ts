import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { runningSums, sums } from "../support/tolerance.ts";

await testDevice();

await goldenSuite("ops_reduce", { ...sums, looser: { cumsum: runningSums } });
