// Shows what is pushed to this browser, and opens what it is about. It keeps nothing and answers no request of a page.
const ICON = "/static/app-192.png";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => event.waitUntil(pushed(event.data)));

async function pushed(data) {
  let told = {};
  try {
    told = data.json();
  } catch {
    // Nothing that the hub has sent: browsers want something shown all the same.
  }
  const { tag = "hub", title = "hub", body = "", url = "/", severity = "", language = "", done = false } = told;
  await self.registration.showNotification(title, {
    tag,
    body,
    icon: ICON,
    lang: language,
    data: { url },
    silent: done,
    renotify: !done,
    requireInteraction: !done && severity === "urgent",
  });
  // Browsers want each push shown; one that says it is over has nothing to say after that.
  if (done) for (const shown of await self.registration.getNotifications({ tag })) shown.close();
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url));
});

async function open(url) {
  // The hub may be reached under another name than the one it tells: what counts is the path.
  const { pathname, search } = new URL(url || "/", self.location.href);
  const target = new URL(pathname + search, self.location.origin).href;
  const pages = await self.clients.matchAll({ type: "window" });
  const there = pages.find((page) => page.url === target) ?? pages.find((page) => page.focused) ?? pages[0];
  if (!there) return self.clients.openWindow(target);
  await there.focus();
  if (there.url !== target) await there.navigate(target);
}
