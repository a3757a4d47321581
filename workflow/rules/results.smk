GRADES = f"{RESULTS}/grades/{{model}}/{{method}}/seed{{seed}}"


rule judge:
    input:
        benchmarks=[f"{RESULTS}/benchmarks/{name}.jsonl" for name, _ in ANSWERS],
        answers=expand(f"{GENERATIONS}/{{path}}.jsonl", path=ANSWER_PATHS, allow_missing=True),
    output:
        grades=expand(f"{GRADES}/{{path}}.csv", path=ANSWER_PATHS, allow_missing=True),
        record=f"{GRADES}/run.json",
    log:
        f"{LOGS}/grades/{{model}}/{{method}}/seed{{seed}}.log",
    wildcard_constraints:
        model="|".join(MODELS),
    conda:
        ENVIRONMENT
    threads: CONFIG["threads"]
    resources:
        mem_mb=4000,
    params:
        graders=[PLAN[name]["grader"] for name, _ in ANSWERS],
        sandbox=CONFIG["sandbox"],
        code=fingerprint("lift.stages.judge", *(module_name("grader", plan["grader"]) for plan in PLAN.values())),
    message:
        "Grading {wildcards.model}, {wildcards.method}, seed {wildcards.seed}"
    shell:
        "python -m lift judge"
        " --benchmarks {input.benchmarks:q}"
        " --generations {input.answers:q}"
        " --graders {params.graders}"
        " --sandbox {params.sandbox}"
        " --threads {threads}"
        " --outputs {output.grades:q}"
        " --record {output.record:q}"
        " > {log:q} 2>&1"


use rule judge as judge_guesses with:
    input:
        benchmarks=[f"{RESULTS}/benchmarks/{name}.jsonl" for name, _ in GUESSED],
        answers=expand(f"{GENERATIONS}/{{path}}.jsonl", path=[p for _, p in GUESSED], allow_missing=True),
    output:
        grades=expand(f"{GRADES}/{{path}}.csv", path=[p for _, p in GUESSED], allow_missing=True),
        record=f"{GRADES}/run.json",
    wildcard_constraints:
        model="none",
    params:
        graders=[PLAN[name]["grader"] for name, _ in GUESSED],
        sandbox=CONFIG["sandbox"],
        code=fingerprint("lift.stages.judge", *(module_name("grader", PLAN[name]["grader"]) for name, _ in GUESSED)),


if FURTHER_SEEDS:

    use rule judge as judge_samples with:
        input:
            benchmarks=[f"{RESULTS}/benchmarks/{name}.jsonl" for name, _ in SAMPLED],
            answers=expand(f"{GENERATIONS}/{{path}}.jsonl", path=[p for _, p in SAMPLED], allow_missing=True),
        output:
            grades=expand(f"{GRADES}/{{path}}.csv", path=[p for _, p in SAMPLED], allow_missing=True),
            record=f"{GRADES}/run.json",
        wildcard_constraints:
            model="|".join(MODELS),
            method="base",
            seed="|".join(map(str, FURTHER_SEEDS)),
        params:
            graders=[PLAN[name]["grader"] for name, _ in SAMPLED],
            sandbox=CONFIG["sandbox"],
            code=fingerprint("lift.stages.judge", *(module_name("grader", PLAN[name]["grader"]) for name, _ in SAMPLED)),

    ruleorder: judge_samples > judge


# Aggregate target: a verdict on every answer.
rule grade:
    input:
        answer_files(GRADES, "csv"),
    message:
        "All grades"


# What all results were made with, for whoever opens them later.
rule settings:
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{LOGS}/settings.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
    params:
        config=json(CONFIG, keep_order=True),
        code=fingerprint("lift.stages.settings"),
    message:
        "The config as resolved"
    shell:
        "python -m lift settings" " --config {params.config:q}" " --output {output:q}" " > {log:q} 2>&1"


