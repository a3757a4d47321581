# The report. In: scores, comparisons, costs, token statistics, training logs. Out: tables, figures, the page.
# What all results were made with, for whoever opens them later.
rule settings:
    output:
        AT.config,
    log:
        AT.log("settings"),
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=500,
    params:
        **stage("settings", EXPERIMENT.recorded()),
    message:
        "The config as resolved"
    shell:
        "{params.lift} > {log:q} 2>&1"


rule tables:
    input:
        scores=AT.scores,
        costs=AT.costs,
        problems=AT.problem_scores,
        comparisons=AT.comparisons,
        statistics=rules.statistics.input,
        claims=in_repository("config/claims.yaml"),
        reported=in_repository("config/reported.csv"),
    output:
        *tables("tables"),
    log:
        AT.log("tables"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        **stage("tables", EXPERIMENT.tables()),
    message:
        "Tables"
    shell:
        "{params.lift} --claims {input.claims:q} --reported {input.reported:q} > {log:q} 2>&1"


# What this experiment could find, and what smaller differences would have taken.
rule power:
    input:
        problems=AT.problem_scores,
        costs=AT.costs,
        claims=in_repository("config/claims.yaml"),
    output:
        *tables("power"),
    log:
        AT.log("power"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        **stage("power", EXPERIMENT.recorded()),
        output=lambda wildcards, output: Path(output[0]).with_suffix(""),
    message:
        "What this experiment can find"
    shell:
        "{params.lift} --claims {input.claims:q} --output {params.output:q} > {log:q} 2>&1"


FIGURES = figures(EXPERIMENT.models, EXPERIMENT.lengths, EXPERIMENT.config["statistics"]["corpus"])


rule figures:
    input:
        scores=AT.scores,
        costs=AT.costs,
        statistics=rules.statistics.input,
        logs=expand(RUN / "log.jsonl", model=EXPERIMENT.models, method=EXPERIMENT.trained, seed=EXPERIMENT.seeds),
    output:
        [
            report(f"{AT.figure(name)}.png", f"../report/figure_{labels['figure']}.rst", "Figures", labels=labels)
            for name, labels in FIGURES.items()
        ],
        [f"{AT.figure(name)}.{ending}" for name in FIGURES for ending in ("pdf", "csv")],
    log:
        AT.log("figures"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        **stage("figures", EXPERIMENT.figures()),
    message:
        "Figures"
    shell:
        "{params.lift} > {log:q} 2>&1"


PAGE_SOURCES = [*REPOSITORY.glob("lift/report/page/page.[!p]*"), *REPOSITORY.glob("workflow/report/figure_*.rst")]


# One page to open: all of the above, and the answers behind every number.
use rule figures as page with:
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
        AT.page,
    log:
        AT.log("report"),
    resources:
        mem_mb=2000,
    params:
        **stage("report", EXPERIMENT.page()),
        sources=file_hash(*sorted(PAGE_SOURCES)),
    message:
        "The page with everything"
