// Everything works without this file. It keeps focus and titles right where htmx replaced part of a page,
// moves to the error summary when there is one, stops a form from being sent twice by a double click,
// moves through lists by arrow keys, keeps what is typed at the server, and locks a counter's screen that nobody touches.
(() => {
  "use strict";
  const summary = document.querySelector(".errors");
  if (summary) summary.focus();

  // many places slide in one line: the one we are at comes into view
  document.querySelector(".nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // A form with something to keep is kept as a draft while one types: a little after the last key, when a field is left,
  // before another form of the page is sent, and when the page is hidden. Nothing of it stays in the browser. It is no sign
  // of a person: the server lets it keep no screen awake, and refuses it where the screen is locked or nobody is signed in.
  const content = (form) => new URLSearchParams(new FormData(form)).toString();
  const keepers = [...document.querySelectorAll("form[data-keep]")].map((form) => {
    const address = `${form.getAttribute("action")}?keep=1`;
    const said = form.querySelector("[data-kept]");
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    let last = content(form); // what the server has, or is being given
    let under; // a request on its way
    let timer;
    let sent = false;

    const post = async (body) => {
      let kept = false;
      const keepalive = body.length < 30000; // a browser lets 64 KiB outlive the page, and the last words may follow these
      const line = new AbortController();
      const cut = setTimeout(() => line.abort(), 20000); // silence is no answer either
      try {
        const answer = await fetch(address, { method: "POST", headers, body, keepalive, redirect: "manual", signal: line.signal });
        kept = answer.status === 204;
      } catch { /* no line to the server */ }
      clearTimeout(cut);
      if (!kept && last === body) last = null;
      const words = kept ? said.dataset.kept : said.dataset.lost;
      if (said.textContent !== words) said.textContent = words;
      if (kept) said.nextElementSibling.hidden = false;
    };
    const keep = (leaving = false) => {
      clearTimeout(timer);
      const body = content(form);
      if (sent || body === last) return under;
      // one at a time, and then what stands there then; a page that leaves cannot wait
      if (under && !leaving) return under.then(() => keep());
      last = body;
      const mine = post(body).then(() => { if (under === mine) under = undefined; });
      return (under = mine);
    };
    const soon = (milliseconds) => {
      sent = false;
      clearTimeout(timer);
      timer = setTimeout(keep, milliseconds);
    };
    form.addEventListener("input", () => soon(1500));
    form.addEventListener("change", () => soon(200)); // a field was left; not before the button that was pressed is heard
    document.addEventListener("visibilitychange", () => document.hidden && keep(true));
    window.addEventListener("pagehide", () => keep(true));
    const leave = () => { // it is sent itself
      clearTimeout(timer);
      sent = true;
      return under;
    };
    return { form, keep, leave };
  });
  let going = false;
  document.addEventListener("submit", (event) => {
    const { target, submitter } = event;
    if (going) return;
    const waits = keepers.map((each) => (each.form === target ? each.leave() : each.keep())).filter(Boolean);
    if (!waits.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const long = new Promise((done) => setTimeout(done, 3000));
    Promise.race([Promise.all(waits), long]).then(() => {
      going = true;
      target.requestSubmit(submitter);
      going = false;
    });
  }, { capture: true });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.once === undefined) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 8000);
  });

  // what is swapped gives back what one had there: where the focus was, and what was unfolded
  const name = (node) => node.id || node.getAttribute("href") || node.textContent.trim();
  let held = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail;
    const unfolded = [...target.querySelectorAll("details[open] > summary")].map(name);
    const focus = target.contains(document.activeElement) && target !== document.activeElement
      ? [document.activeElement.tagName, name(document.activeElement)] : null;
    held = { unfolded, focus };
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event.detail;
    const heading = target.querySelector("[data-title]");
    const site = document.title.slice(document.title.lastIndexOf(" · "));
    if (heading) document.title = heading.dataset.title + site;
    for (const words of target.querySelectorAll("summary")) {
      if (held?.unfolded.includes(name(words))) words.parentElement.open = true;
    }
    if (held?.focus && (document.activeElement === document.body || !document.activeElement)) {
      const again = [...target.querySelectorAll(held.focus[0])].find((each) => name(each) === held.focus[1]);
      (again || document.getElementById("main")).focus({ preventScroll: true });
    }
    held = null;
  });

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
  for (const words of document.querySelectorAll("[data-no-print]")) words.hidden = true;

  document.addEventListener("keydown", (event) => {
    const list = event.target.closest?.("[data-arrows]");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!list || !step || event.altKey || event.ctrlKey || event.metaKey) return;
    const links = [...list.querySelectorAll("tbody a")];
    const next = links[links.indexOf(event.target) + step];
    if (next) next.focus();
    event.preventDefault();
  });

  // The server counts how long nobody was here; this page tells it when a key was pressed or a finger was there, asks
  // how long is left, warns in the last minute and goes to the lock; a resident has none and is signed out.
  const { idle, alive } = document.body.dataset;
  const locked = document.getElementById("lock-form");
  const form = locked ?? document.getElementById("out-form");
  if (!idle || !form) return;
  const warning = document.getElementById("idle");
  let touched = false; // opening the page was counted by the server itself
  let until = Date.now() + idle * 1000; // by our own clock, should the server not answer
  let timer;

  const lock = () => {
    if (!locked) return location.assign(location.pathname + location.search); // the server has ended it: signing in leads back here
    form.elements.do.value = "idle";
    form.submit();
  };
  const look = async () => {
    clearTimeout(timer);
    if (touched) until = Date.now() + idle * 1000;
    let left = (until - Date.now()) / 1000;
    try {
      const said = await fetch(alive, {
        method: touched ? "POST" : "GET",
        headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
        redirect: "manual",
      });
      left = said.ok ? (await said.json()).left : 0;
    } catch { /* no line to the server: our own clock goes on */ }
    touched = false;
    if (left <= 0) return lock();
    warning.hidden = left > 60;
    timer = setTimeout(look, 1000 * (left > 60 ? Math.min(60, left - 59) : left + 1));
  };
  const here = () => {
    touched = true;
    if (!warning.hidden) look();
  };
  for (const sign of ["keydown", "pointerdown", "pointermove", "wheel"]) {
    document.addEventListener(sign, here, { capture: true, passive: true });
  }
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  timer = setTimeout(look, 1000 * Math.min(60, idle / 2));
})();
