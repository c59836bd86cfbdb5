// The inbox: choosing keeps the list where it is; the address follows.
import htmx from "htmx.org";
import { part, toast, words } from "./dom.js";

const inbox = document.querySelector("[data-inbox]");
const desk = document.getElementById("desk");
let asked = null;

async function open(row, push = true) {
  asked?.abort();
  asked = new AbortController();
  mark(row.dataset.id);
  try {
    const response = await part(row.getAttribute("href"), { signal: asked.signal });
    desk.innerHTML = await response.text();
    htmx.process(desk);
    inbox.classList.add("reading");
    if (push) history.pushState({ conversation: row.dataset.id }, "", row.getAttribute("href") + location.search);
    read();
  } catch (error) {
    if (error.name !== "AbortError") toast(words.failed);
  }
}

function mark(id) {
  for (const row of document.querySelectorAll("#shelf .conversation")) {
    const here = row.dataset.id === id;
    row.classList.toggle("selected", here);
    if (here) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

// The newest stands open, and in sight.
function read() {
  const entries = desk.querySelectorAll(".said > .entry");
  const last = entries[entries.length - 1];
  if (!last) return;
  last.open = true;
  if (entries.length > 1) last.scrollIntoView({ block: "start" });
}

function back() {
  inbox.classList.remove("reading");
  history.pushState({}, "", `/inbox${location.search}`);
  document.querySelector("#shelf .conversation.selected")?.focus();
}

if (inbox) {
  const wide = matchMedia("(min-width: 768px)");
  inbox.addEventListener("click", (event) => {
    const row = event.target.closest("#shelf a.conversation");
    if (row && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      open(row);
    }
    if (event.target.closest("[data-back]")) {
      event.preventDefault();
      back();
    }
  });
  let pause = 0;
  inbox.addEventListener("walked", (event) => {
    const row = event.target.closest("#shelf a.conversation");
    if (!row || !wide.matches) return;
    clearTimeout(pause);
    pause = setTimeout(() => open(row), 120);
  });
  addEventListener("popstate", () => {
    const id = location.pathname.match(/^\/inbox\/(\d+)$/)?.[1];
    const row = id && document.querySelector(`#shelf .conversation[data-id="${id}"]`);
    if (row) open(row, false);
    else if (id) location.reload();
    else inbox.classList.remove("reading"), mark("");
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "shelf") mark(desk.querySelector("[data-conversation]")?.dataset.conversation ?? "");
  });
  read();
}
