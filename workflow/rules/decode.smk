# Decoding. In: a checkpoint and the problems. Out: a file of answers a benchmark and decoder.
GENERATIONS = f"{RESULTS}/generations/{{model}}/{{method}}/seed{{seed}}"
STORE = f"{RESULTS}/.answers/{{model}}/{{method}}/seed{{seed}}"


# One job answers all benchmarks of a checkpoint: starting Python and loading a model costs more than many benchmarks.
# With shards, their jobs have answered already, and this one gathers.
rule answer:
    input:
        unpack(weights),
        benchmarks=expand(rules.prepare_benchmark.output.problems, benchmark=BENCHMARKS),
        parts=[f"{STORE}/shard-{i}-of-{SHARDS}/run.json" for i in range(1, SHARDS + 1) if SHARDS > 1],
    output:
        answers=expand(f"{GENERATIONS}/{{path}}.jsonl", path=ANSWER_PATHS, allow_missing=True),
        record=f"{GENERATIONS}/run.json",
    log:
        f"{LOGS}/generations/{{model}}/{{method}}/seed{{seed}}.log",
    benchmark:
        f"{TIMINGS}/generations/{{model}}/{{method}}/seed{{seed}}.tsv"
    wildcard_constraints:
        model="|".join(MODELS),
    conda:
        ENVIRONMENT
    threads: CONFIG["threads"]
    resources:
        mem_mb=memory_mb,
        gpu=GPUS if SHARDS == 1 else 0,
    params:
        run=lambda wildcards, input: f"--run {input.run}" if "run" in input.keys() else "",
        settings=lambda wildcards: {
            "decoding": decoding(ANSWERS),
            "device": CONFIG["device"],
            "dtype": CONFIG["models"][wildcards.model]["dtype"],
        },
        store=STORE,
        shard=lambda wildcards: f"{wildcards.shard}/{SHARDS}" if "shard" in wildcards.keys() else "1/1",
        output=lambda wildcards, output: Path(output.record).parent,
        code=fingerprint("lift.stages.decode"),
    message:
        "Decoding with {wildcards.model}, {wildcards.method}, seed {wildcards.seed} (GPUs: {resources.gpu})"
    shell:
        "python -m lift decode"
        " --model {input.model:q}"
        " {params.run}"
        " --benchmarks {input.benchmarks:q}"
        " --decoding {params.settings[decoding]:q}"
        " --seed {wildcards.seed}"
        " --device {params.settings[device]}"
        " --dtype {params.settings[dtype]}"
        " --threads {threads}"
        " --store {params.store:q}"
        " --shard {params.shard}"
        " --parts {input.parts:q}"
        " --output {params.output:q}"
        " > {log:q} 2>&1"


use rule answer as answer_shard with:
    input:
        unpack(weights),
        benchmarks=expand(rules.prepare_benchmark.output.problems, benchmark=BENCHMARKS),
        parts=[],
    output:
        record=f"{STORE}/shard-{{shard}}-of-{SHARDS}/run.json",
    log:
        f"{LOGS}/generations/{{model}}/{{method}}/seed{{seed}}-shard{{shard}}.log",
    benchmark:
        f"{TIMINGS}/generations/{{model}}/{{method}}/seed{{seed}}-shard{{shard}}.tsv"
    wildcard_constraints:
        model="|".join(MODELS),
        shard=r"\d+",
    resources:
        mem_mb=memory_mb,
        gpu=GPUS,
    message:
        "Decoding with {wildcards.model}, {wildcards.method}, seed {wildcards.seed}, shard {wildcards.shard}"


if FURTHER_SEEDS:

    # The base with a further seed: only what is drawn at random differs.
    use rule answer as answer_samples with:
        input:
            unpack(weights),
            benchmarks=expand(
                rules.prepare_benchmark.output.problems, benchmark=list(dict.fromkeys(name for name, _ in SAMPLED))
            ),
            parts=[],
        output:
            answers=expand(f"{GENERATIONS}/{{path}}.jsonl", path=[p for _, p in SAMPLED], allow_missing=True),
            record=f"{GENERATIONS}/run.json",
        wildcard_constraints:
            model="|".join(MODELS),
            method="base",
            seed="|".join(map(str, FURTHER_SEEDS)),
        resources:
            mem_mb=memory_mb,
            gpu=GPUS,
        params:
            settings=lambda wildcards: {
                "decoding": decoding(SAMPLED),
                "device": CONFIG["device"],
                "dtype": CONFIG["models"][wildcards.model]["dtype"],
            },

    ruleorder: answer_samples > answer


# The floor: random well-formed answers in place of a model's.
rule guess:
    input:
        benchmarks=[f"{RESULTS}/benchmarks/{name}.jsonl" for name, _ in GUESSED],
    output:
        [f"{RESULTS}/generations/none/guess/seed0/{path}.jsonl" for _, path in GUESSED],
    log:
        f"{LOGS}/generations/none/guess.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        samples=json({name: plan["samples"] if plan["metric"] == "pass@k" else 16 for name, plan in PLAN.items()}),
        code=fingerprint("lift.stages.guess"),
    message:
        "Guessing at random"
    shell:
        "python -m lift guess"
        " --benchmarks {input.benchmarks:q}"
        " --samples {params.samples:q}"
        " --outputs {output:q}"
        " > {log:q} 2>&1"


# Aggregate target: all answers.
rule decode:
    input:
        answer_files(GENERATIONS, "jsonl"),
    message:
        "All answers"
