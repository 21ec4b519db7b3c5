(() => {
  "use strict";
  const { isNarrow, prepared } = chartsOfUptake;
  document.documentElement.classList.add("scripted");
  const form = document.getElementById("view");

  // A form that is a view goes to its address at once; what is empty does not stand in it.
  function go() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value !== "") query.append(name, value);
    const all = form.querySelectorAll('input[name="topic"]').length;
    if (all && query.getAll("topic").length === all) query.delete("topic");
    if (query.get("scale") === "absolute") query.delete("scale");
    if (query.get("scale") !== "indexed") query.delete("base");
    location.assign(`${location.pathname}?${query}`);
  }
  if (form) {
    form.addEventListener("submit", (event) => { event.preventDefault(); go(); });
    let waiting = 0;
    form.addEventListener("change", (event) => {
      clearTimeout(waiting);
      if (event.target.name === "scale" && shown && event.target.value in (shown.modes || {}) && shown.mode !== undefined && !indexed) {
        shown.mode = event.target.value; // the same figures in another scale need no new page
        const address = new URL(location);
        if (shown.mode === "absolute") address.searchParams.delete("scale");
        else address.searchParams.set("scale", shown.mode);
        history.replaceState(null, "", address);
        draw();
        return;
      }
      waiting = setTimeout(go, event.target.type === "date" || event.target.type === "checkbox" ? 900 : 0);
    });
  }

  for (const table of document.querySelectorAll(".calendar")) table.parentElement.scrollLeft = table.parentElement.scrollWidth; // today

  const element = document.getElementById("chart");
  const source = document.getElementById("data");
  const shown = source && JSON.parse(source.textContent);
  const indexed = form?.querySelector('input[name="scale"]:checked')?.value === "indexed";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let now = null;

  let turn = 0;
  async function draw() {
    const mine = ++turn;
    const narrow = isNarrow(element);
    const spec = prepared(shown, shown.mode, narrow);
    element.classList.toggle("narrow", narrow);
    let result;
    try {
      result = await window.vegaEmbed(element, spec, {
        config: dark.matches ? shown.dark : shown.light, actions: false, renderer: "canvas", ast: true,
        defaultStyle: false, logLevel: 1, tooltip: { disableDefaultStyle: true },
      });
    } catch (error) {
      element.textContent = `This chart could not be drawn (${error.message}); its figures stand in the table.`;
      return;
    }
    if (mine !== turn) { result.finalize(); return; }
    now?.finalize();
    now = result;
    element.dataset.drawn = shown.mode;
  }

  // A drag across the chart asks for that range; the dates in the form do the same by keyboard.
  function zoomable() {
    let from = null;
    const mark = document.createElement("div");
    mark.className = "pick";
    mark.hidden = true;
    const inside = (event) => event.clientX - element.getBoundingClientRect().left;
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      from = inside(event);
      element.append(mark);
    });
    window.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const to = inside(event);
      mark.hidden = Math.abs(to - from) < 8;
      mark.style.left = `${Math.min(from, to)}px`;
      mark.style.width = `${Math.abs(to - from)}px`;
    });
    window.addEventListener("pointerup", (event) => {
      if (from === null) return;
      const ends = [from, inside(event)].sort((a, b) => a - b);
      from = null;
      mark.hidden = true;
      if (ends[1] - ends[0] < 8 || !now) return;
      const view = now.view;
      const left = (view.padding().left || 0) + view.origin()[0] + element.querySelector("canvas").offsetLeft;
      const [first, last] = ends.map((x) => new Date(+view.scale("x").invert(x - left)).toISOString().slice(0, 10));
      form.elements.from.value = first;
      form.elements.to.value = last;
      go();
    });
  }

  if (element && shown && window.vegaEmbed) {
    draw();
    if (form?.elements.from?.type === "date") zoomable();
    dark.addEventListener("change", draw);
    let waiting = 0, width = element.clientWidth;
    window.addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { if (Math.abs(element.clientWidth - width) > 2) { width = element.clientWidth; draw(); } }, 150);
    });
  }
})();
