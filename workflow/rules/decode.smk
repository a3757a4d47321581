# Decoding. In: a checkpoint and the problems. Out: a file of answers a benchmark and decoder.
GENERATIONS = AT.generations("{model}", "{method}", "{seed}")
# Seeds with which the base answers anew what is drawn at random.
FURTHER = EXPERIMENT.answers("base", -1) and EXPERIMENT.seeds[1:]


# One job answers all benchmarks of a checkpoint: starting Python and loading a model costs more than many benchmarks.
rule answer:
    input:
        unpack(weights),
        benchmarks=problems("", 0),
    output:
        answers=answer_files(GENERATIONS, "jsonl"),
        record=GENERATIONS / "run.json",
    log:
        AT.log("generations/{model}/{method}/seed{seed}"),
    benchmark:
        AT.timing("generations/{model}/{method}/seed{seed}")
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.config["threads"] * (1 if GPUS else SHARDS)
    resources:
        mem_mb=MEMORY_MB * SHARDS,
        gpu=GPUS * SHARDS,
        runtime=runtime("decode"),
    params:
        **stage("decode", lambda wildcards: EXPERIMENT.decoding(wildcards.model, wildcards.method, int(wildcards.seed))),
    message:
        "Decoding with {wildcards.model}, {wildcards.method}, seed {wildcards.seed} (GPUs: {resources.gpu})"
    shell:
        "{params.lift} --model {wildcards.model:q} --method {wildcards.method:q} --seed {wildcards.seed}"
        " --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"


if FURTHER:

    # The base with a further seed: only what is drawn at random differs.
    use rule answer as answer_samples with:
        input:
            unpack(weights),
            benchmarks=problems("base", -1),
        output:
            answers=answer_files(GENERATIONS, "jsonl", "base", -1),
            record=GENERATIONS / "run.json",
        wildcard_constraints:
            method="base",
            seed="|".join(map(str, FURTHER)),
        resources:
            mem_mb=MEMORY_MB * SHARDS,
            gpu=GPUS * SHARDS,
            runtime=runtime("decode", "base, further seeds"),

    ruleorder: answer_samples > answer


# The floor: random well-formed answers in place of a model's.
rule guess:
    input:
        problems("guess", 0),
    output:
        answer_files(AT.generations("none", "guess", 0), "jsonl", "guess"),
    log:
        AT.log("generations/none/guess"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
    params:
        **stage("guess", EXPERIMENT.guessing()),
    message:
        "Guessing at random"
    shell:
        "{params.lift} > {log:q} 2>&1"


# Aggregate target: all answers.
rule decode:
    input:
        [AT.generations(*place) / decoder / f"{name}.jsonl" for *place, name, decoder in EXPERIMENT.answered()],
    message:
        "All answers"
