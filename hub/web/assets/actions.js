// What one does to conversations: to those that are ticked, else to the one that is open or stands under the focus.
import { api } from "./api.js";
import { choose, finishChoice, moment } from "./chooser.js";
import { agent, announce, make, part, say, toast, words } from "./dom.js";
import { list, shelf } from "./shelf.js";
import { offerUndo } from "./undo.js";

const desk = () => document.querySelector(":is(#desk, #post) [data-conversation]");

export function targets() {
  const ticked = list.ticked();
  if (ticked.length) return ticked;
  const open = desk()?.dataset.conversation;
  const focused = document.activeElement?.closest?.("#shelf [data-row]")?.dataset.row;
  const only = focused ?? open ?? list.selected();
  return /^\d+$/.test(only) ? [only] : [];
}

// Does *action* to *ids*, shows it at once, and offers to take it back.
async function act(action, facts = {}, { ids = targets(), one, many } = {}) {
  if (!ids.length) return toast(words.chooseFirst, 3);
  const leaving = ids.filter((id) => leaves(action, facts));
  const after = list.remove(leaving);
  list.untick();
  try {
    const { done, refused, undo } = await api("POST", "/conversations/actions", { ids, action, ...facts });
    if (refused.length) toast(refused.length === 1 ? refused[0].reason : say("someRefused", { count: refused.length }), 8);
    after.restore(refused.map(({ id }) => id));
    if (!done.length) return;
    const said = done.length === 1 ? one : say(many, { count: done.length });
    announce(said);
    if (undo) {
      offerUndo(said, async () => {
        await api("POST", `/deeds/${undo}/undo`);
        after.restore(done);
        announce(words.undone);
        changed(done);
      });
    }
    changed(done);
  } catch (error) {
    after.restore(ids);
    toast(error.message);
  }
}

// Which box a conversation belongs to after *action*: one that has left its box leaves the list.
function leaves(action, { owner }) {
  const box = shelf?.dataset.box;
  if (action === "close") return box !== "closed" && box !== "mentioned";
  if (action === "snooze") return box !== "snoozed" && box !== "mentioned";
  if (action === "open") return box === "closed" || box === "snoozed";
  if (action === "assign") return (box === "unassigned" && owner && owner !== agent) || (box === "mine" && owner !== agent);
  return false;
}

// What these look like now, in the list and on the desk.
export function changed(ids) {
  document.dispatchEvent(new CustomEvent("conversations", { detail: { ids } }));
}

