// Watch: what is said of a mention, several at once, news without a shift, and the editor of queries.
import htmx from "htmx.org";
import { api } from "./api.js";
import { part, say, toast, typing, words } from "./dom.js";
import { on } from "./live.js";
import { offerUndo } from "./undo.js";

const watch = document.getElementById("watch");
const post = document.getElementById("post");
const list = document.getElementById("mentions");
const news = document.getElementById("watch-news");
const bulk = document.getElementById("watch-bulk");
const opened = () => post?.querySelector("[data-opened]")?.dataset.opened;
const ticked = () => [...list.querySelectorAll(".choose-one input:checked")].map((each) => each.value);

async function again(path, into) {
  into.innerHTML = await (await part(path)).text();
  htmx.process(into);
}

const relist = async () => {
  await again(`/watch${location.search}`, list);
  news.hidden = true;
  choose();
};

function choose() {
  for (const each of list.querySelectorAll("a.conversation")) each.toggleAttribute("data-chosen", each.closest("li").dataset.mention === opened());
}

async function change(id, values) {
  try {
    await api("PATCH", `/mentions/${id}`, values);
    if (opened() === id) await again(`/watch/${id}${location.search}`, post);
    await row(id);
  } catch (error) {
    toast(error.message || words.failed);
  }
}

// The line of one mention as the hub has it now; it stays where it is.
async function row(id) {
  const box = document.createElement("template");
  box.innerHTML = await (await part(`/watch${location.search}`)).text();
  const [here, there] = [list, box.content].map((each) => each.querySelector(`[data-mention="${id}"]`));
  if (here && there) here.replaceWith(there);
  else here?.remove();
  htmx.process(list);
  choose();
}

async function leaveOut(id, text) {
  try {
    const before = await api("GET", `/queries/${id}`);
    const { name, agents, enabled, version } = before;
    const now = await api("PUT", `/queries/${id}`, { name, agents, enabled, version, text });
    document.getElementById("proposals").replaceChildren();
    offerUndo(words.left, () => api("PUT", `/queries/${id}`, { name, agents, enabled, version: now.version, text: before.text }));
  } catch (error) {
    toast(error.message || words.failed);
  }
}

async function several(values) {
  try {
    await api("POST", "/mentions/bulk", { ids: ticked(), ...values });
    await relist();
    bulk.hidden = true;
  } catch (error) {
    toast(error.message || words.failed);
  }
}

if (watch) {
  choose();
  watch.addEventListener("click", (event) => {
    const button = event.target.closest("[data-state], [data-owner], [data-is], [data-offer], [data-bulk-state]");
    if (!button) return;
    const { state, owner, is, offer, text, bulkState } = button.dataset;
    if (state) change(opened(), { state });
    if (owner) change(opened(), { owner });
    if (is) change(opened(), { contact: is });
    if (offer) leaveOut(offer, text);
    if (bulkState) several({ state: bulkState });
  });
  watch.addEventListener("change", ({ target }) => {
    if (target.matches("[data-sentiment]")) change(opened(), { sentiment: target.value });
    if (target.matches("[data-assign]")) change(opened(), { owner: target.value });
    if (target.id === "bulk-owner" && target.value) several({ owner: target.value }).then(() => (target.value = ""));
    if (target.matches(".choose-one input")) {
      const count = ticked().length;
      bulk.hidden = count === 0;
      bulk.querySelector("[data-count]").textContent = say("chosen", { count });
    }
  });
  post.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== post) return;
    watch.classList.add("at-post");
    choose();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "r" || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing() || document.querySelector("dialog[open]")) return;
    const answer = post.querySelector("[data-answer]");
    if (!answer) return;
    event.preventDefault();
    answer.click();
  });
  news.addEventListener("click", () => relist().catch(() => toast(words.failed)));
  let soon = 0;
  on("watch", () => {
    clearTimeout(soon);
    soon = setTimeout(async () => {
      const box = document.createElement("template");
      box.innerHTML = await (await part(`/watch${location.search}`)).text();
      const fresh = [...box.content.querySelectorAll("[data-mention]")].filter((each) => !list.querySelector(`[data-mention="${each.dataset.mention}"]`)).length;
      news.hidden = fresh === 0;
      news.firstElementChild.textContent = fresh === 1 ? words.newOne : say("newMany", { count: fresh });
    }, 300);
  });
}

const form = document.getElementById("query-form");
if (form) {
  const wrong = document.getElementById("query-wrong");
  const { id, version } = form.dataset;
  const failed = (error) => {
    wrong.textContent = error.kind === "changed" ? words.changedElsewhere : error.message;
    wrong.hidden = false;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = new FormData(form);
    const values = { name: given.get("name"), text: given.get("text"), agents: given.getAll("agents") };
    try {
      const made = id ? await api("PUT", `/queries/${id}`, { ...values, enabled: given.has("enabled"), version: Number(version) }) : await api("POST", "/queries", values);
      location.assign(`/watch?query=${made.id}`);
    } catch (error) {
      failed(error);
    }
  });
  form.querySelector("[data-archive]")?.addEventListener("click", async () => {
    if (!confirm(words.archive)) return;
    await api("DELETE", `/queries/${id}`).then(() => location.assign("/watch"), failed);
  });
}
