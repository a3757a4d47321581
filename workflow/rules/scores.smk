# Scores. In: verdicts. Out: the score of every problem, costs, scores with intervals, comparisons.
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
