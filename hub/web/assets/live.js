// This tab's end of the one stream its browser has.
import { LiveCore } from "./live-core.js";
import { agent, login, state, stored } from "./dom.js";

const listeners = new Map();
const me = crypto.randomUUID();
let post = () => {};

export function on(type, listener) {
  listeners.set(type, [...(listeners.get(type) ?? []), listener]);
}

export function tell(message) {
  post(message);
}

function heard(message) {
  for (const listener of listeners.get(message.type) ?? []) listener(message);
}

function hello() {
  return {
    type: "hello",
    login,
    agent,
    lock: `hub-tab-${me}`,
    pops: state.pops ?? [],
    ended: stored.read(`ended.${login}`, []),
    rung: stored.read("rung", []),
    visible: document.visibilityState === "visible",
  };
}

function throughWorker() {
  const worker = new SharedWorker(document.body.dataset.worker, { type: "module", name: "hub-live" });
  worker.port.onmessage = ({ data }) => heard(data);
  worker.port.start();
  post = (message) => worker.port.postMessage(message);
  // Held for as long as this tab lives. The worker waits for it, so it must be ours before the worker hears of it.
  navigator.locks.request(`hub-tab-${me}`, () => {
    post(hello());
    return new Promise(() => {});
  });
}

// Browsers without SharedWorker (some on Android): the tab that holds the lock leads, the others talk to it.
function throughLeader() {
  const channel = new BroadcastChannel("hub-live");
  let core = null;
  channel.onmessage = ({ data }) => {
    if (core && data.from) core.hear(data.from, data.message);
    else if (data.to === me || data.to === null) heard(data.message);
    else if (data.to === "everybody-say-hello") post(hello());
  };
  post = (message) => (core ? core.hear(me, message) : channel.postMessage({ from: me, message }));
  post(hello());
  navigator.locks.request("hub-live-leader", () => {
    core = new LiveCore((tab, message) => {
      if (tab === me || tab === null) heard(message);
      if (tab !== me) channel.postMessage({ to: tab, message });
    });
    core.hear(me, hello());
    channel.postMessage({ to: "everybody-say-hello" });
    return new Promise(() => {});
  });
}

export function start() {
  if (!login) return;
  if (window.SharedWorker && navigator.locks) throughWorker();
  else throughLeader();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") post({ type: "seen" });
  });
  addEventListener("focus", () => post({ type: "seen" }));
  addEventListener("pagehide", () => post({ type: "bye" }));
  addEventListener("pageshow", (event) => event.persisted && post(hello()));
}
