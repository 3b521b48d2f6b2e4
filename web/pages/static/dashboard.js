// Draws the dashboard's chart from its table of days, and redraws it after htmx replaces the table.

const MAX_BARS = 62; // more days are drawn as a line
const METRICS = ["cost", "conversions", "clicks", "views"];
const MINUS = "\u2212";

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

let chart;

// The table lists the latest day first.
function readDays() {
  return [...document.querySelectorAll("#days tr")].reverse().map((row) => {
    const cells = [...row.querySelectorAll("data")];
    return {
      title: row.querySelector("th").textContent,
      tick: shortDay.format(new Date(row.dataset.day)),
      values: Object.fromEntries(METRICS.map((metric, n) => [metric, Number(cells[n].value)])),
      texts: Object.fromEntries(METRICS.map((metric, n) => [metric, cells[n].textContent])),
      changed: row.lastElementChild.firstChild.textContent.trim(),
      restated: "restated" in row.dataset,
      provisional: "provisional" in row.dataset,
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
  return document.querySelectorAll(".days thead th")[1 + METRICS.indexOf(metric)].textContent;
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
        backgroundColor: days.map((day) => (day.provisional ? `${main}66` : main)),
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
        segment: { borderDash: ({ p1DataIndex }) => (days[p1DataIndex].provisional ? [4, 4] : undefined) },
      };
  canvas.setAttribute("aria-label", describe(days, metric));
  chart = new Chart(canvas, {
    data: { labels: days.map((day) => day.tick), datasets: [{ ...series, data: days.map((day) => day.values[metric]) }] },
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
          suggestedMax: 1,
          border: { display: false },
          grid: { color: line },
          ticks: { color: muted, font, maxTicksLimit: 6, precision: metric === "cost" ? undefined : 0, callback: (value) => short.format(value) },
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
          callbacks: {
            title: ([item]) => days[item.dataIndex].title,
            label: (item) => [metric, ...METRICS.filter((each) => each !== metric)].map((each) => `${label(each)}: ${days[item.dataIndex].texts[each]}`),
            footer: ([item]) => remark(days[item.dataIndex]),
          },
        },
      },
    },
  });
}

function remark(day) {
  if (day.provisional) return "Provisional";
  return day.restated ? `Restated, last changed ${day.changed}` : "";
}

function describe(days, metric) {
  const by = (compare) => days.reduce((best, day) => (compare(day.values[metric], best.values[metric]) ? day : best));
  const most = by((a, b) => a > b);
  const least = by((a, b) => a < b);
  const of = (day) => `${day.texts[metric].replace(MINUS, "minus ")} on ${day.title}`;
  return `Chart of the data by day, ${days[0].title} to ${days.at(-1).title}. ${label(metric)}: highest ${of(most)}, lowest ${of(least)}. The table “Data by day” has all values.`;
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
