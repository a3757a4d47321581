# Fine-tuning. In: a base model and a tokenised corpus. Out: a run a method and seed: weights, log, record.
RUN = AT.run("{model}", "{method}", "{seed}")


rule train:
    input:
        model=model_of,
        corpus=lambda wildcards: str(AT.tokenised(wildcards.model, EXPERIMENT.training(wildcards.method)["corpus"])),
    output:
        best=directory(RUN / "best"),
        last=directory(RUN / "last"),
        config=RUN / "config.yaml",
        log=RUN / "log.jsonl",
        record=RUN / "run.json",
    log:
        AT.log("runs/{model}/{method}/seed{seed}"),
    benchmark:
        AT.timing("runs/{model}/{method}/seed{seed}")
    wildcard_constraints:
        method="|".join(EXPERIMENT.trained),
    conda:
        ENVIRONMENT
    threads: lambda wildcards: EXPERIMENT.config["threads"] * (1 if GPUS else devices(wildcards))
    resources:
        mem_mb=lambda wildcards: devices(wildcards) * MEMORY_MB,
        gpu=lambda wildcards: GPUS * devices(wildcards),
        runtime=runtime("finetune"),
    params:
        **stage(
            "finetune",
            lambda wildcards: EXPERIMENT.run(wildcards.model, wildcards.method),
            lambda view: [module_name("objective", view["objective"])],
        ),
    message:
        "Fine-tuning {wildcards.model} by {wildcards.method}, seed {wildcards.seed} (GPUs: {resources.gpu})"
    shell:
        "{params.lift} --model {wildcards.model:q} --method {wildcards.method:q} --seed {wildcards.seed}"
        " --threads {threads} > {log:q} 2>&1"


# Aggregate target: every method and seed.
rule finetune:
    input:
        expand(rules.train.output, model=EXPERIMENT.models, method=EXPERIMENT.trained, seed=EXPERIMENT.seeds),
    message:
        "All fine-tuning runs"
