/*
 * Keeps the page itself on the device, so that the board opens without its server. Data is the client's business: nothing
 * of `/sync` or `/demo` comes by here. SHELL is put in front of this file by the build: { version, files }.
 */
const CACHE = `tidelock-board-${SHELL.version}`;

addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(SHELL.files);
    await skipWaiting();
  };
  event.waitUntil(keep());
});

addEventListener("activate", (event) => {
  const takeOver = async () => {
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith("tidelock-board-") && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await clients.claim();
  };
  event.waitUntil(takeOver());
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && pathname === "/") event.respondWith(newestPage(request));
  else if (SHELL.files.includes(pathname)) event.respondWith(keptFile(request));
});

/** The server's page while there is one: it may be a newer one. */
async function newestPage(request) {
  try {
    return await fetch(request);
  } catch {
    return (await caches.match("/")) ?? Response.error();
  }
}

async function keptFile(request) {
  return (await caches.match(request)) ?? fetch(request);
}
