const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
globalThis.result = new Promise((resolve) => {
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => resolve({ error: message });
});
