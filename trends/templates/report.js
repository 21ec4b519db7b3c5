(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const printing = { on: false };
  const drawn = new Map(); // chart element -> {view, mode, narrow}

  const set = (spec, patch) => {
    for (const [path, value] of patch) {
      let at = spec;
      for (const step of path.slice(0, -1)) at = at[step];
      at[path[path.length - 1]] = value;
    }
    return spec;
  };

  // Columns as text become rows here: Vega's own CSV reader compiles code, which this page's policy forbids.
  const rows = (csv) => {
    const [head, ...lines] = csv.trim().split("\n").map((line) => line.split(","));
    return lines.map((line) => Object.fromEntries(head.map((name, i) => [name, line[i] === "" ? null : isNaN(line[i]) ? line[i] : +line[i]])));
  };
  function unpack(spec) {
    for (const layer of spec.layer) if (layer.data) delete layer.data.format;
    for (const name of ["figures", "strip"]) spec.datasets[name] = rows(spec.datasets[name]);
    return spec;
  }

  const modeOf = (name) => document.querySelector(`input[name="${name}"]:checked`)?.value || "absolute";

  async function draw(element) {
    const name = element.dataset.chart;
    const chart = data.charts[name];
    const narrow = element.clientWidth < 560;
    const mode = modeOf(name);
    const old = drawn.get(element);
    drawn.set(element, { narrow, mode });
    const spec = unpack(set(structuredClone(chart.spec), chart.modes[mode]));
    if (narrow) spec.layer = spec.layer.filter((layer) => layer.name !== "labels");
    const night = dark.matches && !printing.on;
    element.classList.toggle("narrow", narrow);
    if (old?.view) old.view.finalize();
    let result;
    try {
      result = await window.vegaEmbed(element, spec, {
        config: night ? data.dark : data.light, actions: false, renderer: "canvas", ast: true,
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
  const near = (element) => element.clientWidth > 0 && element.getBoundingClientRect().top < innerHeight + 400;
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && !drawn.has(entry.target)) draw(entry.target);
    }
  }, { rootMargin: "400px 0px" });
  for (const element of charts) {
    if (near(element)) draw(element); // at once, not at the observer's leisure
    else watch.observe(element);
  }

  document.addEventListener("change", (event) => {
    const set = event.target.closest(".modes");
    if (set) draw(document.getElementById(set.dataset.for));
  });
  const again = () => [...drawn.keys()].forEach(draw);
  dark.addEventListener("change", again);
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      for (const [element, now] of drawn) if ((element.clientWidth < 560) !== now.narrow) draw(element);
    }, 150);
  });
  window.addEventListener("beforeprint", () => {
    printing.on = true;
    charts.filter((element) => element.clientWidth > 0).forEach(draw);
  });
  window.addEventListener("afterprint", () => { printing.on = false; again(); });

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
