# Token statistics. In: a base model and a tokenised corpus. Out: confidence by token and masking level.
STATISTICS = AT.statistics("{model}", "{corpus}")


rule token_statistics:
    input:
        model=model_of,
        corpus=AT.tokenised("{model}", "{corpus}"),
    output:
        table=STATISTICS,
        record=STATISTICS.with_suffix(".json"),
    log:
        AT.log("statistics/{model}-{corpus}"),
    benchmark:
        AT.timing("statistics/{model}-{corpus}")
    wildcard_constraints:
        corpus=EXPERIMENT.config["statistics"]["corpus"],
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.config["threads"] * (1 if GPUS else SHARDS)
    resources:
        mem_mb=MEMORY_MB * SHARDS,
        gpu=GPUS * SHARDS,
        runtime=runtime("statistics"),
    params:
        **stage("statistics", lambda wildcards: EXPERIMENT.statistics(wildcards.model)),
    message:
        "Confidence by token and level: {wildcards.model} on {wildcards.corpus} (GPUs: {resources.gpu})"
    shell:
        "{params.lift} --model {wildcards.model:q} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"


# Aggregate target: the token statistics of every model.
rule statistics:
    input:
        [AT.statistics(model, EXPERIMENT.config["statistics"]["corpus"]) for model in EXPERIMENT.models],
    message:
        "All token statistics"
