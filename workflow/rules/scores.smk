# Scores. In: verdicts. Out: the score of every problem, costs, scores with intervals, comparisons.
# All intervals, comparisons and claims are made of these.
rule problem_scores:
    input:
        grades=rules.grade.input,
        decoding=[AT.generations(*place) / "run.json" for place in EXPERIMENT.checkpoints() if place[1] != "guess"],
        training=expand(RUN / "run.json", model=EXPERIMENT.models, method=EXPERIMENT.trained, seed=EXPERIMENT.seeds),
    output:
        problems=AT.problem_scores,
        costs=report(AT.costs, caption="../report/costs.rst", category="Scores"),
    log:
        AT.log("problem_scores"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        lift=lift("problem-scores"),
        settings=key(EXPERIMENT.scoring()),
        code=code("problem_scores"),
    message:
        "The score of every problem"
    shell:
        "{params.lift} > {log:q} 2>&1"


rule scores:
    input:
        AT.problem_scores,
    output:
        report(AT.scores, caption="../report/scores.rst", category="Scores"),
    log:
        AT.log("scores"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        lift=lift("scores"),
        settings=key({name: view["decoders"] for name, view in EXPERIMENT.scoring()["benchmarks"].items()}),
        code=code("scores"),
    message:
        "Scores with intervals"
    shell:
        "{params.lift} > {log:q} 2>&1"


# Every method next to the references, over the same problems.
rule comparisons:
    input:
        AT.problem_scores,
    output:
        report(AT.comparisons, caption="../report/comparisons.rst", category="Scores"),
    log:
        AT.log("comparisons"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        lift=lift("compare"),
        settings=key(EXPERIMENT.config["references"]),
        code=code("compare"),
    message:
        "Comparisons with the references"
    shell:
        "{params.lift} > {log:q} 2>&1"