export const acts = {
  close() {
    const all = targets();
    const state = all.length === 1 && (desk()?.dataset.conversation === all[0] ? desk().dataset.state : list.row(all[0])?.dataset.state);
    if (state === "closed") return acts.open();
    return act("close", {}, { one: words.closed, many: "closedMany" });
  },
  open: () => act("open", {}, { one: words.opened, many: "openedMany" }),
  unread: () => {
    const open = desk();
    if (open && targets().includes(open.dataset.conversation)) open.dataset.keep = "unread";
    return act("unread", {}, { one: words.unread, many: "unreadMany" });
  },
  read: () => act("read", {}, { one: words.read, many: "readMany" }),

  async snooze() {
    const ids = targets();
    if (!ids.length) return toast(words.chooseFirst, 3);
    const at = await chooseTime(words.snoozeUntil);
    if (at) await act("snooze", { snoozed_until: at.at }, { ids, one: say("snoozed", { when: at.said }), many: "snoozedMany" });
  },

  async assign() {
    const ids = targets();
    if (!ids.length) return toast(words.chooseFirst, 3);
    const to = await choose({ title: words.assignTo, options: await people() });
    if (!to) return;
    const one = to.id ? say("assigned", { name: to.name }) : words.unassigned;
    if (to.team !== undefined) await act("team", { team: to.team }, { ids, one, many: "assignedMany" });
    else await act("assign", { owner: to.id }, { ids, one, many: "assignedMany" });
  },

  async claim() {
    const ids = targets();
    if (ids.length !== 1) return act("claim", {}, { ids, one: words.claimed, many: "claimedMany" });
    try {
      const answer = await api("POST", `/conversations/${ids[0]}/claim`);
      announce(words.claimed);
      if (answer?.undo) offerUndo(words.claimed, async () => (await api("POST", `/deeds/${answer.undo}/undo`), changed(ids)));
      else toast(words.claimed, 3);
    } catch (error) {
      if (error.status !== 409) return toast(error.message);
      const take = make("button", { type: "button", class: "undo" }, words.takeOver);
      const box = make("div", { class: "toast with-undo" }, make("span", {}, say("claimedBy", { name: error.facts.name ?? error.facts.owner ?? "" })), take);
      take.addEventListener("click", () => (box.remove(), act("assign", { owner: agent }, { ids, one: words.claimed, many: "claimedMany" })));
      document.getElementById("toasts").append(box);
      setTimeout(() => box.remove(), 8000);
    }
    changed(ids);
  },

  async merge() {
    const [id] = targets();
    if (!id) return toast(words.chooseFirst, 3);
    const into = await choose({
      title: words.mergeInto,
      options: async (q) => {
        const { items } = await api("GET", `/conversations?${new URLSearchParams({ state: "open,waiting,snoozed,closed", q })}`);
        const channel = list.row(id)?.dataset.channel ?? desk()?.dataset.channel;
        return items.filter((each) => each.id !== id && (!channel || each.channel === channel)).slice(0, 12).map((each) => ({ label: `${each.who?.name || each.who?.handle || ""} · ${each.title}`, hint: each.preview?.slice(0, 40), value: each.id }));
      },
    });
    if (!into) return;
    try {
      const { undo } = await api("POST", `/conversations/${id}/merge`, { into });
      const after = list.remove([id], { open: false });
      list.go(into);
      offerUndo(words.merged, async () => {
        await api("POST", `/deeds/${undo}/undo`);
        after.restore([id]);
        list.go(id);
      });
    } catch (error) {
      toast(error.message);
    }
  },

  async split(from) {
    const id = desk()?.dataset.conversation;
    if (!id || !from) return;
    try {
      const { conversation, undo } = await api("POST", `/conversations/${id}/split`, { from });
      list.go(conversation.id ?? conversation);
      offerUndo(words.split, async () => (await api("POST", `/deeds/${undo}/undo`), list.go(id)));
      changed([id]);
    } catch (error) {
      toast(error.message);
    }
  },

  async link() {
    const open = desk();
    if (!open) return toast(words.chooseFirst, 3);
    const records = JSON.parse(open.querySelector("script.linkable")?.textContent || "[]");
    const linked = records.filter((each) => each.linked).map((each) => ({ label: say("unlink", { title: each.label }), icon: "close", value: { [each.kind]: null } }));
    const free = records.filter((each) => !each.linked).map((each) => ({ ...each, icon: each.kind, value: { [each.kind]: each.id } }));
    if (!records.length) return toast(words.nothingToLink, 4);
    const chosen = await choose({ title: words.linkTo, options: [...free, ...linked] });
    if (chosen) await change(open.dataset.conversation, chosen, words.linked);
  },

  async sharing() {
    const open = desk();
    if (!open) return toast(words.chooseFirst, 3);
    const options = [["", words.sharingUsual], ["shared", words.sharingShared], ["private", words.sharingPrivate]];
    const chosen = await choose({ title: words.sharing, narrow: false, options: options.map(([value, label], number) => ({ label, value: { sharing: value }, key: String(number + 1), icon: value === "private" ? "lock" : "people" })) });
    if (chosen) await change(open.dataset.conversation, chosen, words.saved);
  },
};

async function change(id, facts, said) {
  try {
    const { undo } = await api("PATCH", `/conversations/${id}`, facts);
    if (undo) offerUndo(said, async () => (await api("POST", `/deeds/${undo}/undo`), changed([id])));
    else toast(said, 3);
    changed([id]);
  } catch (error) {
    toast(error.message);
  }
}

// Later today, tomorrow morning …, in the reader's own zone: the hub knows it.
export async function chooseTime(title, path = "/inbox/times") {
  const { options } = await (await part(path)).json();
  const own = moment(words.pickTime, async (local) => {
    const { at, said } = await (await part(`/inbox/times?at=${encodeURIComponent(local)}`)).json();
    finishChoice({ at, said });
  });
  return choose({ title, narrow: false, extra: own, options: options.map((each, number) => ({ label: each.label, hint: each.said, icon: "clock", key: String(number + 1), value: each })) });
}

let colleagues = null;
export async function agents() {
  colleagues ??= api("GET", "/agents").then(({ items }) => items);
  return colleagues;
}

async function people() {
  const [all, teams] = await Promise.all([agents(), api("GET", "/teams").then(({ items }) => items)]);
  const one = (each) => ({ label: each.id === agent ? say("me", { name: each.name }) : each.name, face: each.initials ?? [...each.name][0], value: each, also: each.id });
  const me = all.filter((each) => each.id === agent);
  return [
    ...me.map(one),
    ...all.filter((each) => each.id !== agent).map(one),
    ...teams.map((each) => ({ label: each.name, hint: words.team, icon: "people", value: { id: each.id, name: each.name, team: each.id } })),
    { label: words.nobody, icon: "user", value: { id: "", name: "" } },
  ];
}
