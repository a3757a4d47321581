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
    resources:
        mem_mb=2000,
    params:
        **stage("problem-scores", EXPERIMENT.scoring()),
    message:
        "The score of every problem"
    shell:
        "{params.lift} > {log:q} 2>&1"


use rule problem_scores as scores with:
    input:
        AT.problem_scores,
    output:
        report(AT.scores, caption="../report/scores.rst", category="Scores"),
    log:
        AT.log("scores"),
    params:
        **stage("scores", {name: view["decoders"] for name, view in EXPERIMENT.scoring()["benchmarks"].items()}),
    message:
        "Scores with intervals"


# Every method next to the references, over the same problems.
use rule problem_scores as comparisons with:
    input:
        AT.problem_scores,
    output:
        report(AT.comparisons, caption="../report/comparisons.rst", category="Scores"),
    log:
        AT.log("comparisons"),
    params:
        **stage("compare", EXPERIMENT.config["references"]),
    message:
        "Comparisons with the references"
