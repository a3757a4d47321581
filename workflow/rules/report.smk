# The report. In: scores, comparisons, costs, token statistics, training logs. Out: tables, figures, the page.
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
        code=fingerprint("lift.stages.report")
        + file_hash(*sorted((REPOSITORY / "lift/report/page").glob("page.[!p]*"))),
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
