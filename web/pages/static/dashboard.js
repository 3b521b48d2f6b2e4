// Draws a dashboard's chart from its table of days, weeks or months, and redraws it after htmx replaces the table.

const MAX_BARS = 62; // more days are drawn as a line
const METRICS = ["cost", "conversions", "clicks", "views", "cpa", "rate"];
const MONEY = ["cost", "cpa"];
const MINUS = "\u2212";

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

let chart;

// The table may have any order.
function readDays() {
  const rows = [...document.querySelectorAll("#days tr")].sort((a, b) => a.dataset.order - b.dataset.order);
  return rows.map((row) => {
    const cells = [...row.querySelectorAll("data")];
    const of = (read) => Object.fromEntries(METRICS.map((metric, n) => [metric, read(cells[n])]));
    return {
      title: row.querySelector("th").firstChild.textContent.trim(),
      tick: row.dataset.tick,
      values: of((cell) => (cell.value === "" ? null : Number(cell.value))),
      texts: of((cell) => cell.textContent.trim()),
      previous: of((cell) => (cell.dataset.previous ? Number(cell.dataset.previous) : null)),
      compared: of((cell) => cell.dataset.previousText),
      changed: row.querySelector("td:last-child:not(.num)")?.firstChild.textContent.trim(),
      restated: "restated" in row.dataset,
      open: "open" in row.dataset,
    };
  });
}

function chosen() {
  const radios = [...document.querySelectorAll("[name=metric]")];
  const kept = radios.find((radio) => radio.value === sessionStorage.metric);
  if (kept) kept.checked = true;
  return radios.find((radio) => radio.checked).value;
}

// From the table's head, which includes the currency.
function label(metric) {
  return document.querySelectorAll(".days thead th")[1 + METRICS.indexOf(metric)].textContent.trim();
}

// A line below restated days.
const restatedMarks = {
  id: "restatedMarks",
  afterDatasetsDraw({ ctx, chartArea, scales }, _, { days }) {
    const width = Math.max(2, (chartArea.width / days.length) * 0.72);
    ctx.fillStyle = color("--chart-2");
    days.forEach((day, n) => {
      if (day.restated) ctx.fillRect(scales.x.getPixelForValue(n) - width / 2, chartArea.bottom + 2, width, 3);
    });
  },
};

function draw() {
  chart?.destroy();
  chart = undefined;
  const canvas = document.querySelector(".chart canvas"); // without an id, or htmx would copy its style attribute, against the policy
  if (!canvas) return;
  const days = readDays();
  const metric = chosen();
  const bars = days.length <= MAX_BARS;
  const main = color("--chart-1");
  const [muted, line, surface, text] = ["--muted", "--line", "--surface", "--text"].map(color);
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
  const series = bars
    ? {
        type: "bar",
        backgroundColor: days.map((day) => (day.open ? `${main}66` : main)),
        hoverBackgroundColor: color("--accent-strong"),
        borderRadius: 3,
        barPercentage: 0.8,
        categoryPercentage: 0.9,
        maxBarThickness: 48,
      }
    : {
        type: "line",
        borderColor: main,
        backgroundColor: `${main}1f`,
        fill: true,
        borderWidth: 1.75,
        pointRadius: 0,
        pointHoverRadius: 4,
        pointHoverBackgroundColor: main,
        segment: { borderDash: ({ p1DataIndex }) => (days[p1DataIndex].open ? [4, 4] : undefined) },
      };
  const compared = days.some((day) => day.previous[metric] !== null);
  const comparison = {
    type: "line",
    data: days.map((day) => day.previous[metric]),
    borderColor: muted,
    borderDash: [4, 3],
    borderWidth: 1.5,
    pointRadius: days.length === 1 ? 3 : 0,
    pointHoverRadius: 3,
    pointHoverBackgroundColor: muted,
  };
  const format = metric === "rate" ? percent : short;
  canvas.setAttribute("aria-label", describe(days, metric));
  chart = new Chart(canvas, {
    data: { labels: days.map((day) => day.tick), datasets: [{ ...series, data: days.map((day) => day.values[metric]), order: 1 }, ...(compared ? [comparison] : [])] },
    plugins: [restatedMarks],
    options: {
      animation: still.matches ? false : { duration: 250 },
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: {
          grid: { display: false },
          border: { color: line },
          ticks: { color: muted, font, padding: 6, maxRotation: 0, autoSkipPadding: 16 },
        },
        y: {
          beginAtZero: true,
          suggestedMax: metric === "rate" ? 0.01 : 1,
          border: { display: false },
          grid: { color: line },
          ticks: { color: muted, font, maxTicksLimit: 6, precision: MONEY.includes(metric) || metric === "rate" ? undefined : 0, callback: (value) => format.format(value) },
        },
      },
      plugins: {
        legend: { display: false },
        restatedMarks: { days },
        tooltip: {
          backgroundColor: surface,
          borderColor: line,
          borderWidth: 1,
          titleColor: text,
          bodyColor: text,
          footerColor: muted,
          titleFont: { ...font, weight: "600" },
          bodyFont: { ...font, size: 13 },
          footerFont: { ...font, weight: "400" },
          padding: 10,
          cornerRadius: 8,
          displayColors: false,
          filter: (item) => item.datasetIndex === 0,
          callbacks: {
            title: ([item]) => days[item.dataIndex].title,
            label: (item) => lines(days[item.dataIndex], metric),
            footer: ([item]) => remark(days[item.dataIndex]),
          },
        },
      },
    },
  });
}

// The chosen metric first, with what it is compared with.
function lines(day, metric) {
  const before = document.querySelector(".of-comparison");
  return [
    `${label(metric)}: ${day.texts[metric]}`,
    ...(before && day.compared[metric] ? [`${before.textContent.trim()}: ${day.compared[metric]}`] : []),
    ...METRICS.filter((each) => each !== metric).map((each) => `${label(each)}: ${day.texts[each]}`),
  ];
}

function remark(day) {
  if (day.open) return "Not over yet";
  return day.restated ? `Restated, last changed ${day.changed}` : "";
}

function describe(days, metric) {
  const known = days.filter((day) => day.values[metric] !== null);
  const name = document.querySelector("#days-details summary").textContent.toLowerCase();
  const start = `Chart of the ${name}, ${days[0].title} to ${days.at(-1).title}.`;
  if (!known.length) return `${start} ${label(metric)}: none.`;
  const by = (compare) => known.reduce((best, day) => (compare(day.values[metric], best.values[metric]) ? day : best));
  const most = by((a, b) => a > b);
  const least = by((a, b) => a < b);
  const of = (day) => `${day.texts[metric].replace(MINUS, "minus ")} on ${day.title}`;
  return `${start} ${label(metric)}: highest ${of(most)}, lowest ${of(least)}. The table below has all values.`;
}

document.addEventListener("change", (event) => {
  if (event.target.name !== "metric") return;
  sessionStorage.metric = event.target.value;
  draw();
});
dark.addEventListener("change", draw);

// Invalid dates return a page with status 400, which is shown as well.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target.id === "report" && detail.xhr.status === 400) {
    detail.shouldSwap = true;
    detail.isError = false;
  }
});
document.addEventListener("htmx:afterSettle", () => {
  draw();
  document.getElementById("shown").textContent = `Shown: ${document.getElementById("report").dataset.shown}`;
});

draw();
