// Watch: what is said of a mention, several at once, news without a shift, and the editor of queries.
import htmx from "htmx.org";
import { acts } from "./actions.js";
import { api } from "./api.js";
import { choose as chooseOne } from "./chooser.js";
import { composer } from "./composer.js";
import { part, say, toast, typing, words } from "./dom.js";
import { on } from "./live.js";
import "./texting.js";
import { offerUndo, undo } from "./undo.js";

const watch = document.getElementById("watch");
const post = document.getElementById("post");
const list = document.getElementById("mentions");
const news = document.getElementById("watch-news");
const bulk = document.getElementById("watch-bulk");
const opened = () => post?.querySelector("[data-opened]")?.dataset.opened;
const ticked = () => [...list.querySelectorAll(".choose-one input:checked")].map((each) => each.value);

const talk = () => post.querySelector("[data-conversation]");

async function again(path, into) {
  const html = await (await part(path)).text();
  if (into === post) leave();
  into.innerHTML = html;
  htmx.process(into);
  if (into === post) arrived();
}

// A post has come, with what was answered and the composer; or it goes, and what was begun is kept.
const arrived = () => talk() && composer.arrive(talk());
const leave = () => talk() && document.dispatchEvent(new CustomEvent("left", { detail: { id: talk().dataset.conversation } }));

// What was answered, as the hub has it now, under a composer that stays.
async function answered() {
  const box = document.createElement("template");
  box.innerHTML = await (await part(`/watch/${opened()}${location.search}`)).text();
  const [here, there] = [post, box.content].map((each) => each.querySelector("#answers > .said"));
  const fresh = box.content.querySelector("#answers");
  if (here && there) here.replaceWith(there);
  else if (there) talk().prepend(there);
  else here?.remove();
  if (there) htmx.process(there);
  Object.assign(talk().dataset, fresh.dataset);
  composer.meanwhile(fresh);
}

async function whom() {
  const one = await chooseOne({
    title: words.whoIsIt,
    options: async (q) => (await api("GET", `/contacts?${new URLSearchParams({ q, limit: 12 })}`)).items.map((each) => ({ label: each.name, hint: each.company ?? "", face: [...each.name][0], value: each })),
  });
  if (one) await known(one.id, one.name);
}

// Who the author is, or with "" that she is nobody we know.
async function known(contact, name = "") {
  const id = opened();
  const before = post.querySelector("[data-is='']")?.closest(".who-it-is").querySelector("a").pathname.split("/").pop() ?? "";
  if (await change(id, { contact })) offerUndo(contact ? say("isThem", { name }) : words.notThem, () => change(id, { contact: contact ? "" : before }));
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
    return true;
  } catch (error) {
    toast(error.message || words.failed);
    return false;
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

const keys = {
  r: () => (post.querySelector("[data-answer]") ? composer.open("reply") : post.querySelector("[data-no-answer]")?.focus()),
  n: () => composer.open("note"),
  l: () => post.querySelector("[data-link]")?.click(),
  z: undo,
};

if (watch) {
  choose();
  watch.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("answer" in button.dataset) composer.open("reply");
    if ("whom" in button.dataset) whom();
    if ("link" in button.dataset) acts.link();
    const { state, owner, is, offer, text, bulkState } = button.dataset;
    if (state) change(opened(), { state });
    if (owner) change(opened(), { owner });
    if (is !== undefined) known(is, button.closest(".who-it-is").querySelector("a").textContent);
    if (offer) leaveOut(offer, text);
    if (bulkState) several({ state: bulkState });
  });
  watch.addEventListener("change", ({ target }) => {
    if (target.matches("[data-sentiment]")) change(opened(), { sentiment: target.value });
    if (target.matches("[data-language]")) change(opened(), { language: target.value });
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
    arrived();
  });
  post.addEventListener("htmx:beforeSwap", (event) => event.target === post && leave());
  arrived();
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing() || document.querySelector("dialog[open]")) return;
    if (event.key !== "z" && !talk()) return;
    const act = keys[event.key];
    if (!act || (event.key === "n" && document.querySelector("#pops > .pop"))) return;
    event.preventDefault();
    act();
  });
  document.addEventListener("conversations", ({ detail: { ids } }) => {
    const here = talk()?.dataset.conversation;
    if (!ids.includes(here)) return;
    if (composer.now?.mode) answered().catch(() => toast(words.failed));
    else again(`/watch/${opened()}${location.search}`, post).catch(() => toast(words.failed));
  });
  on("activity", ({ data }) => talk() && data.conversations?.includes(talk().dataset.conversation) && answered().catch(() => {}));
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
  form.querySelector("[data-archive-query]")?.addEventListener("click", async () => {
    if (!confirm(words.archive)) return;
    await api("DELETE", `/queries/${id}`).then(() => location.assign("/watch"), failed);
  });
}
