// Click to call: every number in the hub dials where a phone system can, says what stands in the way, and leaves the
// number to the computer's own phone program where none can.
import { api } from "./api.js";
import { announce, icon, make, say, state, words } from "./dom.js";
import { on } from "./live.js";

const CLOSES_AFTER = 6000;
let dialog = null;
let shown = null;

const spoken = (handle) => decodeURIComponent(handle).replace(/^tel:/, "");

export function call(handle, more = {}) {
  if (!state.dials) return void (location.href = handle);
  show(handle);
  place(handle, more);
}

function show(handle) {
  dialog?.remove();
  shown = { id: null, handle };
  dialog = make("dialog", { class: "dialog dialing", "aria-labelledby": "dialing-title" });
  dialog.addEventListener("close", () => {
    dialog?.remove();
    dialog = shown = null;
  });
  document.body.append(dialog);
  says(words.dialing);
  dialog.showModal();
}

function says(text, { tone = "", body = null, foot = null } = {}) {
  dialog?.replaceChildren(
    make("header", {}, make("h2", { id: "dialing-title" }, say("dialTo", { number: spoken(shown.handle) })), make("button", { class: "button quiet square", type: "button", "aria-label": words.close, onclick: () => dialog.close() }, icon("close"))),
    make("div", { class: "body" }, make("p", { class: tone, role: "status" }, text), body),
    make("footer", {}, foot, make("button", { class: "button", type: "button", onclick: () => dialog.close() }, words.close)),
  );
}

async function place(handle, more) {
  const mine = shown;
  try {
    const dial = await api("POST", "/dials", { callee: spoken(handle), id: crypto.randomUUID(), ...more });
    if (shown === mine) placed(dial);
  } catch (error) {
    if (shown !== mine) return;
    if (error.kind === "refused-by-gate") refused(handle, error.facts, more);
    else says(error.message, { tone: "late" });
  }
}

// Only what the clock forbids can be done all the same, with a reason that is kept.
function refused(handle, { refusals = [] }, more) {
  const list = make("ul", { class: "refusals" }, ...refusals.map((each) => make("li", {}, icon("warn"), make("span", {}, each.says))));
  const may = refusals.length > 0 && refusals.every((each) => each.may_override);
  const reason = make("input", { class: "input", id: "dial-reason", required: true, maxlength: "500", autocomplete: "off" });
  const form = may && make("form", { class: "field", id: "dial-override", onsubmit: (event) => {
    event.preventDefault();
    if (!reason.value.trim()) return;
    says(words.dialing);
    place(handle, { ...more, override: reason.value.trim() });
  } }, make("label", { for: "dial-reason" }, words.overrideReason), reason);
  says(words.notDialled, { tone: "strong", body: make("div", { class: "form" }, list, form || null), foot: may && make("button", { class: "button primary", type: "submit", form: "dial-override" }, words.callAnyway) });
  if (may) reason.focus();
  announce(`${words.notDialled} ${refusals.map((each) => each.says).join(" ")}`);
}

function placed({ id, state: now, reason, interaction }) {
  shown.id = id;
  if (now === "refused" || now === "failed") return says(say("dialFailed", { why: reason ?? "" }), { tone: "late" });
  if (now === "perhaps") return says(reason ?? words.failed, { tone: "waiting" });
  const end = make("button", { class: "button danger", type: "button", onclick: () => hangUp(id) }, words.hangUp);
  says(now === "placed" ? words.yourPhoneRings : words.dialing, { foot: end });
  if (now === "placed" || interaction) setTimeout(() => shown?.id === id && dialog.close(), CLOSES_AFTER);
}

async function hangUp(id) {
  try {
    await api("DELETE", `/dials/${id}`);
    dialog?.close();
  } catch (error) {
    says(error.message, { tone: "late" });
  }
}

on("dial", async ({ data }) => {
  if (shown?.id !== data.id) return;
  const dial = await api("GET", `/dials/${data.id}`).catch(() => null);
  if (dial && shown?.id === data.id) placed(dial);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="tel:"], [data-dial-number]');
  if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const number = link.dataset.dialNumber || link.getAttribute("href");
  if (!state.dials) {
    if (link.dataset.dialNumber) location.href = number;
    return;
  }
  event.preventDefault();
  call(number, link.dataset.dialContact ? { contact: link.dataset.dialContact } : {});
});
