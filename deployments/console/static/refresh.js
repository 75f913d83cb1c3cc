// Refreshes the parts of a page that have data-refresh="SECONDS", until the server sends them
// without it. Every page also works without this script.
"use strict";

const CONTROLS = "a, button, input, select, textarea, summary";
let refreshedAt = new Date();

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
    else if (response && !response.ok) showFailure();
    else if (response) {
      replace(new DOMParser().parseFromString(await response.text(), "text/html"));
      refreshedAt = new Date();
      document.getElementById("not-refreshed")?.remove();
    }
  } catch {
    showFailure(); // the console or the network is down: try again
  }
  schedule();
}

function showFailure() {
  if (document.getElementById("not-refreshed")) return;
  const notice = document.createElement("p");
  notice.id = "not-refreshed";
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  const time = refreshedAt.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  notice.textContent = `This page could not be refreshed since ${time}.`;
  document.getElementById("main").prepend(notice);
}

function replace(page) {
  for (const part of document.querySelectorAll("[data-refresh][id], #silence")) {
    const update = page.getElementById(part.id);
    if (!update) {
      location.reload(); // the page is another one now
      return;
    }
    // Whoever uses the keyboard in a part keeps their place, until there is nothing more to come.
    // A table that scrolls gets the focus by a click, so it does not count.
    const focus = document.activeElement;
    const isInUse = part.contains(focus) && focus.matches(CONTROLS) && update.dataset.refresh;
    if (isInUse || update.outerHTML === part.outerHTML) continue;
    // The element itself stays, so that a screen reader announces changes in a live region.
    part.replaceChildren(...update.childNodes);
    if (!update.dataset.refresh) delete part.dataset.refresh;
  }
}

schedule();
