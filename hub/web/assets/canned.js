// Answers that were written once: suggested for this message, or found by the words after a semicolon.
import { api } from "./api.js";
import { choose } from "./chooser.js";
import { icon, make, say, words } from "./dom.js";
import { after, complete, suggesting } from "./suggest.js";

let known = null;

// Every answer one may use; asked for once per page.
function answers() {
  known ??= api("GET", "/canned").then(({ items }) => items);
  known.catch(() => (known = null));
  return known;
}

// The text of an answer with its gaps filled for *conversation*; in a new one there is nothing yet to fill them with.
async function filled(each, conversation) {
  return /^\d+$/.test(conversation) ? (await api("GET", `/canned/${each.id}?conversation=${conversation}`)).text : each.body;
}

const fits = (each, q) => `${each.shortcut ?? ""} ${each.title} ${each.body ?? ""}`.toLowerCase().includes(q.toLowerCase());
const option = (each) => ({ label: each.title, hint: each.shortcut ? `;${each.shortcut}` : "", icon: "reply", also: each.body, value: each });

// In *field*, "; and words" offers answers. *used* hears which one was taken.
export function offerCanned(field, conversation, used) {
  suggesting(field, {
    label: words.canned,
    word: after(";"),
    find: async (q) => (await answers()).filter((each) => !q || fits(each, q)).sort((one, other) => Number((other.shortcut ?? "").startsWith(q)) - Number((one.shortcut ?? "").startsWith(q))).map(option),
    pick: async (each, piece) => {
      const text = await filled(each, conversation());
      complete(field, piece ?? "", text);
      used(each.id);
    },
  });
}

export async function chooseCanned(field, conversation, used) {
  const chosen = await choose({ title: words.canned, options: (await answers()).map((each) => ({ ...option(each), hint: each.body.slice(0, 60) })) });
  field.focus();
  if (!chosen) return;
  insert(field, await filled(chosen, conversation));
  used(chosen.id);
}

export function insert(field, text) {
  const before = field.value.slice(0, field.selectionStart);
  const gap = before && !before.endsWith("\n") ? "\n\n" : "";
  field.setRangeText(gap + text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// What was answered to messages like this one, as buttons above the composer that say why.
export async function suggest(box, conversation, take) {
  box.replaceChildren();
  box.hidden = true;
  let items = [];
  try {
    ({ items } = await api("GET", `/conversations/${conversation}/suggestions`));
  } catch {
    return; // Suggestions are a courtesy.
  }
  if (!items.length || !box.isConnected) return;
  box.replaceChildren(
    make("span", { class: "small muted" }, words.suggested),
    ...items.slice(0, 3).map((each) =>
      make("button", { type: "button", class: "suggestion", title: `${say("suggestedWhy", { count: each.uses, words: each.words.join(words.comma) })}\n\n${each.text}`, onclick: () => take(each) }, icon("reply"), make("span", { class: "cut" }, each.title), make("span", { class: "cut why" }, each.words.join(words.comma))),
    ),
  );
  box.hidden = false;
}
