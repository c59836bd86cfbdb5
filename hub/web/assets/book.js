// The public booking pages work without this. With it, days and months change in place, times are those of the visitor's
// own zone from the first look on, and "n" goes to the next free time.
const main = () => document.querySelector("[data-book]");
document.body.classList.add("scripted");

async function swap(url, push = true) {
  const sheet = main();
  sheet.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { headers: { "X-Fragment": "1" }, credentials: "omit" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-book]");
    if (!fresh) throw new Error("no page");
    const at = focusPath();
    sheet.replaceChildren(...fresh.childNodes);
    if (push) history.pushState({}, "", url);
    restore(at);
    tell();
  } catch {
    location.assign(url);
  } finally {
    main().removeAttribute("aria-busy");
  }
}

// What had the focus has it again after the page changed around it: by its label, or its place.
function focusPath() {
  const at = document.activeElement;
  return at?.closest("[data-book]") ? { label: at.getAttribute("aria-label"), id: at.id, text: at.textContent } : null;
}

function restore(at) {
  if (!at) return;
  const same = [...main().querySelectorAll("a, button, select, input")].find(
    (each) => (at.id && each.id === at.id) || (at.label && each.getAttribute("aria-label") === at.label) || (!at.id && !at.label && each.textContent === at.text),
  );
  same?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  swap(link.href);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-zone]")) {
    const url = new URL(location.href);
    url.searchParams.set("zone", event.target.value);
    swap(url.href);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "n" || event.metaKey || event.ctrlKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const next = document.querySelector("[data-next]");
  if (next) {
    event.preventDefault();
    swap(next.href).then(() => document.querySelector(".times button")?.focus());
  }
});

window.addEventListener("popstate", () => swap(location.href, false));

// Once sent, a form is not sent again: two clicks on a time are one wish.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});
window.addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));

// The visitor's own zone, where the address does not name one.
const url = new URL(location.href);
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
const select = document.querySelector("[data-zone]");
if (select && own && !url.searchParams.has("zone") && select.value !== own) {
  url.searchParams.set("zone", own);
  history.replaceState({}, "", url.href);
  swap(url.href, false);
}

// Within another site's page: tell it how high this one is.
function tell() {
  if (window.parent !== window) window.parent.postMessage({ booking: "height", height: document.documentElement.scrollHeight }, "*");
}
tell();
new ResizeObserver(tell).observe(document.body);