# All intervals, comparisons and claims are made of these.
rule problem_scores:
    input:
        grades=rules.grade.input,
        decoding=checkpoints(f"{GENERATIONS}/run.json"),
        training=expand(f"{RUN}/run.json", model=MODELS, method=TRAINED, seed=SEEDS),
    output:
        problems=f"{RESULTS}/problem_scores.parquet",
        costs=report(f"{RESULTS}/costs.csv", caption="../report/costs.rst", category="Scores"),
    log:
        f"{LOGS}/problem_scores.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings={
            "plan": json(
                {name: {key: plan[key] for key in ("metric", "k", "decoders")} for name, plan in PLAN.items()}
            ),
            "runs": json({name: entry["run_of"] for name, entry in CONFIG["methods"].items() if "run_of" in entry}),
        },
        output=lambda wildcards, output: Path(output.problems).parent,
        code=fingerprint("lift.stages.problem_scores"),
    message:
        "The score of every problem"
    shell:
        "python -m lift problem-scores"
        " --grades {input.grades:q}"
        " --plan {params.settings[plan]:q}"
        " --runs {params.settings[runs]:q}"
        " --records {input.decoding:q} {input.training:q}"
        " --output {params.output:q}"
        " > {log:q} 2>&1"


rule scores:
    input:
        rules.problem_scores.output.problems,
    output:
        report(f"{RESULTS}/scores.csv", caption="../report/scores.rst", category="Scores"),
    log:
        f"{LOGS}/scores.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings={
            "experiment": CONFIG["experiment"],
            "plan": json({name: {"decoders": plan["decoders"]} for name, plan in PLAN.items()}),
        },
        code=fingerprint("lift.stages.scores"),
    message:
        "Scores with intervals"
    shell:
        "python -m lift scores"
        " --experiment {params.settings[experiment]}"
        " --problems {input:q}"
        " --plan {params.settings[plan]:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


# Every method next to the references, over the same problems.
rule comparisons:
    input:
        rules.problem_scores.output.problems,
    output:
        report(f"{RESULTS}/comparisons.csv", caption="../report/comparisons.rst", category="Scores"),
    log:
        f"{LOGS}/comparisons.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        references=CONFIG["references"],
        code=fingerprint("lift.stages.compare"),
    message:
        "Comparisons with {params.references}"
    shell:
        "python -m lift compare"
        " --problems {input:q}"
        " --references {params.references}"
        " --leave-out guess"
        " --output {output:q}"
        " > {log:q} 2>&1"


TABLES = ["main", "comparisons", "claims", "reported", "pass_at_k", "format", "decoders", "statistics"]


rule tables:
    input:
        scores=rules.scores.output,
        costs=rules.problem_scores.output.costs,
        problems=rules.problem_scores.output.problems,
        comparisons=rules.comparisons.output,
        statistics=rules.statistics.input,
        claims=in_repository("config/claims.yaml"),
        reported=in_repository("config/reported.csv"),
    output:
        [
            report(
                f"{RESULTS}/tables/{table}.csv",
                caption=f"../report/{table}.rst",
                category="Tables",
                labels={"table": table},
            )
            for table in TABLES
        ],
        expand(f"{RESULTS}/tables/{{table}}.{{extension}}", table=TABLES, extension=["md", "tex"]),
    log:
        f"{LOGS}/tables.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        settings={
            "metrics": json(METRICS, keep_order=True),
            "sources": json({name: entry["source"] for name, entry in CONFIG["benchmarks"].items()}),
            "decoders": json({name: list(plan["decoders"]) for name, plan in PLAN.items()}),
            "bases": json({name: entry["base"] for name, entry in CONFIG["models"].items()}, keep_order=True),
            "methods": ROWS,
        },
        output=lambda wildcards, output: Path(output[0]).parent,
        code=fingerprint("lift.stages.tables"),
    message:
        "Tables"
    shell:
        "python -m lift tables"
        " --scores {input.scores:q}"
        " --costs {input.costs:q}"
        " --problems {input.problems:q}"
        " --comparisons {input.comparisons:q}"
        " --statistics {input.statistics:q}"
        " --claims {input.claims:q}"
        " --reported {input.reported:q}"
        " --metrics {params.settings[metrics]:q}"
        " --sources {params.settings[sources]:q}"
        " --decoders {params.settings[decoders]:q}"
        " --bases {params.settings[bases]:q}"
        " --methods {params.settings[methods]}"
        " --output {params.output:q}"
        " > {log:q} 2>&1"


