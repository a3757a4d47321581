# Grading. In: answers and the problems. Out: a verdict on each.
GRADES = AT.grades("{model}", "{method}", "{seed}")


rule judge:
    input:
        benchmarks=problems("", 0),
        answers=answer_files(GENERATIONS, "jsonl"),
    output:
        grades=answer_files(GRADES, "csv"),
        record=GRADES / "run.json",
    log:
        AT.log("grades/{model}/{method}/seed{seed}"),
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.config["threads"]
    resources:
        mem_mb=4000,
    params:
        **stage(
            "judge",
            lambda wildcards: EXPERIMENT.grading(wildcards.method, int(wildcards.seed)),
            lambda view: [module_name("grader", name) for name in view["graders"].values()],
        ),
    message:
        "Grading {wildcards.model}, {wildcards.method}, seed {wildcards.seed}"
    shell:
        "{params.lift} --model {wildcards.model:q} --method {wildcards.method:q} --seed {wildcards.seed}"
        " --threads {threads} > {log:q} 2>&1"


use rule judge as judge_guesses with:
    input:
        benchmarks=problems("guess", 0),
        answers=answer_files(GENERATIONS, "jsonl", "guess"),
    output:
        grades=answer_files(GRADES, "csv", "guess"),
        record=GRADES / "run.json",
    wildcard_constraints:
        model="none",


if FURTHER:

    use rule judge as judge_samples with:
        input:
            benchmarks=problems("base", -1),
            answers=answer_files(GENERATIONS, "jsonl", "base", -1),
        output:
            grades=answer_files(GRADES, "csv", "base", -1),
            record=GRADES / "run.json",
        wildcard_constraints:
            method="base",
            seed="|".join(map(str, FURTHER)),

    ruleorder: judge_samples > judge


# Aggregate target: a verdict on every answer.
rule grade:
    input:
        [AT.grades(*place) / decoder / f"{name}.csv" for *place, name, decoder in EXPERIMENT.answered()],
    message:
        "All grades"
