# Scores. In: verdicts. Out: the score of every problem, costs, scores with intervals, comparisons.
# All intervals, comparisons and claims are made of these.
rule problem_scores:
    input:
        grades=rules.grade.input,
        decoding=[L.generations(*place) / "run.json" for place in E.checkpoints() if place[1] != "guess"],
        training=expand(RUN / "run.json", model=E.models, method=E.trained, seed=E.seeds),
    output:
        problems=L.problem_scores,
        costs=report(L.costs, caption="../report/costs.rst", category="Scores"),
    log:
        L.log("problem_scores"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        lift=lift("problem-scores"),
        settings=key(E.scoring()),
        code=code("problem_scores"),
    message:
        "The score of every problem"
    shell:
        "{params.lift} > {log:q} 2>&1"


rule scores:
    input:
        L.problem_scores,
    output:
        report(L.scores, caption="../report/scores.rst", category="Scores"),
    log:
        L.log("scores"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        lift=lift("scores"),
        settings=key(E.scoring()["benchmarks"]),
        code=code("scores"),
    message:
        "Scores with intervals"
    shell:
        "{params.lift} > {log:q} 2>&1"


# Every method next to the references, over the same problems.
rule comparisons:
    input:
        L.problem_scores,
    output:
        report(L.comparisons, caption="../report/comparisons.rst", category="Scores"),
    log:
        L.log("comparisons"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        lift=lift("compare"),
        settings=key(E.config["references"]),
        code=code("compare"),
    message:
        "Comparisons with the references"
    shell:
        "{params.lift} > {log:q} 2>&1"
