# Fine-tuning. In: a base model and a tokenised corpus. Out: a run a method and seed: weights, log, record.
RUN = f"{RESULTS}/runs/{{model}}/{{method}}/seed{{seed}}"


rule train:
    input:
        model=lambda wildcards: model_folder(wildcards.model),
        corpus=lambda wildcards: (
            f"{RESULTS}/data/{wildcards.model}/{configuration.method_training(CONFIG, wildcards.method)['corpus']}"
        ),
    output:
        best=directory(f"{RUN}/best"),
        last=directory(f"{RUN}/last"),
        config=f"{RUN}/config.yaml",
        log=f"{RUN}/log.jsonl",
        record=f"{RUN}/run.json",
    log:
        f"{LOGS}/runs/{{model}}/{{method}}/seed{{seed}}.log",
    benchmark:
        f"{TIMINGS}/runs/{{model}}/{{method}}/seed{{seed}}.tsv"
    wildcard_constraints:
        method="|".join(TRAINED),
    conda:
        ENVIRONMENT
    threads: lambda wildcards: CONFIG["threads"] * (1 if GPUS else training(wildcards.method)["devices"])
    resources:
        mem_mb=lambda wildcards: training(wildcards.method)["devices"] * memory_mb(wildcards),
        gpu=lambda wildcards: GPUS * training(wildcards.method)["devices"],
    params:
        settings=lambda wildcards: {
            "objective": CONFIG["methods"][wildcards.method]["objective"],
            "of objective": json(configuration.method_settings(CONFIG["methods"][wildcards.method])),
            "training": json(training(wildcards.method)),
            "device": CONFIG["device"],
            "dtype": CONFIG["models"][wildcards.model]["dtype"],
        },
        resume=f"{RESULTS}/.resume/runs/{{model}}/{{method}}/seed{{seed}}",
        output=lambda wildcards, output: Path(output.record).parent,
        code=lambda wildcards: fingerprint(
            "lift.stages.finetune", module_name("objective", CONFIG["methods"][wildcards.method]["objective"])
        ),
    message:
        "Fine-tuning {wildcards.model} by {wildcards.method}, seed {wildcards.seed} (GPUs: {resources.gpu})"
    shell:
        "python -m lift finetune"
        " --model {input.model:q}"
        " --corpus {input.corpus:q}"
        " --objective {params.settings[objective]}"
        " --objective-settings {params.settings[of objective]:q}"
        " --training {params.settings[training]:q}"
        " --seed {wildcards.seed}"
        " --device {params.settings[device]}"
        " --dtype {params.settings[dtype]}"
        " --threads {threads}"
        " --resume {params.resume:q}"
        " --output {params.output:q}"
        " > {log:q} 2>&1"


# Aggregate target: every method and seed.
rule finetune:
    input:
        expand(rules.train.output, model=MODELS, method=TRAINED, seed=SEEDS),
    message:
        "All fine-tuning runs"
