// Everything works without this file. It keeps focus and titles right where htmx replaced part of a page,
// moves to the error summary when there is one, and stops a form from being sent twice by a double click.
(() => {
  "use strict";
  const summary = document.querySelector(".errors");
  if (summary) summary.focus();

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.once === undefined) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 8000);
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const heading = event.detail.target.querySelector("[data-title]");
    if (heading) document.title = heading.dataset.title;
  });
})();
