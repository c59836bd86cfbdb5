// One /live stream for all tabs of a browser lives here.
import { LiveCore } from "./live-core.js";

const core = new LiveCore((tab, message) => {
  for (const port of tab ? [tab] : core.tabs.keys()) port.postMessage(message);
});

self.addEventListener("connect", (event) => {
  const port = event.ports[0];
  port.onmessage = ({ data }) => {
    core.hear(port, data);
    // A tab holds a lock of its own for as long as it lives: having it here means that the tab is gone.
    if (data.type === "hello") navigator.locks.request(data.lock, () => core.hear(port, { type: "bye" }));
  };
  port.start();
});

self.addEventListener("offline", () => core.told("lost"));
self.addEventListener("online", () => core.tabs.size && core.connect());
