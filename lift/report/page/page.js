"use strict";
// The answers browser. Texts of models and problems become text nodes, never markup.
(() => {
  const CORRECT = 1, INVALID = 2, TRUNCATED = 4; // as FLAGS in answers.py
  const PAGE = 10;
  const FILTERS = {
    all: ["all", () => true],
    "a-only": ["A right, B wrong", (a, b) => a && !b],
    "b-only": ["B right, A wrong", (a, b) => b && !a],
    neither: ["both wrong", (a, b) => !a && !b],
    both: ["both right", (a, b) => a && b],
  };
  const byId = (id) => document.getElementById(id);
  const parsed = new Map();
  const data = (id) => {
    if (!parsed.has(id)) parsed.set(id, JSON.parse(byId(id).textContent));
    return parsed.get(id);
  };
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const mark = (kind, text) => element("span", { class: `mark ${kind}` }, text);
  const verdict = (right) => (right ? mark("right", "✓ right") : mark("wrong", "✗ wrong"));

  const index = data("answers-index");
  const PLACES = ["model", "benchmark", "decoder", "a", "b", "seedA", "seedB", "filter"]; // as in the address
  const state = { page: 0 };

  const ofModel = () => index.runs.filter((run) => run.model === state.model || run.model === "none");
  const runsOf = () => ofModel().filter((run) => run.benchmark === state.benchmark && run.decoder === state.decoder);
  const seedsOf = (method) => runsOf().filter((run) => run.method === method);
  const runOf = (method, seed) => runsOf().find((run) => run.method === method && String(run.seed) === seed);
  const chosen = (wanted, options, otherwise) =>
    options.includes(wanted) ? wanted : options.includes(otherwise) ? otherwise : options[0];

  // What does not exist is replaced by what does, from the model down to the seeds.
  const settle = () => {
    state.model = chosen(state.model, index.models);
    const here = ofModel();
    const benchmarks = Object.keys(index.benchmarks).filter((name) => here.some((run) => run.benchmark === name));
    state.benchmark = chosen(state.benchmark, benchmarks);
    const decoders = index.benchmarks[state.benchmark].decoders.filter((name) =>
      here.some((run) => run.benchmark === state.benchmark && run.decoder === name)
    );
    state.decoder = chosen(state.decoder, decoders);
    const methods = index.methods.filter((name) => seedsOf(name).some((run) => run.data));
    state.a = chosen(state.a, methods, methods.find((name) => name !== index.reference && name !== "guess"));
    state.b = chosen(state.b, methods, index.reference);
    const seeds = (method) => seedsOf(method).filter((run) => run.data).map((run) => String(run.seed));
    state.seedA = chosen(state.seedA, seeds(state.a));
    state.seedB = chosen(state.seedB, seeds(state.b));
    if (!FILTERS[state.filter]) state.filter = "all";
    return { model: index.models, benchmark: benchmarks, decoder: decoders, a: methods, b: methods };
  };

  const fill = (select, options, value) => {
    select.replaceChildren(
      ...options.map(({ name, label, disabled }) => {
        const option = new Option(label ?? name, name, false, name === value);
        option.disabled = Boolean(disabled);
        return option;
      })
    );
  };

  const address = () => "#answers/" + PLACES.map((name) => encodeURIComponent(state[name])).join("/");

  const fromAddress = () => {
    if (!location.hash.startsWith("#answers/")) return false;
    let parts;
    try {
      parts = location.hash.slice(9).split("/").map(decodeURIComponent);
    } catch {
      return false; // a broken escape
    }
    PLACES.forEach((name, place) => (state[name] = parts[place] ?? ""));
    state.page = 0;
    return true;
  };

  const fileLink = (run, kind) => {
    const path = [kind, run.model, run.method, `seed${run.seed}`, run.decoder, run.benchmark].map(encodeURIComponent);
    const name = path.join("/") + (kind === "generations" ? ".jsonl" : ".csv");
    return element("a", { href: name }, `all ${kind}`);
  };

  const entry = () => index.benchmarks[state.benchmark];
  const sampled = () => entry().metric.startsWith("pass@");
  const isRight = (answers, place) =>
    sampled() ? answers.right[place] > 0 : Boolean(answers.samples[place][0]?.[3] & CORRECT);

  const showSample = (box, sample) => {
    box.replaceChildren();
    if (!sample) return box.append(element("p", { class: "soft" }, "no answer on file"));
    const [, text, extracted, flags, cells] = sample;
    const line = element("p", { class: "asked" }, verdict(flags & CORRECT), " ");
    if (flags & INVALID) line.append(mark("invalid", "⚠ invalid: no answer found"), " ");
    else line.append(element("span", { class: "key" }, "extracted "), element("code", {}, extracted), " ");
    if (flags & TRUNCATED) line.append(mark("truncated", "… truncated: no end token"), " ");
    if (cells) line.append(mark("cells", `${cells} cells right`));
    const words = element("pre", { class: "text", tabindex: "0", role: "region", "aria-label": "answer" }, text);
    if (!text) words.append(element("em", { class: "soft" }, "(empty)"));
    box.append(line, words);
  };

  const side = (letter, run, answers, place) => {
    const samples = answers.samples[place];
    const title = element("h4", {}, `${letter}: ${run.method}, seed ${run.seed}`);
    const picked = element("div", { class: "samples" });
    const box = element("div");
    // of several samples, the first right one is what a right problem rests on
    const start = sampled() ? Math.max(0, samples.findIndex((sample) => sample[3] & CORRECT)) : 0;
    if (answers.of[place] > 1) {
      picked.append(mark("", `${answers.right[place]} of ${answers.of[place]} samples right`));
      if (answers.right[place] && !samples.some((sample) => sample[3] & CORRECT)) {
        picked.append(element("span", { class: "soft" }, "(the right ones are not in this page)"));
      }
      if (samples.length > 1) {
        const select = element("select", { "aria-label": `sample shown of ${letter}` });
        const options = samples.map((sample, i) => ({
          name: String(i),
          label: `sample ${sample[0]}: ${sample[3] & CORRECT ? "✓ right" : "✗ wrong"}`,
        }));
        fill(select, options, String(start));
        select.addEventListener("change", () => showSample(box, samples[Number(select.value)]));
        picked.append(select);
      } else picked.append(element("span", { class: "soft" }, `shown: sample ${samples[0][0]}`));
    }
    showSample(box, samples[start]);
    return element("section", { class: "side", "aria-label": `answer of ${letter}` }, title, picked, box);
  };

  const draw = () => {
    for (const [name, options] of Object.entries(settle())) {
      fill(byId(`choose-${name}`), options.map((one) => ({ name: one })), state[name]);
    }
    for (const [letter, method] of [["A", state.a], ["B", state.b]]) {
      const seeds = seedsOf(method).map((run) => ({
        name: String(run.seed),
        label: run.data ? String(run.seed) : `${run.seed} (left out)`,
        disabled: !run.data,
      }));
      fill(byId(`choose-seed${letter}`), seeds, state[`seed${letter}`]);
    }
    const problems = data(entry().data);
    const runs = { A: runOf(state.a, state.seedA), B: runOf(state.b, state.seedB) };
    const [a, b] = [data(runs.A.data), data(runs.B.data)];
    const outcome = problems.map((_, place) => [isRight(a, place), isRight(b, place)]);
    const passing = (name) => [...outcome.keys()].filter((place) => FILTERS[name][1](...outcome[place]));

    byId("answers-filters").replaceChildren(
      ...Object.entries(FILTERS).map(([name, [label]]) => {
        const pressed = String(name === state.filter);
        const button = element("button", { type: "button", "aria-pressed": pressed }, `${label}: ${passing(name).length}`);
        button.addEventListener("click", () => {
          update({ filter: name });
          byId("answers-filters").querySelector("[aria-pressed=true]").focus();
        });
        return button;
      })
    );

    const { kept, total, metric } = entry();
    const whole = kept < total ? `the first ${kept} of ${total} problems, which are in this page` : `all ${total} problems`;
    const rule = sampled()
      ? `The table counts ${metric}; here a problem is right where at least one of its ${Math.max(...a.of)} samples is.`
      : metric === "cell_accuracy"
        ? "The table counts cells; here a problem is right where the whole grid is."
        : "A problem is right where its first answer is.";
    const sums = ["A", "B"].map((letter, i) => {
      const run = runs[letter];
      const right = outcome.filter((pair) => pair[i]).length;
      const files = [fileLink(run, "generations"), ", ", fileLink(run, "grades")];
      return element("li", {}, `${letter}: ${run.method}, seed ${run.seed}: ${right} of ${kept} right (`, ...files, ")");
    });
    byId("answers-sums").replaceChildren(
      element("p", {}, `Counts are over ${whole}, for one seed of each method; the tables are over all seeds. ${rule}`),
      element("ul", {}, ...sums)
    );

    const shown = passing(state.filter);
    const last = Math.max(0, Math.ceil(shown.length / PAGE) - 1);
    state.page = Math.min(state.page, last);
    const from = state.page * PAGE;
    const part = shown.slice(from, from + PAGE);
    byId("answers-list").replaceChildren(
      ...part.map((place) => {
        const problem = problems[place];
        return element(
          "article",
          { class: "problem" },
          element("h3", {}, `Problem ${problem.id} `, element("small", {}, "A ", verdict(outcome[place][0]), " B ", verdict(outcome[place][1]))),
          element("pre", { class: "asked text", tabindex: "0", role: "region", "aria-label": "question" }, problem.question),
          element("p", { class: "asked" }, element("span", { class: "key" }, "reference answer "), element("code", {}, problem.answer)),
          element("div", { class: "sides" }, side("A", runs.A, a, place), side("B", runs.B, b, place))
        );
      })
    );
    byId("answers-where").textContent = part.length
      ? `${from + 1} to ${from + part.length} of ${shown.length}`
      : "no problem of this kind";
    byId("answers-back").disabled = state.page === 0;
    byId("answers-on").disabled = state.page === last;
  };

  const update = (changes) => {
    Object.assign(state, changes, { page: 0 });
    draw();
    history.replaceState(null, "", address());
  };

  if (!index.runs.some((run) => run.data)) return;
  for (const name of PLACES.slice(0, -1)) {
    byId(`choose-${name}`).addEventListener("change", (event) => update({ [name]: event.target.value }));
  }
  for (const [id, step] of [["answers-back", -1], ["answers-on", 1]]) {
    byId(id).addEventListener("click", () => {
      state.page += step;
      draw();
      byId("answers-list").focus({ preventScroll: true }); // the button may have become disabled
      byId("answers-list").scrollIntoView();
    });
  }
  const follow = () => {
    if (!fromAddress()) return;
    draw();
    byId("answers").scrollIntoView();
  };
  addEventListener("hashchange", follow);
  byId("answers-browser").hidden = false;
  if (location.hash.startsWith("#answers/")) follow();
  else draw();
})();

// On paper, everything is open.
const opened = [];
addEventListener("beforeprint", () => {
  opened.push(...document.querySelectorAll("details:not([open])"));
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened.splice(0)) details.open = false;
});
