/** Learns XOR in a captured training step. Takes the library, so that one program fits every way of loading it. */
export async function train({ capture, data, init, nn, optim, tensor }) {
  const device = await init({ seed: 1 });
  const x = tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]);
  const y = tensor([0, 1, 1, 0], { dtype: "i32" });
  const model = new nn.Sequential(new nn.Linear(2, 16), new nn.ReLU(), new nn.Linear(16, 2));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
  const step = capture((images, labels) => {
    optimizer.zeroGrad();
    const loss = nn.crossEntropy(model.forward(images), labels);
    loss.backward();
    optimizer.step();
    return loss;
  });
  const losses = [];
  for (let epoch = 0; epoch < 60; epoch++) {
    for (const [images, labels] of new data.DataLoader([x, y], { batchSize: 4, shuffle: true, seed: epoch })) {
      losses.push(await step(images, labels).item());
    }
  }
  const { description, isSoftware } = device.info;
  await device.close();
  return { first: losses[0], last: losses[losses.length - 1], description, isSoftware };
}
