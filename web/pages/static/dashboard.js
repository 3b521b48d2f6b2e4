// The dashboard's chart, drawn from its table of days; and what htmx leaves to be done when the figures are others.

const MOST_BARS = 62; // more days than that are a line
const MEASURES = ["cost", "conversions", "clicks", "views"];
const MINUS = "\u2212";

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

let chart;

// The table has the latest day first.
function readDays() {
  return [...document.querySelectorAll("#days tr")].reverse().map((row) => {
    const cells = [...row.querySelectorAll("data")];
    return {
      title: row.querySelector("th").textContent,
      tick: shortDay.format(new Date(row.dataset.day)),
      values: Object.fromEntries(MEASURES.map((measure, n) => [measure, Number(cells[n].value)])),
      texts: Object.fromEntries(MEASURES.map((measure, n) => [measure, cells[n].textContent])),
      changed: row.lastElementChild.firstChild.textContent.trim(),
      restated: "restated" in row.dataset,
      provisional: "provisional" in row.dataset,
    };
  });
}

function chosen() {
  const radios = [...document.querySelectorAll("[name=measure]")];
  const kept = radios.find((radio) => radio.value === sessionStorage.measure);
  if (kept) kept.checked = true;
  return radios.find((radio) => radio.checked).value;
}

// As the table's head has it: the amount's currency is there.
function label(measure) {
  return document.querySelectorAll(".days thead th")[1 + MEASURES.indexOf(measure)].textContent;
}

// A line under the days that are restated.
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
  const measure = chosen();
  const bars = days.length <= MOST_BARS;
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
  canvas.setAttribute("aria-label", describe(days, measure));
  chart = new Chart(canvas, {
    data: { labels: days.map((day) => day.tick), datasets: [{ ...series, data: days.map((day) => day.values[measure]) }] },
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
          ticks: { color: muted, font, maxTicksLimit: 6, precision: measure === "cost" ? undefined : 0, callback: (value) => short.format(value) },
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
            label: (item) => [measure, ...MEASURES.filter((each) => each !== measure)].map((each) => `${label(each)}: ${days[item.dataIndex].texts[each]}`),
            footer: ([item]) => remark(days[item.dataIndex]),
          },
        },
      },
    },
  });
}

function remark(day) {
  if (day.provisional) return "Not over yet: provisional";
  return day.restated ? `Restated, last on ${day.changed}` : "";
}

function describe(days, measure) {
  const by = (compare) => days.reduce((best, day) => (compare(day.values[measure], best.values[measure]) ? day : best));
  const most = by((a, b) => a > b);
  const least = by((a, b) => a < b);
  const of = (day) => `${day.texts[measure].replace(MINUS, "minus ")} on ${day.title}`;
  return `Chart of the figures by day, ${days[0].title} to ${days.at(-1).title}. ${label(measure)}: highest ${of(most)}, lowest ${of(least)}. All figures are in the table “Figures by day”.`;
}

document.addEventListener("change", (event) => {
  if (event.target.name !== "measure") return;
  sessionStorage.measure = event.target.value;
  draw();
});
dark.addEventListener("change", draw);

// What is wrong with the dates is said by a page of status 400, which is to be shown, too.
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
