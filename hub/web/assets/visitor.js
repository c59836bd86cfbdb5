// The pages for strangers. The form works without this; with it, two clicks are one, and the site around it learns how
// high it is. The chat needs it.
import { chat } from "./visitor-chat.js";

const embedded = window.parent !== window;

// Once sent, a form is not sent again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));

const place = document.querySelector("[data-chat]");
if (place) chat(place);
else if (embedded) {
  const tell = () => window.parent.postMessage({ form: "height", height: document.documentElement.scrollHeight }, "*");
  tell();
  new ResizeObserver(tell).observe(document.body);
}
