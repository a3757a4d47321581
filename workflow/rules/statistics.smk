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
    threads: EXPERIMENT.config["threads"]
    resources:
        mem_mb=MEMORY_MB,
        gpu=GPUS,
        runtime=runtime("statistics"),
    params:
        **stage("statistics", lambda wildcards: EXPERIMENT.statistics(wildcards.model)),
    message:
        "Confidence by token and level: {wildcards.model} on {wildcards.corpus} (GPUs: {resources.gpu})"
    shell:
        "{params.lift} --model {wildcards.model:q} --threads {threads} > {log:q} 2>&1"


if SHARDS > 1:

    use rule token_statistics as statistics_shard with:
        output:
            temp(AT.statistics_part("{model}", "{corpus}", "{shard}")),
        log:
            AT.log("statistics/{model}-{corpus}-{shard}"),
        benchmark:
            AT.timing("statistics/{model}-{corpus}-{shard}")
        message:
            "Confidence by token and level: {wildcards.model} on {wildcards.corpus}, shard {wildcards.shard}"
            f" of {SHARDS} (GPUs: {{resources.gpu}})"

    rule gather_statistics:
        input:
            model=model_of,
            parts=[AT.statistics_part("{model}", "{corpus}", shard) for shard in range(1, SHARDS + 1)],
        output:
            **rules.token_statistics.output,
        log:
            AT.log("statistics/{model}-{corpus}"),
        conda:
            ENVIRONMENT
        resources:
            mem_mb=4000,
        params:
            **stage("gather-statistics", lambda wildcards: EXPERIMENT.statistics(wildcards.model)),
        message:
            "Confidence by token and level: {wildcards.model} on {wildcards.corpus}, from all shards"
        shell:
            "{params.lift} --model {wildcards.model:q} > {log:q} 2>&1"

    ruleorder: gather_statistics > token_statistics


# Aggregate target: the token statistics of every model.
rule statistics:
    input:
        [AT.statistics(model, EXPERIMENT.config["statistics"]["corpus"]) for model in EXPERIMENT.models],
    message:
        "All token statistics"
