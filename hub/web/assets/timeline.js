// Lines that unfold where they stand, and mails in their frames.
import htmx from "htmx.org";

document.addEventListener(
  "toggle",
  (event) => {
    const entry = event.target.closest?.("details.entry");
    if (!entry || event.target !== entry || !entry.open || entry.dataset.loaded) return;
    entry.dataset.loaded = "yes";
    htmx.trigger(entry.querySelector(".unfolded"), "unfold");
  },
  true,
);

export function frames(root) {
  for (const frame of root.querySelectorAll?.("iframe[data-mail]:not([data-watched])") ?? []) {
    frame.dataset.watched = "yes";
    frame.addEventListener("load", () => fit(frame));
    if (frame.contentDocument?.readyState === "complete") fit(frame);
  }
}

// The frame has no scripts of its own; this page measures it.
function fit(frame) {
  const inside = frame.contentDocument;
  if (!inside?.body || frame.contentWindow.location.href === "about:blank") return;
  const measure = () => (frame.style.height = `${Math.max(40, inside.documentElement.offsetHeight)}px`);
  new ResizeObserver(measure).observe(inside.body);
  measure();
  const blocked = Number(inside.querySelector("meta[name=blocked]")?.content ?? 0);
  const bar = frame.parentElement.querySelector(".images");
  if (bar) bar.hidden = blocked === 0;
  inside.addEventListener("keydown", (event) => document.dispatchEvent(new KeyboardEvent("keydown", event)));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-images]");
  if (!button) return;
  const frame = button.closest(".paper").querySelector("iframe");
  frame.src = `${new URL(frame.src).pathname}?images=1`;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches?.("textarea[data-note]")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

document.addEventListener("htmx:afterSettle", (event) => frames(event.detail.elt.parentElement ?? document));
frames(document);
