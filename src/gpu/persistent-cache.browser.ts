/** A key-value cache that outlives the page, in IndexedDB: workers have no localStorage. */

const STORE = "texts";

/** The text that was kept under a name, if any. */
export async function load(name: string): Promise<string | undefined> {
  const found: unknown = await request("readonly", (store) => store.get(name));
  return typeof found === "string" ? found : undefined;
}

/** Keeps a text under a name; throws where the page may not. */
export async function save(name: string, text: string): Promise<void> {
  await request("readwrite", (store) => store.put(text, name));
}

async function request<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open("gradwell", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    return await settled(ask(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
