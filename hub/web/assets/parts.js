// Dialogs, copying, and what the hub says after something was done.
import htmx from "htmx.org";
import { toast, words } from "./dom.js";

document.addEventListener("click", async (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.dispatchEvent(new CustomEvent("wanted"));
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close();
  const toggler = event.target.closest("[data-toggles]");
  if (toggler) toggler.setAttribute("aria-expanded", String(document.getElementById(toggler.dataset.toggles).classList.toggle("shown")));
  const copier = event.target.closest("[data-copy]");
  if (copier) {
    await navigator.clipboard?.writeText(copier.dataset.copy);
    toast(words.copied, 2);
  }
  const link = event.target.closest("#choice [data-link]");
  if (link) {
    const form = link.closest("form");
    htmx.ajax("POST", link.dataset.link, { source: form, target: "#link-answer", values: Object.fromEntries(new FormData(form)) });
  }
});

// A dialog opens once its content has come and works: what is typed before htmx knows the fields would be lost.
document.addEventListener("htmx:afterSettle", (event) => {
  const dialog = event.detail.target;
  if (dialog.id !== "dialog") return;
  if (!dialog.open) dialog.showModal();
  const heading = dialog.querySelector("h2[id]");
  if (heading) dialog.setAttribute("aria-labelledby", heading.id);
  (dialog.querySelector("[aria-invalid=true]") ?? dialog.querySelector("[data-first]") ?? dialog.querySelector("input:not([type=hidden])"))?.focus();
});

document.addEventListener("htmx:responseError", (event) => {
  toast(event.detail.xhr.getResponseHeader("Content-Type")?.startsWith("text/html") ? plain(event.detail.xhr.responseText) : words.failed);
});
document.addEventListener("htmx:sendError", () => toast(words.failed));
document.addEventListener("said", (event) => toast(event.detail.value));

const plain = (html) => new DOMParser().parseFromString(html, "text/html").body.textContent.trim() || words.failed;

// Pages that measure themselves ask again every few seconds while somebody looks.
for (const element of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => {
    if (document.visibilityState === "visible" && !element.contains(document.activeElement)) htmx.trigger(element, "refresh");
  }, Number(element.dataset.refresh) * 1000);
}
