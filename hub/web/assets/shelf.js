// The list: what is ticked, which row is open, and rows that come and go without moving the others under one's eyes.
import htmx from "htmx.org";
import { part, say, toast, words } from "./dom.js";

export const shelf = document.querySelector("[data-inbox]");
const rowsBox = document.getElementById("shelf");
const bulk = document.getElementById("bulk");
const wide = matchMedia("(min-width: 768px)");
let lastTicked = null;

// What was taken out here and the hub still has in this box: it is about to leave it, with the letter that closes it.
export const leaving = new Set();

// What scrolls a conversation: its own pane, on phones the page.
export const scroller = (talk) => (wide.matches ? talk.querySelector(".said") : document.scrollingElement);

export function toEnd(talk) {
  const pane = scroller(talk);
  if (pane) pane.scrollTop = pane.scrollHeight;
}

const rows = () => [...(rowsBox?.querySelectorAll("[data-row]") ?? [])];
const ticks = () => [...(rowsBox?.querySelectorAll("[data-row] input[type=checkbox]") ?? [])];

export const list = {
  rows,
  row: (id) => rowsBox?.querySelector(`[data-row="${CSS.escape(id)}"]`) ?? null,
  ticked: () => ticks().filter((box) => box.checked).map((box) => box.value),
  selected: () => rowsBox?.querySelector("[data-row] .selected")?.closest("[data-row]")?.dataset.row ?? "",
  wide: () => wide.matches,

  tick(row, on, through = false) {
    const all = rows();
    const here = all.indexOf(row);
    const from = through && lastTicked ? all.indexOf(lastTicked) : here;
    const [low, high] = [Math.min(here, from < 0 ? here : from), Math.max(here, from)];
    for (const each of all.slice(low, high + 1)) each.querySelector("input[type=checkbox]").checked = on;
    lastTicked = row;
    count();
  },
  untick() {
    for (const box of ticks()) box.checked = false;
    lastTicked = null;
    count();
  },

  mark(id) {
    for (const row of rows()) {
      const link = row.querySelector("a.conversation");
      const here = row.dataset.row === id;
      link.classList.toggle("selected", here);
      if (here) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  },

  // Takes rows out; *restore* puts back those named, where they were. The next one opens where one of them was open.
  remove(ids, { open = true } = {}) {
    const taken = [];
    let next = null;
    const selected = list.selected() || document.querySelector("#desk [data-conversation]")?.dataset.conversation;
    const focused = document.activeElement?.closest?.("[data-row]")?.dataset.row;
    for (const id of ids) {
      const row = list.row(id);
      if (!row) continue;
      if (id === selected || id === focused) next = following(row, ids);
      taken.push({ id, row, place: rows().indexOf(row) });
      leaving.add(id);
      row.remove();
    }
    if (open && ids.includes(selected)) {
      if (next && wide.matches) document.dispatchEvent(new CustomEvent("go", { detail: { id: next.dataset.row, focus: true } }));
      else document.dispatchEvent(new CustomEvent("go", { detail: { id: "" } }));
    } else if (next) next.querySelector("a").focus({ preventScroll: true });
    vacant();
    return {
      restore(back) {
        for (const { id, row, place } of taken.filter((each) => back.includes(each.id)).reverse()) {
          leaving.delete(id);
          if (list.row(id)) continue;
          const before = rows()[place];
          if (before) before.before(row);
          else rowsBox.append(row);
        }
        vacant();
      },
    };
  },

  go: (id) => document.dispatchEvent(new CustomEvent("go", { detail: { id } })),

  // The rows as they are now, each where it stands. Those of *ids* that are in no list any more stay, greyed, until the
  // list is asked for again.
  async refresh(ids) {
    const here = ids.filter((id) => list.row(id));
    if (!here.length) return;
    const box = document.createElement("template");
    box.innerHTML = await (await part(`/inbox/rows?ids=${here.slice(0, 200).join(",")}`)).text();
    for (const there of box.content.querySelectorAll("[data-row]")) replace(list.row(there.dataset.row), there);
  },
};

export function replace(here, there) {
  if (!here) return;
  const mine = here.querySelector("a.conversation");
  const theirs = there.querySelector("a.conversation");
  for (const name of ["state", "unread", "owner"]) here.dataset[name] = there.dataset[name] ?? "";
  here.className = there.className;
  const selected = mine.classList.contains("selected");
  mine.className = theirs.className;
  mine.classList.toggle("selected", selected);
  if (mine.innerHTML !== theirs.innerHTML) mine.innerHTML = theirs.innerHTML;
  here.querySelector("[data-presence]")?.replaceChildren(...(there.querySelector("[data-presence]")?.childNodes ?? []));
}

function following(row, but) {
  const all = rows();
  const at = all.indexOf(row);
  return all.slice(at + 1).find((each) => !but.includes(each.dataset.row)) ?? all.slice(0, at).reverse().find((each) => !but.includes(each.dataset.row)) ?? null;
}

function vacant() {
  const none = document.getElementById("vacant");
  if (none) none.hidden = rows().length > 0;
}

function count() {
  if (!bulk) return;
  const number = list.ticked().length;
  bulk.hidden = number === 0;
  shelf.classList.toggle("ticking", number > 0);
  bulk.querySelector("[data-count]").textContent = say("ticked", { count: number });
}

// --- boxes, filters, search: the list is asked for anew, the conversation stays --------------------------------------

const form = document.getElementById("inbox-filters");
let asking = null;

export const query = () => {
  const asked = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...asked]) if (!value) asked.delete(name);
  return asked.toString();
};

export async function ask({ anew = true } = {}) {
  if (anew) leaving.clear();
  asking?.abort();
  asking = new AbortController();
  const words_ = query();
  try {
    const html = await (await part(`/inbox?${words_}`, { signal: asking.signal })).text();
    rowsBox.innerHTML = html;
    for (const id of leaving) list.row(id)?.remove();
    vacant();
    htmx.process(rowsBox);
    history.replaceState(history.state, "", `${location.pathname}${words_ ? `?${words_}` : ""}`);
    rowsBox.scrollTop = 0;
    shelf.dataset.box = form.elements.box.value;
    for (const tab of shelf.querySelectorAll("[data-box]")) {
      if (tab.dataset.box === form.elements.box.value) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
    const set = form.querySelector("[data-set]");
    if (set) set.hidden = !form.querySelector("details :is(input:checked:not([value='']), option:checked:not(:first-child))");
    lastTicked = null;
    count();
    list.mark(document.querySelector("#desk [data-conversation]")?.dataset.conversation ?? "");
    document.dispatchEvent(new CustomEvent("listed"));
  } catch (error) {
    if (error.name !== "AbortError") toast(words.failed);
  }
}

if (shelf) {
  form.addEventListener("submit", (event) => (event.preventDefault(), ask()));
  form.addEventListener("change", (event) => event.target.type !== "search" && ask());
  let pause = 0;
  form.addEventListener("input", (event) => {
    if (event.target.type !== "search") return;
    clearTimeout(pause);
    pause = setTimeout(ask, 200);
  });
  shelf.addEventListener("click", (event) => {
    const tab = event.target.closest("a[data-box]");
    if (tab && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      form.elements.box.value = tab.dataset.box;
      ask();
    }
    const box = event.target.closest("[data-row] input[type=checkbox]");
    if (box) list.tick(box.closest("[data-row]"), box.checked, event.shiftKey);
    if (event.target.closest("[data-untick]")) list.untick();
  });
  count();
}
