// What happens while a page stands open: a notice, never a shift.
import htmx from "htmx.org";
import { refresh as refreshCalls } from "./calls.js";
import { part, say, words } from "./dom.js";
import { on } from "./live.js";

const news = document.getElementById("news");
let fresh = "";

function notice(count) {
  if (!news) return;
  news.hidden = count === 0;
  news.firstElementChild.textContent = count === 1 ? words.newOne : say("newMany", { count });
}

// The same list as the hub has it now. Lines that are here already take their new words where they stand.
async function compare(path, list, line, id) {
  const box = document.createElement("template");
  box.innerHTML = await (await part(path)).text();
  fresh = box.innerHTML;
  let count = 0;
  for (const there of box.content.querySelectorAll(line)) {
    const here = list.querySelector(`${line}[${id}="${there.getAttribute(id)}"]`);
    if (!here) count += 1;
    else refresh(here, there);
  }
  return count;
}

function refresh(here, there) {
  const [mine, theirs] = [here.querySelector("summary") ?? here, there.querySelector("summary") ?? there];
  if (mine.innerText !== theirs.textContent && mine.innerHTML !== theirs.innerHTML) mine.innerHTML = theirs.innerHTML;
  if (!here.open) here.classList.toggle("waits", there.classList.contains("waits"));
}

const query = (form) => new URLSearchParams(new FormData(form)).toString();
const busy = () => document.querySelector("dialog[open]") || document.querySelector("main details.entry[open]");

const pages = {
  async people({ contacts = [] }) {
    const past = document.querySelector("[data-contact]");
    if (!past || !(contacts.includes(past.dataset.contact) || contacts.includes("*"))) return;
    const form = document.getElementById("filters");
    notice(await compare(`${form.getAttribute("hx-get")}?${query(form)}`, past, ".entry", "data-entry"));
  },
  calls: refreshCalls,
  async now() {
    if (busy()) return;
    const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html").querySelector(".now");
    const here = document.querySelector(".now");
    if (!page || here.contains(document.activeElement)) return;
    here.replaceChildren(...page.childNodes);
    htmx.process(here);
  },
};

let waiting = 0;
let gathered = {};
on("activity", ({ data }) => {
  for (const [name, ids] of Object.entries(data)) gathered[name] = [...(gathered[name] ?? []), ...ids];
  if (waiting) return;
  waiting = setTimeout(async () => {
    const told = gathered;
    gathered = {};
    waiting = 0;
    try {
      await pages[document.body.dataset.page]?.(told);
    } catch {
      // A hint that could not be followed: the next one comes, and reloading shows all.
    }
  }, 400);
});

news?.addEventListener("click", () => {
  const target = document.getElementById("stream");
  if (!fresh || !target) return;
  target.innerHTML = fresh;
  htmx.process(target);
  document.dispatchEvent(new CustomEvent("htmx:afterSwap", { detail: { target } }));
  window.scrollTo({ top: 0 });
  fresh = "";
  notice(0);
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id === "filters") notice(0);
});
