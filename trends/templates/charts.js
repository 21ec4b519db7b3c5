// What the report and the web's pages share: a chart's specification made ready for Vega, in this page.
const chartsOfUptake = (() => {
  "use strict";
  const set = (spec, patch) => {
    for (const [path, value] of patch || []) {
      let at = spec;
      for (const step of path.slice(0, -1)) at = at[step];
      at[path[path.length - 1]] = value;
    }
    return spec;
  };
  // Columns as text become rows here: Vega's own CSV reader compiles code, which the page's policy forbids.
  const rows = (csv) => {
    const [head, ...lines] = csv.trim().split("\n").map((line) => line.split(","));
    return lines.map((line) => Object.fromEntries(head.map((name, i) => [name, line[i] === "" ? null : isNaN(line[i]) ? line[i] : +line[i]])));
  };
  const isNarrow = (element) => element.clientWidth < 560;

  // One mode of a chart ({spec, modes}), without the names at the lines' ends where there is no room for them.
  function prepared(chart, mode, narrow) {
    const spec = set(structuredClone(chart.spec), chart.modes[mode]);
    for (const layer of spec.layer) if (layer.data) delete layer.data.format;
    for (const [name, table] of Object.entries(spec.datasets)) if (typeof table === "string") spec.datasets[name] = rows(table);
    if (narrow) spec.layer = spec.layer.filter((layer) => layer.name !== "labels");
    return spec;
  }
  return { isNarrow, prepared, rows };
})();
