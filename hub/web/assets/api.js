// The JSON API as pages use it: with the session's cookie, and with problems as errors that can be read to people.
import { csrf, words } from "./dom.js";

export class Problem extends Error {
  constructor(status, document) {
    super(document?.errors?.[0]?.message || document?.detail || words.failed);
    this.status = status;
    this.kind = document?.type?.split(":").pop() ?? "";
    this.facts = document ?? {};
  }
}

export async function api(method, path, body, { signal, keepalive } = {}) {
  const headers = { Accept: "application/json", "X-CSRF-Token": csrf() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(`/api/v1${path}`, { method, headers, signal, keepalive, body: body === undefined ? undefined : JSON.stringify(body) });
  if (response.status === 401) location.reload();
  const text = response.status === 204 ? "" : await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    // Something between us and the hub answered in its own words: the status says enough.
  }
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}
