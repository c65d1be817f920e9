// Draws a chart from a table that is on the page anyway: a box marked data-chart names the columns (by number) whose
// words and numbers are drawn. The large library is fetched only when a chart comes into view; without this file, on
// paper and for screen readers there is the table.
(() => {
  "use strict";
  const library = document.currentScript.dataset.echarts;
  let fetched = null;
  const echarts = () =>
    (fetched ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = library;
      script.onload = () => done(window.echarts);
      script.onerror = failed;
      document.head.append(script);
    }));

  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

  // what the rows say: [{name, values, said}], small and withheld counts as gaps
  const read = (box) => {
    const at = Number(box.dataset.names);
    const columns = box.dataset.values.split(" ").map(Number);
    const rows = [...box.querySelectorAll("tbody tr")].map((row) => ({
      name: row.cells[at].textContent.trim(),
      values: columns.map((column) => {
        const number = row.cells[column].querySelector("data");
        return number ? Number(number.value) : null;
      }),
      said: columns.map((column) => row.cells[column].textContent.trim()),
    }));
    // a gap says something in a course of months; a bar that is not there says nothing
    return box.dataset.lying === undefined ? rows : rows.filter((row) => row.values.some((value) => value !== null));
  };

  const options = (box, rows) => {
    const lying = box.dataset.lying !== undefined;
    const size = 0.9375 * rem();
    const text = { color: token("ink-soft"), fontSize: size, fontFamily: getComputedStyle(document.body).fontFamily };
    const heads = [...box.querySelectorAll("thead th")].map((head) => head.textContent.trim());
    const columns = box.dataset.values.split(" ").map(Number);
    const colours = [token("river-art"), token("clay-art")];
    const names = {
      type: "category",
      data: rows.map((row) => row.name),
      inverse: lying,
      axisLabel: { ...text, hideOverlap: true, ...(lying ? { width: Math.min(22 * rem(), box.clientWidth * 0.42), overflow: "break", lineHeight: 1.25 * size } : {}) },
      axisLine: { lineStyle: { color: token("line-strong") } },
      axisTick: { show: false },
    };
    const counts = {
      type: "value",
      minInterval: 1,
      splitNumber: 4,
      axisLabel: { ...text, hideOverlap: true },
      splitLine: { lineStyle: { color: token("line") } },
    };
    return {
      animation: false, // figures are looked at, not watched
      grid: { left: 4, right: lying ? 4 * size : 8, top: 16, bottom: 4, containLabel: true, outerBoundsMode: "same" },
      xAxis: lying ? counts : names,
      yAxis: lying ? names : counts,
      tooltip: {
        trigger: "axis",
        axisPointer: { type: "shadow", shadowStyle: { color: token("river-tint"), opacity: 0.5 } },
        renderMode: "richText", // the page's policy allows no styles in markup
        backgroundColor: token("surface"),
        borderColor: token("line-strong"),
        textStyle: { ...text, color: token("ink") },
        formatter: (found) => {
          const row = rows[found[0].dataIndex];
          return [row.name, ...row.said.map((said, i) => `${heads[columns[i]]} ${said}`)].join("\n");
        },
      },
      series: columns.map((column, i) => ({
        type: "bar",
        name: heads[column],
        data: rows.map((row) => row.values[i]),
        itemStyle: { color: colours[i % 2], borderRadius: lying ? [0, 3, 3, 0] : [3, 3, 0, 0] },
        barMaxWidth: 2.25 * rem(),
        label: { show: lying, position: "right", ...text, color: token("ink"), formatter: (point) => rows[point.dataIndex].said[i] },
      })),
    };
  };

  const draw = async (box) => {
    const rows = read(box);
    if (!rows.some((row) => row.values.some((value) => value))) return;
    const library = await echarts().catch(() => null);
    if (!library) return; // the table says it all
    const canvas = document.createElement("div");
    canvas.className = "chart";
    canvas.setAttribute("aria-hidden", "true"); // the table below says the same
    if (box.dataset.lying !== undefined) canvas.style.height = `${Math.max(8, 3 + rows.length * (1.25 + 1.5 * rows[0].values.length))}rem`;
    box.prepend(canvas);
    const chart = library.init(canvas, null, { renderer: "canvas" });
    const show = () => chart.setOption(options(box, rows), true);
    show();
    new ResizeObserver(() => { chart.resize(); show(); }).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  };

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll("[data-chart]")) seen.observe(box);
  });
})();
