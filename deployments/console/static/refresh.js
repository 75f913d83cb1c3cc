// Refreshes the parts of a page that have data-refresh="SECONDS", until the server sends them
// without it. Every page also works without this script.
"use strict";

function schedule() {
  const parts = [...document.querySelectorAll("[data-refresh][id]")];
  if (!parts.length) return;
  const seconds = Math.min(...parts.map((part) => Number(part.dataset.refresh) || 10));
  setTimeout(refresh, seconds * 1000);
}

async function refresh() {
  try {
    const response = document.hidden ? null : await fetch(location.href, { redirect: "manual" });
    if (response && response.type === "opaqueredirect") location.reload(); // logged out
    if (response && response.ok) replace(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    // The console or the network is down: try again.
  }
  schedule();
}

function replace(page) {
  for (const part of document.querySelectorAll("[data-refresh][id], #silence")) {
    const update = page.getElementById(part.id);
    if (!update) {
      location.reload(); // the page is another one now
      return;
    }
    // Whoever uses the keyboard in a part keeps their place, until there is nothing more to come.
    const isInUse = part.contains(document.activeElement) && update.dataset.refresh;
    if (isInUse || update.outerHTML === part.outerHTML) continue;
    // The element itself stays, so that a screen reader announces changes in a live region.
    part.replaceChildren(...update.childNodes);
    if (!update.dataset.refresh) delete part.dataset.refresh;
  }
}

schedule();
