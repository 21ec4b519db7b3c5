(() => {
  "use strict";
  const { isNarrow, prepared, rows } = chartsOfUptake;
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const printing = { on: false, opened: [] };
  const drawn = new Map(); // chart element -> {view, mode, narrow}

  const modeOf = (name) => document.querySelector(`input[name="${name}"]:checked`)?.value || "absolute";

  async function draw(element) {
    const name = element.dataset.chart;
    const chart = data.charts[name];
    const narrow = isNarrow(element);
    const mode = modeOf(name);
    const old = drawn.get(element);
    drawn.set(element, { narrow, mode });
    const spec = prepared(chart, mode, narrow);
    const night = dark.matches && !printing.on;
    element.classList.toggle("narrow", narrow);
    if (old?.view) old.view.finalize();
    let result;
    try {
      result = await window.vegaEmbed(element, spec, {
        config: night ? data.dark : data.light, actions: false, renderer: printing.on ? "svg" : "canvas", ast: true,
        tooltip: { theme: night ? "dark" : "light" },
      });
    } catch (error) {
      element.textContent = `This chart could not be drawn (${error.message}); its figures stand in the tables.`;
      return;
    }
    const now = drawn.get(element);
    if (now.view || now.mode !== mode || now.narrow !== narrow) result.finalize(); // overtaken by a later drawing
    else now.view = result;
    const zeros = element.parentElement.querySelector(".logonly");
    if (zeros) zeros.classList.toggle("on", mode === "log");
  }

  const charts = [...document.querySelectorAll("[data-chart]")];
  // What is folded away has no width of its own: it is drawn when it is opened, and again if it has changed meanwhile.
  const visible = (element) => (element.checkVisibility ? element.checkVisibility() : true) && element.clientWidth > 0;
  const near = (element) => visible(element) && element.getBoundingClientRect().top < innerHeight + 400;
  const fits = (element) => {
    const picture = element.querySelector("canvas, svg");
    return !picture || (drawn.get(element).narrow === isNarrow(element) && Math.abs(picture.getBoundingClientRect().width - element.clientWidth) < 3);
  };
  const show = (element) => { if (!drawn.has(element) || !fits(element)) draw(element); };
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting && visible(entry.target)) show(entry.target);
  }, { rootMargin: "400px 0px" });
  for (const element of charts) {
    if (near(element)) draw(element); // at once, not at the observer's leisure
    watch.observe(element);
  }

  document.addEventListener("toggle", ({ target }) => {
    if (target.open) [...target.querySelectorAll("[data-chart]")].filter(near).forEach(show);
  }, true);

  // An address leads to what is folded away too: all that it stands in is opened.
  function reveal() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let at = target.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
    target.scrollIntoView();
    [...target.querySelectorAll(":scope > [data-chart]")].filter(visible).forEach(show);
  }
  window.addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) reveal(); // the same place again, folded in the meantime
  });
  reveal();

  document.addEventListener("change", (event) => {
    const set = event.target.closest(".modes");
    if (set) draw(document.getElementById(set.dataset.for));
  });
  const again = () => {
    for (const element of [...drawn.keys()]) {
      if (visible(element)) draw(element);
      else { drawn.get(element).view?.finalize(); drawn.delete(element); element.replaceChildren(); }
    }
  };
  dark.addEventListener("change", again);
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      for (const element of drawn.keys()) if (visible(element) && !fits(element)) draw(element);
    }, 150);
  });
  window.addEventListener("beforeprint", () => {
    printing.on = true;
    printing.opened = [...document.querySelectorAll("details.place:not([open]), details.fold:not([open])")];
    for (const details of printing.opened) details.open = true;
    charts.filter(visible).forEach(draw);
  });
  window.addEventListener("afterprint", () => {
    printing.on = false;
    for (const details of printing.opened) details.open = false;
    again();
  });

  // All figures of a chart, listed when asked for: the same columns that the chart is drawn from.
  const cell = (row, tag, text, className) => {
    const made = row.appendChild(document.createElement(tag));
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const BOUNDS = ["", "≥ ", "≈ "];
  function list(details) {
    const target = details.querySelector("div");
    if (target.firstChild) return;
    const spec = data.charts[details.dataset.all].spec;
    const params = Object.fromEntries(spec.params.map((p) => [p.name, p.value]));
    const lines = rows(spec.datasets.figures).sort((a, b) => b.t - a.t || a.k - b.k);
    const table = document.createElement("table");
    const top = table.createTHead().insertRow();
    for (const name of ["Topic", "Date", "Value", "From"]) cell(top, "th", name, name === "Value" ? "n" : "");
    const body = table.createTBody();
    for (const line of lines) {
      const row = body.insertRow();
      cell(row, "th", params.titles[line.k]);
      cell(row, "td", new Date(line.t * 1000).toISOString().slice(0, 10));
      cell(row, "td", BOUNDS[line.b] + line.v.toLocaleString("en"), "n");
      const notes = [params.pages[line.e] || "—"];
      if (line.o) notes.push("imported");
      if (line.x) notes.push("doubtful, used in nothing");
      cell(row, "td", notes.join(" · "));
    }
    target.append(table);
  }
  document.querySelectorAll("[data-all]").forEach((details) =>
    details.addEventListener("toggle", () => details.open && list(details)));
})();
