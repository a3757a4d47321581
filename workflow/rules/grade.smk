# Grading. In: answers and the problems. Out: a verdict on each.
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
