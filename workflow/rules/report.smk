# The report. In: scores, comparisons, costs, token statistics, training logs. Out: tables, figures, the page.
# What all results were made with, for whoever opens them later.
rule settings:
    output:
        L.config,
    log:
        L.log("settings"),
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=500,
    params:
        lift=lift("settings"),
        settings=key(E.all()),
        code=code("settings"),
    message:
        "The config as resolved"
    shell:
        "{params.lift} > {log:q} 2>&1"


rule tables:
    input:
        scores=L.scores,
        costs=L.costs,
        problems=L.problem_scores,
        comparisons=L.comparisons,
        statistics=rules.statistics.input,
        claims=in_repository("config/claims.yaml"),
        reported=in_repository("config/reported.csv"),
    output:
        *tables("tables"),
    log:
        L.log("tables"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        lift=lift("tables"),
        settings=key(E.report()),
        code=code("tables"),
    message:
        "Tables"
    shell:
        "{params.lift} --claims {input.claims:q} --reported {input.reported:q} > {log:q} 2>&1"


# What this experiment could find, and what smaller differences would have taken.
rule power:
    input:
        problems=L.problem_scores,
        claims=in_repository("config/claims.yaml"),
    output:
        *tables("power"),
    log:
        L.log("power"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        lift=lift("power"),
        settings=key(E.all()),
        output=lambda wildcards, output: Path(output[0]).with_suffix(""),
        code=code("power"),
    message:
        "What this experiment can find"
    shell:
        "{params.lift} --claims {input.claims:q} --output {params.output:q} > {log:q} 2>&1"


FIGURES = figures(E.models, E.lengths, E.config["statistics"]["corpus"])


rule figures:
    input:
        scores=L.scores,
        costs=L.costs,
        statistics=rules.statistics.input,
        logs=expand(RUN / "log.jsonl", model=E.models, method=E.trained, seed=E.seeds),
    output:
        [
            report(
                f"{L.figure(name)}.png",
                caption=f"../report/figure_{labels['figure']}.rst",
                category="Figures",
                labels=labels,
            )
            for name, labels in FIGURES.items()
        ],
        [f"{L.figure(name)}.{ending}" for name in FIGURES for ending in ("pdf", "csv")],
    log:
        L.log("figures"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        lift=lift("figures"),
        settings=key(E.report()),
        code=code("figures"),
    message:
        "Figures"
    shell:
        "{params.lift} > {log:q} 2>&1"


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
        L.page,
    log:
        L.log("report"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        lift=lift("report"),
        settings=key(E.report()),
        code=code("report") + file_hash(*sorted((REPOSITORY / "lift/report/page").glob("page.[!p]*"))),
    message:
        "The page with everything"
    shell:
        "{params.lift} > {log:q} 2>&1"
