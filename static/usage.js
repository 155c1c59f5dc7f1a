// The page of a token. It needs app.js.
"use strict";

// Keeps the calls by day up to date while the page is visible: every 5 s for 5 minutes, then every minute for an hour.
const usage = document.querySelector("[data-usage]");
if (usage) {
  let attempts, timer;
  const show = (part) => {
    if (part.textContent.trim() === usage.textContent.trim()) return;
    const isOpen = usage.querySelector("details")?.open;
    const hasFocus = usage.contains(document.activeElement);
    usage.replaceChildren(...part.childNodes);
    const table = usage.querySelector("details");
    if (table && isOpen) table.open = true;
    if (hasFocus) table?.querySelector("summary").focus();
  };
  const schedule = () => {
    clearTimeout(timer);
    if (!document.hidden && attempts < 120) timer = setTimeout(poll, attempts < 60 ? 5000 : 60000);
  };
  const poll = async () => {
    attempts += 1;
    const answer = await fetch(usage.dataset.usage, { redirect: "manual" }).catch(() => null);
    if (answer?.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html").body);
    // Anything but a failure of the server or the network is final: the session has ended, or the token is gone.
    else if (answer && answer.status < 500) return;
    schedule();
  };
  const start = () => { attempts = 0; schedule(); };
  on("visibilitychange", start);
  start();
}
