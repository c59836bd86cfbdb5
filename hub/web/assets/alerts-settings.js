// How I am told: the form of my settings, a trial of each way, and pushes to this browser.
import { api } from "./api.js";
import { login, say, stored, toast, words } from "./dom.js";
import { note } from "./ring.js";

const form = document.getElementById("told-settings");
const SEVERITIES = ["urgent", "warning", "notice", "info"];

const checked = (name) => [...form.querySelectorAll(`input[name="${name}"]:checked`)].map((each) => each.value);

function read() {
  const kept = JSON.parse(form.dataset.kept);
  const ways = {};
  for (const severity of SEVERITIES) {
    const boxes = [...form.querySelectorAll(`input[name=way][data-severity="${severity}"]`)];
    ways[severity] = [...boxes.filter((each) => each.checked).map((each) => each.value), ...kept[severity]];
  }
  const quiet = [...form.querySelectorAll("#quiet [data-quiet]")].map((row) => ({
    days: [...row.querySelectorAll("input[name=day]:checked")].map((each) => each.value),
    from: row.querySelector("input[name=from]").value,
    until: row.querySelector("input[name=until]").value,
  }));
  const heard = [...form.querySelectorAll("input[name=hears]")];
  return {
    quiet,
    urgent_pierces: form.elements.urgent_pierces.checked,
    digest: [...new Set([...form.querySelectorAll("#digest input[name=digest]")].map((each) => each.value))].sort(),
    digest_of: checked("digest_of"),
    ways,
    off: [...document.querySelectorAll("#my-ways input[data-use]:not(:checked)")].map((each) => each.value),
    muted: heard.filter((each) => !each.checked).map((each) => each.value),
  };
}

async function save() {
  const said = form.querySelector("[data-said]");
  const settings = read();
  said.className = "small late";
  if (settings.quiet.some((each) => !each.days.length)) return (said.textContent = words.noDays);
  try {
    const { version } = await api("PUT", "/alerts/settings", { settings, version: Number(form.dataset.version) });
    form.dataset.version = version;
    said.className = "small well";
    said.textContent = words.settingsSaved;
  } catch (error) {
    said.textContent = error.kind === "changed" ? words.changedElsewhere : error.message;
  }
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  form.addEventListener("input", () => (form.querySelector("[data-said]").textContent = ""));
  form.addEventListener("click", (event) => {
    const adds = event.target.closest("[data-add]")?.dataset.add;
    if (adds) {
      const list = document.getElementById(adds);
      list.append(document.getElementById(`${adds}-row`).content.cloneNode(true));
      list.lastElementChild.querySelector("input").focus();
    }
    const drop = event.target.closest("[data-drop]");
    if (!drop) return;
    const row = drop.closest("[data-quiet], [data-digest]");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("[data-drop]") ?? form.querySelector("button[type=submit]")).focus();
  });

  const list = document.getElementById("my-ways");
  list?.addEventListener("change", (event) => event.target.matches("[data-use]") && save());
  list?.addEventListener("click", async (event) => {
    const row = event.target.closest("[data-way]");
    const button = event.target.closest("[data-test], [data-forget]");
    if (!row || !button) return;
    const result = row.querySelector("[data-result]");
    if (button.matches("[data-forget]")) {
      try {
        if (stored.read(`push.${login}`, "") === row.dataset.way) await unsubscribe();
        await api("DELETE", `/ways/${row.dataset.way}`);
        location.reload();
      } catch (error) {
        result.textContent = error.message;
      }
      return;
    }
    button.disabled = true;
    result.className = "small muted";
    result.textContent = words.testing;
    try {
      const { state, reason = "", milliseconds: ms } = await api("POST", `/ways/${row.dataset.way}/test`);
      result.className = state === "sent" ? "small well" : state === "perhaps" ? "small waiting" : "small late";
      result.textContent = say({ sent: "testSent", perhaps: "testPerhaps" }[state] ?? "testFailed", { ms, why: reason });
    } catch (error) {
      result.className = "small late";
      result.textContent = say("testFailed", { why: error.message });
    }
    button.disabled = false;
  });

  const sound = document.getElementById("alert-sound");
  sound.checked = stored.read("alertSound", false);
  sound.addEventListener("change", () => stored.write("alertSound", sound.checked));
  document.querySelector("[data-try-note]").addEventListener("click", note);
}

// --- pushes to this browser -----------------------------------------------------------------------------------------

const box = document.getElementById("push");
const worker = () => navigator.serviceWorker.getRegistration("/");
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));

async function unsubscribe() {
  await (await (await worker())?.pushManager.getSubscription())?.unsubscribe();
  stored.write(`push.${login}`, "");
}

async function subscribe() {
  if ((await Notification.requestPermission()) !== "granted") return;
  const { key } = await api("GET", "/ways/push-key");
  await navigator.serviceWorker.register("/service-worker.js", { scope: "/", updateViaCache: "none" });
  const { pushManager } = await navigator.serviceWorker.ready;
  const wanted = { userVisibleOnly: true, applicationServerKey: bytes(key) };
  const subscription = await pushManager.subscribe(wanted).catch(async (error) => {
    const old = await pushManager.getSubscription(); // one that was made with the key of another hub
    if (!old) throw error;
    await old.unsubscribe();
    return pushManager.subscribe(wanted);
  });
  const { id } = await api("POST", "/ways", { kind: "push", subscription: subscription.toJSON(), label: box.dataset.label, details: box.querySelector("[data-details]").checked });
  stored.write(`push.${login}`, id);
  location.reload();
}

async function state() {
  const said = box.querySelector("[data-said]");
  const [on, off, details] = ["[data-push-on]", "[data-push-off]", "[data-details-of]"].map((each) => box.querySelector(each));
  const show = (word, { may = false, has = false } = {}) => {
    said.textContent = words[word];
    on.hidden = details.hidden = !may;
    off.hidden = !has;
  };
  if ("off" in box.dataset) return show("pushOffAll");
  if (!window.isSecureContext) return show("pushPlain");
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return show("pushNone");
  if (Notification.permission === "denied") return show("pushDenied");
  const known = stored.read(`push.${login}`, "");
  const there = known && document.querySelector(`#my-ways [data-way="${CSS.escape(known)}"]`);
  if (there && Notification.permission === "granted") return show("pushOn", { has: true });
  return show("pushOff", { may: true });
}

if (box) {
  const failed = (error) => (box.querySelector("[data-said]").textContent = say("pushFailed", { why: error.message }));
  box.querySelector("[data-push-on]").addEventListener("click", () => subscribe().then(state).catch(failed));
  box.querySelector("[data-push-off]").addEventListener("click", async () => {
    try {
      const id = stored.read(`push.${login}`, "");
      await unsubscribe();
      await api("DELETE", `/ways/${id}`);
      location.reload();
    } catch (error) {
      failed(error);
    }
  });
  state().catch(() => toast(words.failed));
}