# What this experiment could find, and what smaller differences would have taken.
rule power:
    input:
        config=rules.settings.output[0],
        problems=rules.problem_scores.output.problems,
        claims=in_repository("config/claims.yaml"),
    output:
        report(
            f"{RESULTS}/tables/power.csv",
            caption="../report/power.rst",
            category="Tables",
            labels={"table": "power"},
        ),
        expand(f"{RESULTS}/tables/power.{{extension}}", extension=["md", "tex"]),
    log:
        f"{LOGS}/power.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        results=lambda wildcards, input: Path(input.config).parent,
        output=lambda wildcards, output: Path(output[0]).with_suffix(""),
        code=fingerprint("lift.stages.power"),
    message:
        "What this experiment can find"
    shell:
        "python -m lift power"
        " --config {input.config:q}"
        " --results {params.results:q}"
        " --from {params.results:q}"
        " --claims {input.claims:q}"
        " --output {params.output:q}"
        " > {log:q} 2>&1"


ABLATIONS = [method for method in METHODS if method in CONFIG["ablations"]]
MAIN_ROWS = [method for method in ROWS if method not in ABLATIONS]
# What each figure shows, by its name: the kind of figure, and its labels in the report.
FIGURES = {
    "-".join([kind, *labels]): (kind, {"figure": kind, "model": labels[0], "of": labels[1] if labels[1:] else "-"})
    for kinds, parts in (
        (("scores", "pass_at_k", "cost"), [(model, str(length)) for model in MODELS for length in LENGTHS]),
        (("held_out_loss", "trained_on"), [(model,) for model in MODELS]),
        (("confidence", "heatmap"), [(model, CONFIG["statistics"]["corpus"]) for model in MODELS]),
    )
    for kind in kinds
    for labels in parts
}


rule figures:
    input:
        scores=rules.scores.output,
        costs=rules.problem_scores.output.costs,
        statistics=rules.statistics.input,
        logs=expand(f"{RUN}/log.jsonl", model=MODELS, method=TRAINED, seed=SEEDS),
    output:
        [
            report(
                f"{RESULTS}/figures/{figure}.png",
                caption=f"../report/figure_{kind}.rst",
                category="Figures",
                labels=labels,
            )
            for figure, (kind, labels) in FIGURES.items()
        ],
        expand(f"{RESULTS}/figures/{{figure}}.{{extension}}", figure=FIGURES, extension=["pdf", "csv"]),
    log:
        f"{LOGS}/figures.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        settings={
            "metrics": json(METRICS, keep_order=True),
            "decoders": json({name: list(plan["decoders"]) for name, plan in PLAN.items()}),
            "methods": MAIN_ROWS,
            "ablations": ABLATIONS,
        },
        output=lambda wildcards, output: Path(output[0]).parent,
        code=fingerprint("lift.stages.figures"),
    message:
        "Figures"
    shell:
        "python -m lift figures"
        " --scores {input.scores:q}"
        " --costs {input.costs:q}"
        " --statistics {input.statistics:q}"
        " --logs {input.logs:q}"
        " --metrics {params.settings[metrics]:q}"
        " --decoders {params.settings[decoders]:q}"
        " --methods {params.settings[methods]}"
        " --ablations {params.settings[ablations]}"
        " --output {params.output:q}"
        " > {log:q} 2>&1"


# One page to open: all of the above, and the answers behind every number.
rule page:
    input:
        rules.settings.output,
        rules.problem_scores.output,
        rules.scores.output,
        rules.comparisons.output,
        rules.tables.output,
        rules.power.output,
        rules.figures.output,
        rules.data_report.output,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        results=lambda wildcards, output: Path(output[0]).parent,
        settings={
            "metrics": json(METRICS, keep_order=True),
            "decoders": json({name: list(plan["decoders"]) for name, plan in PLAN.items()}),
            "methods": ROWS,
            "reference": CONFIG["references"][0],
        },
        code=fingerprint("lift.stages.report") + file_hash(*page.SOURCES),
    message:
        "The page with everything"
    shell:
        "python -m lift report"
        " --results {params.results:q}"
        " --metrics {params.settings[metrics]:q}"
        " --decoders {params.settings[decoders]:q}"
        " --methods {params.settings[methods]}"
        " --reference {params.settings[reference]}"
        " --output {output:q}"
        " > {log:q} 2>&1"
